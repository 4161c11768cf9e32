#!/bin/sh
# The text is as clang-format 14 lays it out. usage: format.sh source-folder [known]
# `known` lists hashes of files that were found well formed by these rules: those are not laid out
# again, which is minutes on a busy machine.
set -eu
known=${2:-/dev/null}
cd "$1"
format=$(command -v clang-format-14 || command -v clang-format) || { echo "skipped: no clang-format"; exit 0; }
case $("$format" --version) in *"version 14."*) ;; *) echo "skipped: not clang-format 14"; exit 0 ;; esac
rules=$(sha256sum <.clang-format | cut -c1-16)
find . -name '*.[ch]' -not -path './build/*' -print0 | xargs -0 sha256sum | sed "s/^/$rules-/" |
    awk -v known="$known" 'BEGIN { while ((getline line < known) > 0) was[line] = 1 } !($1 in was)' >"${TMPDIR:-/tmp}/format.$$"
trap 'rm -f "${TMPDIR:-/tmp}/format.$$"' EXIT
cut -d' ' -f3- "${TMPDIR:-/tmp}/format.$$" | tr '\n' '\0' | xargs -0 -r "$format" --dry-run -Werror
[ "$known" = /dev/null ] || cut -d' ' -f1 "${TMPDIR:-/tmp}/format.$$" >>"$known"

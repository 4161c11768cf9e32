#!/bin/sh
# The text is as clang-format 14 lays it out. usage: format.sh source-folder
set -eu
cd "$1"
format=$(command -v clang-format-14 || command -v clang-format) || { echo "skipped: no clang-format"; exit 0; }
case $("$format" --version) in *"version 14."*) ;; *) echo "skipped: not clang-format 14"; exit 0 ;; esac
find . -name '*.[ch]' -not -path './build/*' -print0 | xargs -0 "$format" --dry-run -Werror

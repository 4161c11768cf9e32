#!/bin/sh
# Each command of `drover` is a row that its file ends with and a line of cli/commands.h.
# usage: commands.sh source-folder
set -eu
cd "$1"
status=0
[ -d cli ] || exit 0
for row in $(sed -nE 's/^const struct command ([a-z_]+) = .*/\1/p' cli/*.c); do
    grep -qE "^ +ROW\($row\)" cli/commands.h 2>/dev/null || { echo "$row is no line of cli/commands.h"; status=1; }
done
exit $status

#!/bin/sh
# Functions: at most 60 lines and 15 paths. Files: at most 500 lines, headers 150.
# usage: size.sh source-folder
set -eu
cd "$1"
command -v pmccabe >/dev/null || { echo "pmccabe is missing"; exit 1; }
files=$(find . -name '*.[ch]' -not -path './build/*')
found=$(
    pmccabe $files | awk -F'\t' '$2 > 15 || $5 > 60 { print $6 ": " $5 " lines, " $2 " paths" }'
    wc -l $files | awk '$2 != "total" && ($1 > 500 || ($2 ~ /\.h$/ && $1 > 150)) { print $2 ": " $1 " lines" }'
)
[ -z "$found" ] || { echo "$found"; exit 1; }

#!/bin/sh
# A symbol's prefix is its file's name, or its folder's: the name says where it lives.
# usage: names.sh build-folder
set -eu
found=$(find "$1" -name '*.c.o' ! -path '*/tests/*' ! -path '*/bench/*' ! -path '*/CompilerIdC/*' | while read -r object; do
    file=$(basename "$object" .c.o)
    folder=$(basename "$(dirname "$object")" .dir)
    nm -g --defined-only "$object" | awk -v file="$file" -v folder="$folder" '
        $3 != "main" && $3 !~ /^__(asan|odr|ubsan)/ && index($3, file) != 1 && index($3, folder "_") != 1 {
            print folder "/" file ".c exports " $3 }'
done)
[ -z "$found" ] || { echo "$found"; exit 1; }

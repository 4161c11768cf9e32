#!/bin/sh
# A symbol's prefix is its file's name, or its folder's: the name says where it lives. One nm for all
# objects: one for each takes minutes on a busy machine.
# usage: names.sh build-folder
set -eu
found=$(find "$1" -name '*.c.o' ! -path '*/tests/*' ! -path '*/bench/*' ! -path '*/CompilerIdC/*' -print0 |
    xargs -0 nm -A -g --defined-only | awk '
        {
            path = $0
            sub(/\.c\.o:.*/, "", path)
            n = split(path, part, "/")
            file = part[n]
            folder = part[n - 1]
            sub(/\.dir$/, "", folder)
        }
        $NF != "main" && $NF !~ /^__(asan|odr|ubsan)/ && index($NF, file) != 1 && index($NF, folder "_") != 1 {
            print folder "/" file ".c exports " $NF }')
[ -z "$found" ] || { echo "$found"; exit 1; }

#!/bin/sh
# The page on a disk that is full: annotate_full.py says what. usage: annotate_full.sh BIN_FOLDER
set -eu
exec python3 "$(dirname "$0")/annotate_full.py" "$1"

#!/bin/sh
# usage: follow.sh BIN_FOLDER
exec python3 "$(dirname "$0")/follow.py" "$1"

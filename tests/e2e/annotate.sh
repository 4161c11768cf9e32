#!/bin/sh
# A page on which people judge: annotate.py says what. usage: annotate.sh BIN_FOLDER
set -eu
exec python3 "$(dirname "$0")/annotate.py" "$1"

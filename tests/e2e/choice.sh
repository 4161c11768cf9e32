#!/bin/sh
# Active choice behind the page: choice.py says what. usage: choice.sh BIN_FOLDER
set -eu
exec python3 "$(dirname "$0")/choice.py" "$1"

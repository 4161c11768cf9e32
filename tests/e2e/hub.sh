#!/bin/sh
# Names of a hub, against a stand-in of its interface. usage: hub.sh BIN_FOLDER
set -eu
command -v python3 > /dev/null || { echo "skipped: no python3 to serve a hub"; exit 77; }
exec python3 "$(dirname "$0")/hub.py" "$1"

#!/bin/sh
# Backups while people write: annotate_backup.py says what. usage: annotate_backup.sh BIN_FOLDER
set -eu
exec python3 "$(dirname "$0")/annotate_backup.py" "$1"

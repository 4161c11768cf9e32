#!/bin/sh
# Whatever a terminal does to a run. usage: terminal.sh BIN_FOLDER
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/terminal.py" "$@"

#!/bin/sh
# usage: lora_fleet.sh BIN_FOLDER
exec python3 "$(dirname "$0")/lora_fleet.py" "$1"

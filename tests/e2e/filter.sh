#!/bin/sh
# drover data filter: what a process reward model, a rule or a judge thinks well of is kept.
# usage: filter.sh BIN_FOLDER
exec python3 "$(dirname "$0")/filter.py" "$1"

#!/bin/sh
# Is a run that people judge the better one? loop_gold.py says how. Skipped without zmq and msgpack. usage: loop_gold.sh BIN_FOLDER [SEEDS] [STEPS] [BATCH]
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/loop_gold.py" "$@"

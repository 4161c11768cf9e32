#!/bin/sh
# What stands still is named; see stalls.py. Skipped without zmq and msgpack.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/stalls.py" "$@"

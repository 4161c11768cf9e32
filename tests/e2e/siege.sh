#!/bin/sh
# Hostile clients against a fleet; see siege.py. Skipped without zmq and msgpack.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/siege.py" "$@"

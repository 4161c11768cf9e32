#!/bin/sh
# Who watches a fleet; see watching.py. Skipped without zmq and msgpack.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/watching.py" "$@"

#!/bin/sh
# An actor that lies, beside one that does not; see liar.py. Skipped without zmq and msgpack.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/liar.py" "$1"

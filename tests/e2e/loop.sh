#!/bin/sh
# The loop whole: a run, its page, people; see loop.py. Skipped without zmq and msgpack.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/loop.py" "$@"

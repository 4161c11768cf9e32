#!/bin/sh
# People in the loop on real processes; see people.py. Skipped without zmq and msgpack.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/people.py" "$@"

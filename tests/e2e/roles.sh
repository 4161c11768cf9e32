#!/bin/sh
# Keys, roles, tickets on real processes; see roles.py. Skipped without zmq and msgpack.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/roles.py" "$@"

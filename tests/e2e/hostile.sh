#!/bin/sh
# Members behind a broker that lies; see tests/fuzz/hostile.py. Skipped without zmq and msgpack.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/../fuzz/hostile.py" "$@"

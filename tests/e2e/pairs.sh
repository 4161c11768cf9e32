#!/bin/sh
# What people say of a run's pairs, from the page to the run: pairs.py says what. usage: pairs.sh BIN_FOLDER
set -eu
python=${DROVER_PYTHON:-python3}
"$python" -c 'import zmq, msgpack' 2>/dev/null || { echo "needs pyzmq and msgpack (DROVER_PYTHON)"; exit 77; }
exec "$python" "$(dirname "$0")/pairs.py" "$1"

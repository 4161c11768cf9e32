#!/bin/sh
# A model behind HTTP: serve.py says what. usage: serve.sh BIN_FOLDER
set -eu
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
exec python3 "$(dirname "$0")/serve.py" "$1"

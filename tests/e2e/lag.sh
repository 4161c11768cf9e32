#!/bin/sh
# overlap: lag at its most; see lag.py.
exec python3 "$(dirname "$0")/lag.py" "$1"

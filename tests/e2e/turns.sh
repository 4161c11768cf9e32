#!/bin/sh
# Runs that wait for their turn; a machine of other bits: turns.py.
exec python3 "$(dirname "$0")/turns.py" "$@"

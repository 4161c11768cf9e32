#!/bin/sh
# Others that fail: others.py.
exec python3 "$(dirname "$0")/others.py" "$@"

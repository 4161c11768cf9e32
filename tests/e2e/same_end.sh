#!/bin/sh
# The short list of same_end.py; `same_end.py BIN all` is the long one.
exec python3 "$(dirname "$0")/same_end.py" "$1"

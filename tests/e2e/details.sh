#!/bin/sh
exec python3 "$(dirname "$0")/details.py" "$1"

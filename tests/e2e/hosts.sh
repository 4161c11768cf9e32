#!/bin/sh
# A fleet over ssh on this machine; see hosts.py.
exec python3 "$(dirname "$0")/hosts.py" "$1"

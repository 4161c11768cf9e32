#!/bin/sh
# A fleet that speaks IPv6 alone; see ipv6.py.
exec python3 "$(dirname "$0")/ipv6.py" "$1"

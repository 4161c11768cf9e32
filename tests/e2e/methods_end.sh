#!/bin/sh
# The methods over the fleet beside PPO (same_end.sh): one hash each.
exec python3 "$(dirname "$0")/methods_end.py" "$1"

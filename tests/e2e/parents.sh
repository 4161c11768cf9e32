#!/bin/sh
# Hosts that give weights, and one that means it ill; see parents.py.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/parents.py" "$@"

#!/bin/sh
# `drover agreement` and what json= means: agreement.py says how.
exec "${DROVER_PYTHON:-python3}" "$(dirname "$0")/agreement.py" "$1"

#!/bin/sh
# A run that people judge, in a real browser: loop.py says what. usage: loop.sh BIN_FOLDER [PICTURES]
set -eu
python=python3
$python -c "import selenium" 2>/dev/null || python=/usr/bin/python3
$python -c "import selenium" 2>/dev/null || { echo "skipped: no selenium (Debian: python3-selenium)"; exit 77; }
exec "$python" "$(dirname "$0")/loop.py" "$@"

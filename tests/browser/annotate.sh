#!/bin/sh
# The page in a real browser: annotate.py says what. usage: annotate.sh BIN_FOLDER [PICTURES]
set -eu
# Debian's python3 has selenium; another that hides it in PATH has not.
python=python3
$python -c "import selenium" 2>/dev/null || python=/usr/bin/python3
$python -c "import selenium" 2>/dev/null || { echo "skipped: no selenium (Debian: python3-selenium)"; exit 77; }
exec "$python" "$(dirname "$0")/annotate.py" "$@"

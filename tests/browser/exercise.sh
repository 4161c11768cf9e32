#!/bin/sh
# docs/EXERCISE.md with two people in a real browser. The model is the toy, or, with DROVER_SMOLLM2=FILE.gguf, the page's own (an hour of two cores).
# usage: exercise.sh BIN_FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=python3
$python -c "import selenium" 2>/dev/null || python=/usr/bin/python3
PYTHONPATH=$here $python -c "import browser" || exit 77 # says what is missing
if [ -z "${DROVER_SMOLLM2:-}" ]; then echo "a toy stands for SmolLM2: DROVER_SMOLLM2 names no file"; fi
PYTHON=$python exec "$here/../e2e/exercise.sh" "$1" "${DROVER_SMOLLM2:-}" "$here/people.py"

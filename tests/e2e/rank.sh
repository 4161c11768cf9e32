#!/bin/sh
# drover rank: votes to a leaderboard, as people call it. usage: rank.sh BIN_FOLDER
exec python3 "$(dirname "$0")/rank.py" "$1"

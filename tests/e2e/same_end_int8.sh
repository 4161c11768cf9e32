#!/bin/sh
# Runs that compute in int8 end in one hash, too: on two instruction sets, with and without a wire
# between hosts, under kills. usage: same_end_int8.sh BIN_FOLDER
export DROVER_E2E_COMPUTE=int8
exec python3 "$(dirname "$0")/same_end.py" "$1" none.mixed-isa none.kill-few 2.wire

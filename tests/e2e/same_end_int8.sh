#!/bin/sh
# Runs that compute in int8 end in one hash, too: on two instruction sets, with and without a wire
# between hosts, under kills; and so do runs whose answers alone are written in int8.
# usage: same_end_int8.sh BIN_FOLDER
set -e
own=$(dirname "$0")
DROVER_E2E_COMPUTE=int8 python3 "$own/same_end.py" "$1" none.mixed-isa none.kill-few 2.wire
DROVER_E2E_COMPUTE=bfloat16 DROVER_E2E_GENERATION=int8 python3 "$own/same_end.py" "$1" none.mixed-isa none.kill-few

#!/bin/sh
# Standing actors and rewarders, and a run whose models are no use: they say why and stay.
# usage: unfit.sh BIN_FOLDER
python=${DROVER_PYTHON:-python3}
"$python" -c 'import zmq, msgpack' 2> /dev/null || {
    echo "skipped: $python has no zmq and msgpack; \$DROVER_PYTHON names another"
    exit 77
}
exec "$python" "$(dirname "$0")/unfit.py" "$1"

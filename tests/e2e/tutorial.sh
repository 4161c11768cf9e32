#!/bin/sh
# docs/TUTORIAL.md as it stands: its sh blocks, in order, in an empty folder. usage: tutorial.sh BIN_FOLDER
set -eu
bin=$(cd "$1" && pwd)
page=$(cd "$(dirname "$0")/../.." && pwd)/docs/TUTORIAL.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
PATH=$bin:$PATH
export PATH OMP_NUM_THREADS=1

sed -n '/^```sh$/,/^```$/{/^```/d;p;}' "$page" > page.sh
[ "$(grep -c '^drover' page.sh)" -ge 7 ] || { echo "FAILED: TUTORIAL.md has lost its commands"; exit 1; }
sh -eu page.sh > out 2> err || { cat out err; echo "FAILED: TUTORIAL.md"; exit 1; }
say() { # say 'words': the page's commands printed them
    grep -q -- "$1" out || { cat out; echo "FAILED: nothing says '$1'"; exit 1; }
}
# -ln sigmoid(beta * 2) for each beta, and its slopes -+ beta sigmoid(-beta * 2), by another hand
python3 - <<'PY' || exit 1
import math
lines = {line.split()[0]: line.split() for line in open("out") if line[:2] in ("0.", "0,")}
for beta in (0.05, 0.1, 0.5):
    got = [float(word) for word in lines["%g" % beta][1:7]]
    slope = beta / (1 + math.exp(2 * beta))
    want = [math.log(1 + math.exp(-2 * beta)), beta, -beta, 2 * beta, -slope, slope]
    if max(abs(a - b) for a, b in zip(got, want)) > 2e-6:
        raise SystemExit("FAILED: beta %g: %s, not %s" % (beta, got, want))
PY
say 'preference'
[ "$(grep -c '"a":.*"b":' answers.jsonl)" -eq 3 ] || { cat answers.jsonl; echo "FAILED: no pairs of answers"; exit 1; }
say '⟦The capital of France is Paris.'
[ -s dpo/model/model.safetensors ] && [ -s agent/model/model.safetensors ] || { echo "FAILED: no model"; exit 1; }
echo "ok: the tutorial"

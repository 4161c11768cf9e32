#!/bin/sh
# A judge on LLMBar: accuracy on each subset with interval, and how much the judge likes what is shown first.
# usage: llmbar.sh BIN_FOLDER LLMBAR_FOLDER MODEL [MOST_PAIRS_A_SUBSET [key=value of the judge ...]]
set -eu
drover=$1/drover
data=$2
model=$3
most=${4:-0}
[ $# -gt 3 ] && shift 4 || shift $#
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for subset in Natural Adversarial_Neighbor Adversarial_GPTInst Adversarial_GPTOut Adversarial_Manual; do
    python3 - "$data/$subset.json" > "$work/pairs.jsonl" <<'PY'
import json, sys
for row in json.load(open(sys.argv[1])):
    best = row["label"]
    print(json.dumps({"prompt": row["input"], "chosen": row["output_%d" % best], "rejected": row["output_%d" % (3 - best)]}))
PY
    echo "== $subset"
    "$drover" eval accuracy dataset="$work/pairs.jsonl" max_samples="$most" by.judge="$model" \
        by.template="$here/../examples/judge/pairwise.txt" json="$work/$subset.json" "$@"
done

#!/bin/sh
# A judge on LLMBar (Zeng et al. 2023, arXiv:2310.07641), and a table of it: accuracy of both orders together and of each by itself
# (chance 50 %), both orders right (chance 25 %), how often the orders agree, and how much the judge likes what is first or longer.
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
subsets="Natural Adversarial_Neighbor Adversarial_GPTInst Adversarial_GPTOut Adversarial_Manual"
for subset in $subsets; do
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
python3 - "$work" $subsets <<'PY'
import json, sys
print("\n| subset | pairs | both orders together | mean of the orders | both right | orders agree | first wins | prefers the longer | the longer is right |")
print("|---" * 9 + "|")
for subset in sys.argv[2:]:
    f = json.load(open(f"{sys.argv[1]}/{subset}.json"))
    share = lambda key: f"{100 * f[key]:.1f} [{100 * f[key + '_low']:.1f}, {100 * f[key + '_high']:.1f}]" if key + "_low" in f else f"{100 * f[key]:.1f}"
    print(f"| {subset} | {f['pairs']} | " + " | ".join(share(key) for key in (
        "accuracy", "accuracy_orders", "accuracy_both", "agreement", "first_chosen", "prefers_longer", "accuracy_longer")) + " |")
PY

#!/bin/sh
# A preference store from the terminal: in, out, trained on as it is, copied, checked, forgotten. usage: prefs.sh BIN_FOLDER
set -eu
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
model=$here/../golden/model/llama5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
cd "$work"
prefs() { "$bin/drover" prefs "$@" 2>>said; }
fail() {
    echo "FAILED: $*"
    cat said
    exit 1
}
refuse() { # refuse WORDS COMMAND...: fails, and says so
    words=$1
    shift
    if "$@" >out 2>&1; then fail "accepted: $*"; fi
    grep -q "$words" out || { cat out && fail "other words: $*"; }
}

for i in 1 2 3 4 5 6 7 8; do
    echo "{\"prompt\": \"q $i\", \"chosen\": \"yes $i\", \"rejected\": \"no\"}"
    echo "{\"prompt\": \"q $i\", \"completions\": [\"one\", \"two\"], \"labels\": [true, $([ $i -gt 4 ] && echo true || echo false)]}" >>steps.jsonl
    echo "{\"prompt\": \"q $i\", \"completion\": \"written $i\"}" >>sft.jsonl
done >pairs.jsonl
echo '{"prompt": "q 9", "chosen": "a", "rejected": "b", "tie": true}' >>pairs.jsonl

echo "-- in and out again, whole or not at all, twice as once"
for kind in pairs steps sft; do
    prefs import $kind.db $kind.jsonl
    prefs import $kind.db $kind.jsonl
    prefs export $kind.db output=$kind.out
    python3 -c 'import json, sys
a, b = ([json.loads(line) for line in open(name)] for name in sys.argv[1:])
sys.exit(a != b)' $kind.jsonl $kind.out || fail "$kind: not the rows that went in"
done
echo 'not a record' >bad.jsonl
refuse 'bad.jsonl:1' "$bin/drover" prefs import sft.db pairs.jsonl bad.jsonl
[ "$(prefs stats sft.db json=- | python3 -c 'import json, sys; print(json.load(sys.stdin)["items"])')" = 17 ] || fail "items"
rm sft.db
refuse 'bad.jsonl:1' "$bin/drover" prefs import sft.db bad.jsonl
[ ! -e sft.db ] || fail "a store for nothing"
prefs import sft.db sft.jsonl

echo "-- each mode trains as it is, with the bits of its export"
for run in "dpo pairs" "prm steps" "sft sft"; do
    for data in db out; do
        "$bin/drover-learner" ${run% *} dataset=${run#* }.$data model="$model" max_steps=2 per_device_train_batch_size=4 \
            strict=false output_dir=$data.run >run.log 2>&1 || { cat run.log && fail "$run.$data"; }
        sed -n 's/.*weights //p' run.log >>hashes
        rm -rf $data.run
    done
done
[ "$(sort hashes | uniq -c | awk '{ print $1 }' | tr -d '\n')" = 222 ] || { cat hashes && fail "a store trains otherwise than its export"; }

echo "-- what people should see next"
for i in 1 2 3 4 5 6 7 8 9; do
    echo "{\"prompt\": \"what $i\", \"chosen\": \"this $i and $((i * i))\", \"rejected\": \"that $((9 - i))\"}"
done >asked.jsonl
cp pairs.db active.db
prefs import active.db asked.jsonl verdicts=false
active() { python3 -c 'import sqlite3, sys
for row in sqlite3.connect("file:active.db?mode=ro", uri=True).execute("SELECT id, active, chance FROM item WHERE active IS NOT NULL ORDER BY priority DESC"):
    print(*row)'; }
prefs choose active.db model="$model" strategy=determinant batch=4 epsilon=0.25
active >first
prefs choose active.db model="$model" strategy=determinant batch=4 epsilon=0.25
active | cmp first - || fail "the same store, another choice"
[ "$(wc -l <first)" = 4 ] && [ "$(cut -d' ' -f2 first | uniq)" = determinant ] || { cat first && fail "choice"; }
# A place is its own with 3/4 and 1/4 evenly of what is left, 9 at first; what was judged is not in it.
awk '{ left = 10 - NR; odd = $3 - 0.25 / left; if ($1 < 10 || ((odd < 0 ? -odd : odd) > 1e-9 && (odd > 0.7500001 || odd < 0.7499999))) exit 1 }' first ||
    { cat first && fail "chances"; }
prefs choose active.db model="$model" strategy=random batch=2
[ "$(active | wc -l)" = 2 ] && [ "$(active | grep -c random)" = 2 ] || fail "a choice of before is still there"
refuse 'needs model=M' "$bin/drover" prefs choose active.db
refuse 'no pairs to choose from' "$bin/drover" prefs choose steps.db model="$model"
"$bin/drover" annotate store=active.db choose=uncertainty choose_model="$model" choose_batch=3 open=false >page 2>&1 &
server=$!
for _ in $(seq 100); do [ "$(active 2>/dev/null | grep -c uncertainty)" = 3 ] && break; sleep 0.1; done
kill -INT $server && wait $server || { cat page && fail "the page"; }
[ "$(active | grep -c uncertainty)" = 3 ] || { active && cat page && fail "annotate chose nothing"; }

echo "-- copies, checks, people"
prefs snapshot pairs.db copy.db
refuse 'is there already' "$bin/drover" prefs restore pairs.db copy.db
prefs restore other.db copy.db
prefs export other.db format=csv output=other.csv
prefs export pairs.db format=csv output=pairs.csv
cmp other.csv pairs.csv || fail "a restored store is another"
prefs check pairs.db | grep -q whole || fail "check"
for output in pairs.db other.db; do # a store is nobody's output
    refuse 'is a database' "$bin/drover" prefs export pairs.db output=$output
    refuse 'is a database' "$bin/drover" prefs stats pairs.db json=$output
done
refuse 'the store itself' "$bin/drover" prefs snapshot pairs.db pairs.db
refuse 'no snapshot' "$bin/drover" prefs snapshot pairs.db pairs.jsonl
prefs snapshot pairs.db copy.db
prefs check pairs.db | grep -q whole || fail "an output took the store's place"
key=$(prefs export pairs.db format=judgements | head -n 1 | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["item"])')
prefs withdraw pairs.db "$key"
[ "$(prefs stats pairs.db json=- | python3 -c 'import json, sys; print(json.load(sys.stdin)["withdrawn"])')" = 1 ] || fail "withdrawn"
refuse "no item 'nobody'" "$bin/drover" prefs withdraw pairs.db "$key" nobody back=true
prefs withdraw pairs.db "$key" back=true
prefs check pairs.db >/dev/null
refuse "no annotator '1'" "$bin/drover" prefs forget pairs.db annotator=1
prefs forget pairs.db annotator=import judgements=drop
[ -z "$(prefs export pairs.db)" ] || fail "dropped judgements are exported"
refuse "there is no annotator 'import'" "$bin/drover" prefs forget pairs.db annotator=import
refuse 'not a store' "$bin/drover" prefs check pairs.jsonl
refuse 'labels=consensus' "$bin/drover" prefs export other.db labels=consensus
refuse 'none of each, majority, consensus' "$bin/drover-learner" dpo dataset=other.db labels=loud model="$model" output_dir=x

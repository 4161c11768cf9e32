#!/bin/sh
# docs/EXERCISE.md as it stands, with people who come to its page; a toy stands for the model that it pulls, unless one is given.
# usage: exercise.sh BIN_FOLDER [MODEL.gguf [PEOPLE]]    PEOPLE: another program for exercise_people.py; MODEL "": the toy
set -eu
bin=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
model=${2:-}
people=${3:-$source/tests/e2e/exercise_people.py}
work=$(mktemp -d)
peer=
trap '[ -z "$peer" ] || kill "$peer" 2>/dev/null || :; rm -rf "$work"' EXIT
cd "$work"
PATH=$bin:$PATH
export PATH
unset DISPLAY WAYLAND_DISPLAY || :
mkdir -p runs/exercise
ln -s "$source/examples" examples

if [ "$model" ]; then
    cp "$model" runs/exercise/smollm2-135m-instruct.gguf
else
    export OMP_NUM_THREADS=1
    drover world make dir=world layers=1 width=32 heads=2 context=2048 demonstrations=8 pairs=8 train=8 heldout=8 >out
    python3 - <<'PY'
import json
path = "world/model/tokenizer_config.json"
conf = json.load(open(path))
conf["chat_template"] = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
json.dump(conf, open(path, "w"))
PY
    drover convert world/model out=runs/exercise/smollm2-135m-instruct.gguf dtype=f32 >out
fi

sed -n '/^```sh$/,/^```$/{/^```/d;p;}' "$source/docs/EXERCISE.md" >page
[ "$(grep -c -e '^drover' -e '^python3' page)" -ge 11 ] || { echo "FAILED: EXERCISE.md has lost its commands"; exit 1; }
if [ "$model" ]; then grep -v '^drover pull' page >page.sh; else
    # a toy's answers are shorter, and what is trained longer teaches it nothing
    grep -v '^drover pull' page | sed 's/max_new_tokens=64/max_new_tokens=8/; s/num_train_epochs=[0-9]*/max_steps=2/' >page.sh
fi
: >err
"${PYTHON:-python3}" "$people" err said.json >people.out 2>&1 &
peer=$!
sh -eu page.sh >out 2>err || { cat out err people.out; echo "FAILED: EXERCISE.md"; exit 1; }
wait "$peer" || { cat people.out; echo "FAILED: people"; exit 1; }
peer=
python3 - <<'PY'
import json, re
def check(holds, *words):
    if not holds:
        raise SystemExit("FAILED: " + " ".join(str(word) for word in words))
out = open("out").read()
owner, friend = json.load(open("said.json"))
check(len(owner) >= 19 and owner.keys() == friend.keys(), len(owner), "items judged")
same = sum(owner[item] == friend[item] for item in owner) / len(owner)
percents = [float(word) for word in re.findall(r"^percent +([0-9.]+)", out, re.M)]
check(percents[:2] == [round(same, 3)] * 2, "they agree on", same, "and it says", percents)
rows = [json.loads(line) for line in open("runs/exercise/set.jsonl")]
said = {row["chosen"][0]["content"] for row in rows}
check(len(rows) == 2 * len(owner) and {row["weight"] for row in rows} == {0.5} and said == set(owner.values()) | set(friend.values()), "the exported set")
table = {name: float(share) for name, share in re.findall(r"^(the reward model|the longer wins|the other person|a coin) +([01]\.\d+)", out, re.M)}
check(len(table) == 4 and table["a coin"] == 0.5 and table["the other person"] == round(same, 3), table)
check(re.search(r"judged by smollm2-135m-instruct.gguf", out) and "first chosen" in out and out.count("win rate") == 2, "a report is missing", out)
PY
if [ -z "$model${3:-}" ]; then # README's way to ten judgements of one's own
    cd runs/exercise
    rm -rf prefs.db*
    ln -s "$source/examples" examples
    sed -n '/^drover /{s/  *#.*//;p;}' "$source/README.md" | grep -e ' pairs=10 ' -e mine.jsonl >own.sh
    [ "$(wc -l <own.sh)" -eq 2 ] || { cat own.sh; echo "FAILED: README.md has lost its ten judgements"; exit 1; }
    : >err
    python3 "$people" err said.json alone >people.out 2>&1 &
    peer=$!
    sh -eu own.sh >out 2>err || { cat out err people.out; echo "FAILED: README.md's ten judgements"; exit 1; }
    wait "$peer" || { cat people.out; echo "FAILED: one person"; exit 1; }
    peer=
    [ "$(grep -c '"chosen".*"rejected"' mine.jsonl)" -eq 10 ] || { cat err mine.jsonl; echo "FAILED: ten judgements"; exit 1; }
    cd ../..
fi
[ -z "$model" ] || python3 "$source/tests/browser/exercise_seen.py" out
[ "${DROVER_KEEP:-}" ] && { cp -r runs/exercise/. out err "$DROVER_KEEP"; } || :
echo "ok: the exercise"

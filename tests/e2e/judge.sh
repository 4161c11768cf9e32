#!/bin/sh
# Judging and measuring through the programs: judge, eval, revise, and a judge as a reward over a fleet.
# usage: judge.sh BIN_FOLDER
set -eu
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
drover=$bin/drover

fail() {
    echo "FAILED: $*"
    exit 1
}
refuses() { # refuses 'words' COMMAND...: ends with an error of one line that holds the words
    words=$1
    shift
    if "$@" > "$work/out" 2> "$work/err" < "$work/in"; then fail "accepted: $*"; fi
    grep -v '^level=' "$work/err" > "$work/line" || true
    [ "$(wc -l < "$work/line")" -eq 1 ] && grep -qF "$words" "$work/line" || fail "$* says: $(cat "$work/err")"
}
figure() { # figure FILE NAME: a number of a json= file
    sed -n 's/^ "'"$2"'": \([-0-9.e+]*\),\{0,1\}$/\1/p' "$1"
}
holds() { # holds 'awk expression of numbers'
    awk "BEGIN { exit !($1) }" || fail "$2: not $1"
}

echo "-- a world with a reward model"
"$drover" world make dir="$work/w" layers=2 width=64 heads=2 demonstrations=600 pairs=300 train=400 heldout=48 seed=5 > "$work/log"
"$drover" sft model="$work/w/model" dataset="$work/w/sft.jsonl" output_dir="$work/sft" max_steps=60 learning_rate=3e-3 \
    disable_tqdm=true save_strategy=steps save_steps=20 save_only_model=true save_total_limit=9 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
"$drover" reward model="$work/sft" dataset="$work/w/pairs.jsonl" output_dir="$work/rm" max_steps=40 learning_rate=1e-3 \
    disable_tqdm=true save_strategy=no 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
sed 's/,"question":[0-9]*//' "$work/w/heldout.jsonl" > "$work/prompts.jsonl"

echo "-- accuracy: the reward model learned, the hidden utility agrees with people, a coin does not"
"$drover" eval accuracy dataset="$work/w/pairs.jsonl" by="$work/rm" json="$work/f" output="$work/lines" > "$work/out"
[ "$(wc -l < "$work/lines")" -eq 300 ] || fail "accuracy wrote $(wc -l < "$work/lines") lines"
holds "$(figure "$work/f" accuracy_low) > 0.5 && $(figure "$work/f" log_loss) < 0.6932" "reward model"
"$drover" eval accuracy dataset="$work/w/pairs.jsonl" by.world=demo json="$work/f" > "$work/out"
holds "$(figure "$work/f" accuracy) > 0.75" "hidden utility"
"$drover" eval accuracy dataset="$work/w/pairs.jsonl" by.rule=length by.min=0 by.max=100000 json="$work/f" > "$work/out"
holds "$(figure "$work/f" accuracy) == 0.5 && $(figure "$work/f" ece) == 0" "a rule that is always 1"

echo "-- win rate: against itself one half, against a model from nothing more; sampled or from files the same"
"$drover" eval win model="$work/sft" baseline="$work/sft" dataset="$work/prompts.jsonl" by="$work/rm" max_new_tokens=24 json="$work/f" > "$work/out" 2> "$work/err"
holds "$(figure "$work/f" win_rate) == 0.5 && $(figure "$work/f" ties) == 48" "itself"
topic='{rule: regex, pattern: "breakfast|parking|towels|laundry|checkout|sauna|pool|keys|taxi|dinner|luggage|garden|desk"}'
"$drover" eval win model="$work/sft" baseline="$work/w/model" dataset="$work/prompts.jsonl" by="$topic" max_new_tokens=24 json="$work/f" > "$work/out" 2> "$work/err"
holds "$(figure "$work/f" win_rate_low) > 0.5" "a model from nothing"
for who in sft w/model; do
    "$drover" generate model="$work/$who" max_new_tokens=24 < "$work/prompts.jsonl" > "$work/gen-$(basename "$who")"
done
"$drover" eval win answers="$work/gen-sft" baseline_answers="$work/gen-model" dataset="$work/prompts.jsonl" by="$topic" json="$work/f2" > "$work/out"
[ "$(figure "$work/f" win_rate)" = "$(figure "$work/f2" win_rate)" ] && [ "$(figure "$work/f" score)" = "$(figure "$work/f2" score)" ] ||
    fail "answers from files: $(figure "$work/f2" win_rate), sampled: $(figure "$work/f" win_rate)"

echo "-- KL, best of n, the curve over checkpoints"
"$drover" eval kl model="$work/sft" reference="$work/sft" dataset="$work/prompts.jsonl" max_new_tokens=16 json="$work/f" > "$work/out" 2> "$work/err"
holds "$(figure "$work/f" kl) == 0 && $(figure "$work/f" k3) == 0" "KL of a model from itself"
"$drover" eval kl model="$work/sft" reference="$work/w/model" dataset="$work/prompts.jsonl" max_new_tokens=16 json="$work/f" > "$work/out" 2> "$work/err"
holds "$(figure "$work/f" kl_low) < $(figure "$work/f" k1_high) && $(figure "$work/f" k1_low) < $(figure "$work/f" kl_high) && $(figure "$work/f" kl_low) > 0" "KL estimators"
# What was right every time is no certainty: no interval is a point at an edge.
"$drover" eval best model="$work/sft" dataset="$work/prompts.jsonl" by.rule=length by.max=100000 samples=2 max_new_tokens=4 > "$work/out" 2> "$work/err"
grep -q ' 1\.0000 \[0\.[0-9]*, 1\.0000\]' "$work/out" || fail "every answer was right: $(cat "$work/out")"
"$drover" eval best model="$work/sft" dataset="$work/prompts.jsonl" by="$work/rm" gold.world=demo samples=8 max_new_tokens=16 > "$work/out" 2> "$work/err"
awk '$1 ~ /^[1248]$/ { if ($3 < last) exit 1; last = $3; n++ } END { exit n != 4 }' "$work/out" || fail "best of n: $(cat "$work/out")"
"$drover" eval curve run="$work/sft" reference="$work/w/model" dataset="$work/prompts.jsonl" by="$work/rm" gold.world=demo \
    max_new_tokens=16 output="$work/lines" > "$work/out" 2> "$work/err"
sed -n 's/.*"step":\([0-9]*\).*/\1/p' "$work/lines" | tr '\n' ' ' | grep -qx '20 40 60 ' || fail "curve: $(cat "$work/lines")"

echo "-- judge: both orders, never a guess"
printf '{prompt}{a} or{b} ?\n[verdicts]\na b\n' > "$work/pair.txt" # one token each
printf '{prompt}{a} {b}\n[verdicts]\nZ Y\n' > "$work/mute.txt"
printf '{prompt}{a} ?\n[verdicts]\n1 5\n' > "$work/point.txt"
printf '{"prompt":"room one :","a":"soup","b":"fish"}\n{"prompt":"room one :","a":"fish","b":"soup"}\n{"prompt":"x","a":"y","b":"y"}\n' > "$work/in"
"$drover" judge model="$work/sft" template="$work/pair.txt" < "$work/in" > "$work/out" 2> "$work/err"
sed -n 's/.*"p_a":\([0-9.e-]*\),.*/\1/p' "$work/out" | tr '\n' ' ' | awk '{ d = $1 + $2 - 1; exit !(d < 1e-8 && d > -1e-8 && $3 == 0.5) }' || fail "judge: $(cat "$work/out")"
sed -n 3p "$work/out" | grep -q '"verdict":"tie".*"tie":true' || fail "judge: $(cat "$work/out")"
"$drover" judge model="$work/sft" template="$work/mute.txt" verdict=text max_new_tokens=4 < "$work/in" > "$work/out" 2> "$work/err"
[ "$(grep -c '"verdict":null,"p_a":null' "$work/out")" -eq 3 ] && grep -q 'cases=3 without_verdict=3' "$work/err" || fail "mute: $(cat "$work/out" "$work/err")"
"$drover" judge model="$work/sft" template="$work/point.txt" mode=pointwise < "$work/in" > "$work/out" 2> "$work/err"
sed -n 's/.*"score":\([0-9.]*\).*/\1/p' "$work/out" | awk '$1 > 1 && $1 < 5 { n++ } END { exit n != 3 }' || fail "pointwise: $(cat "$work/out")"

echo "-- a judge's accuracy: each order by itself, both, and whether they agree, counted again from the lines"
"$drover" eval accuracy dataset="$work/w/pairs.jsonl" max_samples=60 by.judge="$work/sft" by.template="$work/pair.txt" json="$work/f" output="$work/lines" > "$work/out"
sed -e 's/.*"p_first":\[\([-0-9.e]*\),\([-0-9.e]*\)\].*/\1 \2/' -e 's/.*"verdict":"none".*/.5 .5 none/' "$work/lines" | awk 'function wins(p) { return p > .5 ? 1 : p == .5 ? .5 : 0 }
    { x = wins($1); y = wins($2); each += (x + 1 - y) / 2; both += x == 1 && y == 0; agree += x == 1 - y && NF == 2; first += (x + y) / 2 }
    END { if (NR != 60) exit 1; print each / NR, both / NR, agree / NR, first / NR }' > "$work/want" || fail "lines: $(head -n 2 "$work/lines")"
read -r each both agree first < "$work/want"
holds "($each - $(figure "$work/f" accuracy_orders))^2 + ($both - $(figure "$work/f" accuracy_both))^2 < 1e-9" "accuracy of the orders"
holds "($agree - $(figure "$work/f" agreement))^2 + ($first - $(figure "$work/f" first_chosen))^2 < 1e-9" "agreement of the orders"
grep -q "mean of the orders.*(by coins 50)" "$work/out" || fail "accuracy: $(cat "$work/out")"

echo "-- bias: a voter who likes the first place"
awk 'BEGIN { srand(1); for (i = 0; i < 600; i++) { x = int(rand() * 40); y = int(rand() * 40); a = sprintf("%*s", x, ""); b = sprintf("%*s", y, "")
    printf "{\"prompt\":\"q\",\"a\":\"%s\",\"b\":\"%s\",\"verdict\":\"%s\"}\n", a, b, rand() < 0.75 ? "a" : "b" } }' > "$work/votes"
"$drover" eval bias dataset="$work/votes" json="$work/f" > "$work/out"
holds "$(figure "$work/f" position) > 1.0986 - 3 * $(figure "$work/f" position_se) && $(figure "$work/f" position) < 1.0986 + 3 * $(figure "$work/f" position_se)" "position"
holds "$(figure "$work/f" length) < 3 * $(figure "$work/f" length_se) && $(figure "$work/f" length) > -3 * $(figure "$work/f" length_se)" "length"
holds "($(figure "$work/f" first_chosen) - $(awk -F'"' '/verdict/ { n++; a += /"verdict":"a"/ } END { printf "%.9f", a / n }' "$work/votes"))^2 < 1e-12" "the share of the first"
# one that always takes the first has no finite odds: said, and no error
sed 's/"verdict":"b"/"verdict":"a"/' "$work/votes" > "$work/first"
"$drover" eval bias dataset="$work/first" json="$work/f" > "$work/out"
grep -q '^first chosen  *1.000 \[0.99' "$work/out" && grep -q 'no effects: odds without bound' "$work/out" && grep -q '"position": *null' "$work/f" || fail "always the first: $(cat "$work/out" "$work/f")"

echo "-- revise: pairs that train"
printf '# principles\nbe kind\n\nbe short\n' > "$work/principles"
printf '{principle} {prompt}{a} .\n' > "$work/critique.txt"
printf '{critique} {prompt}{a} .\n' > "$work/revision.txt"
"$drover" revise model="$work/sft" principles="$work/principles" critique="$work/critique.txt" revision="$work/revision.txt" \
    max_new_tokens=12 < "$work/prompts.jsonl" > "$work/revised.jsonl" 2> "$work/err"
[ "$(wc -l < "$work/revised.jsonl")" -gt 30 ] && grep -q '"principle":"be short"' "$work/revised.jsonl" || fail "revise: $(cat "$work/err")"
"$drover" dpo model="$work/sft" dataset="$work/revised.jsonl" output_dir="$work/dpo" max_steps=2 disable_tqdm=true save_strategy=no 2> "$work/log" ||
    fail "dpo on revisions: $(tail -n 1 "$work/log")"

echo "-- a judge as a reward over a fleet: what it says of each pair decides, and the answers are ranked by it"
for spec in "grpo 4" "online-dpo 2 beta=[0.1,0.3] num_train_epochs=2" "online-dpo 4"; do
    set -- $spec
    method=$1 each=$2 name=$1-$2
    shift 2
    "$drover" "$method" "$@" model="$work/sft" dataset="$work/prompts.jsonl" output_dir="$work/$name" max_steps=3 num_generations="$each" \
        per_device_train_batch_size=24 gradient_accumulation_steps=1 response_length=16 learning_rate=1e-3 \
        rewards="[{name: ai, judge: $work/sft, template: $work/pair.txt}]" fleet='{actors: 1, rewarders: 1}' > "$work/out" 2> "$work/log" ||
        fail "$name: $(tail -n 3 "$work/log")"
    grep -q 'no evaluation' "$work/log" || fail "$name: an evaluation by a judge that compares: $(cat "$work/log")"
    grep -q '"rewards/ai/without_verdict":0.0' "$work/$name/metrics.jsonl" || fail "$name: $(tail -n 1 "$work/$name/metrics.jsonl")"
    python3 "$here/judge_pairs.py" "$drover" "$work/sft" "$work/pair.txt" "$work/$name" "$each" || fail "$name"
done
sed -n 's/.*"beta":\([0-9.]*\),.*/\1/p' "$work/online-dpo-2/metrics.jsonl" | tr '\n' ' ' | grep -qx '0.1 0.1 0.3 ' || fail "beta by epoch: $(cat "$work/online-dpo-2/metrics.jsonl")"

echo "-- a judge that answers nonsense is counted, in the line of each iteration, and can end the run"
"$drover" grpo model="$work/sft" dataset="$work/prompts.jsonl" output_dir="$work/mute" max_steps=3 num_generations=2 \
    per_device_train_batch_size=4 gradient_accumulation_steps=1 max_completion_length=8 eval_prompts=0 \
    stop_if='{rewards/ai/without_verdict: "> 0.5"}' \
    rewards="[{name: ai, judge: $work/sft, template: $work/mute.txt, verdict: text, max_new_tokens: 2}]" fleet='{actors: 1, rewarders: 1}' > "$work/out" 2> "$work/log" ||
    fail "grpo: $(tail -n 3 "$work/log")"
[ "$(grep -c '"rewards/ai/without_verdict":1.0' "$work/mute/metrics.jsonl")" -eq 1 ] && grep -q 'stop_if: rewards/ai/without_verdict is 1, > 0.5' "$work/log" ||
    fail "nonsense: $(cat "$work/mute/metrics.jsonl" "$work/log")"

echo "-- the same judge outside a run: no verdict is no preference, and is said"
mute="judge: $work/sft, template: $work/mute.txt, verdict: text, max_new_tokens: 2"
"$drover" eval accuracy dataset="$work/w/pairs.jsonl" max_samples=20 by="{$mute}" json="$work/f" > "$work/out"
grep -q '20 without a verdict (0 too long).* of 20' "$work/out" && holds "$(figure "$work/f" accuracy) == 0.5" "mute" || fail "accuracy: $(cat "$work/out")"
"$drover" eval win model="$work/sft" baseline="$work/sft" dataset="$work/prompts.jsonl" by="{$mute}" max_new_tokens=4 > "$work/out" 2> "$work/err"
grep -q '48 without a verdict' "$work/out" || fail "win: $(cat "$work/out")"
printf '{prompt}{a}\n[verdicts]\n1 5\n' > "$work/mute1.txt"
mute1="judge: $work/sft, template: $work/mute1.txt, mode: pointwise, verdict: text, max_new_tokens: 2"
"$drover" eval best model="$work/sft" dataset="$work/prompts.jsonl" by="{$mute1}" samples=2 max_new_tokens=4 > "$work/out" 2> "$work/err"
grep -q 'event=without-verdict .*answers=96 of=96' "$work/err" || fail "best: $(cat "$work/err")"
head -n 20 "$work/w/pairs.jsonl" > "$work/some.jsonl"
refuses "gave no verdict on any of 20 records" "$drover" data filter "$work/some.jsonl" by="{$mute}"
refuses "gave no verdict on any of 20 records" "$drover" data filter "$work/some.jsonl" by="{$mute1}" top=1

echo "-- bad input: one clear line each"
printf '{"prompt":"x","a":"y"}\n' > "$work/in"
refuses "stdin:1: no \`b\`" "$drover" judge model="$work/sft" template="$work/pair.txt"
refuses "template is missing" "$drover" judge model="$work/sft"
refuses "lowest and highest" "$drover" judge model="$work/sft" template="$work/pair.txt" mode=pointwise
refuses "a reward model" "$drover" judge model="$work/rm" template="$work/pair.txt"
refuses "by: expected the path of a reward model" "$drover" eval accuracy dataset="$work/w/pairs.jsonl"
# What is wrong about a rule is said before a model is loaded, let alone asked.
refuses "by: pattern '(': missing closing parenthesis" "$drover" eval best model=/nowhere dataset="$work/prompts.jsonl" samples=2 by.rule=regex 'by.pattern=('
refuses "gold: min: 9" "$drover" eval best model=/nowhere dataset="$work/prompts.jsonl" samples=2 by=/nowhere gold.rule=length gold.min=9 gold.max=4
refuses "compares answers" "$drover" eval best model=/nowhere dataset="$work/prompts.jsonl" samples=2 "by={judge: $work/sft, template: $work/pair.txt}"
refuses "against what?" "$drover" eval win model=/nowhere dataset="$work/prompts.jsonl" by="$work/rm"
refuses "holds no models" "$drover" eval curve run="$work/rm" reference="$work/sft" dataset="$work/prompts.jsonl" by="$work/rm" gold="$work/rm"
refuses "no principle" "$drover" revise model="$work/sft" principles=/dev/null critique="$work/critique.txt" revision="$work/revision.txt"
refuses "must show {a} and {critique}" "$drover" revise model="$work/sft" principles="$work/principles" critique="$work/critique.txt" revision="$work/critique.txt"
refuses "of which there is one" "$drover" ppo model="$work/sft" dataset="$work/prompts.jsonl" output_dir="$work/g" rewards="[{judge: $work/sft, template: $work/pair.txt}]"
refuses "template" "$drover" grpo model="$work/sft" dataset="$work/prompts.jsonl" output_dir="$work/g" rewards="[{judge: $work/sft}]"
echo "-- a column that no answer can equal is told once, where the person looks"
printf '{"prompt":"2 and 2","chosen":"it is 4","rejected":"it is 5","answer":"four"}\n%.0s' 1 2 3 > "$work/words.jsonl"
"$drover" eval accuracy dataset="$work/words.jsonl" by='{rule: number, column: answer}' > "$work/out" 2> "$work/err"
[ "$(grep -c "column 'answer' of a record holds no number" "$work/err")" -eq 1 ] || fail "eval: $(cat "$work/err")"
sed 's/$/,"answer":"none"}/; s/},"answer"/,"answer"/' "$work/prompts.jsonl" > "$work/vain.jsonl"
"$drover" grpo model="$work/sft" dataset="$work/vain.jsonl" output_dir="$work/vain" num_generations=2 per_device_train_batch_size=4 \
    max_completion_length=4 max_steps=1 rewards='[{name: right, rule: number, column: answer}]' > "$work/out" 2>&1 || fail "$(tail -n 1 "$work/out")"
[ "$(grep -c "data: reward right: column 'answer' holds no number in .* records: every answer to them scores 0" "$work/out")" -eq 1 ] || fail "a run: $(cat "$work/out")"
refuses "a reward rule reads column 'question': missing, or neither text nor a number" "$drover" grpo model="$work/sft" dataset="$work/prompts.jsonl" \
    output_dir="$work/g" max_completion_length=4 rewards='[{rule: number, column: question}]'
echo "judging: all is well"

#!/bin/sh
# Offline training as a user meets it: learns down to the data's entropy and not below, survives
# kills with the same bits, answers bad input with one line. usage: offline.sh BIN_FOLDER
set -eu
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../golden
model=$golden/model/llama5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
learner=$bin/drover-learner

fail() {
    echo "FAILED: $*"
    exit 1
}
# value KEY FILE: the last figure of that name in a metrics.jsonl
value() {
    sed -n "s/.*\"$1\":\([-0-9.e]*\)[,}].*/\1/p" "$2" | tail -n 1
}
below() { # below A B
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'
}
hash_of() {
    sed -n 's/.*weights \([0-9a-f]*\).*/\1/p' "$1"
}
# What a run logged, without times.
curve() {
    grep -v train_runtime "$1" | sed 's/"eval_[a-z_]*per_second":[^,}]*,*//g; s/"eval_runtime":[^,}]*,*//g
        s/"train_tokens_per_second":[^,}]*,*//; s/"drover_train_peak":[^,}]*,*//'
}

echo "-- a model learns random digits down to their entropy, ln 10, and not below"
awk 'BEGIN { srand(7); for (i = 0; i < 600; i++) { s = ""; for (k = 0; k < 50; k++) s = s int(10 * rand());
    printf "{\"text\": \"%s\"}\n", s } }' > "$work/digits.jsonl"
"$learner" sft model="$model" dataset="$work/digits.jsonl" output_dir="$work/digits" test_split_size=100 \
    max_steps=300 learning_rate=1e-2 per_device_train_batch_size=16 logging_steps=50 eval_strategy=steps \
    eval_steps=100 eval_on_start=true eos_token='<|im_start|>' 2> "$work/log" || fail "$(tail -n 3 "$work/log")"
loss=$(value eval_loss "$work/digits/metrics.jsonl")
# 49 digits to guess and one end: (49/50) ln 10 = 2.2565 if the model counts to 50, and the entropy
# of a 1 in 50 end, .0980 a token, more if it does not.
below 2.2540 "$loss" || fail "eval_loss $loss is below the entropy of the data: something leaks"
below "$loss" 2.38 || fail "eval_loss $loss: did not learn"
echo "   eval_loss $loss in (2.2565 .. 2.38)"
# what it learnt to stop with is what the model that it wrote stops with
for file in config generation_config; do
    grep -q '"eos_token_id": 1,' "$work/digits/model/$file.json" || fail "$file.json: $(grep eos_token "$work/digits/model/$file.json")"
done

echo "-- a recipe for trl sft --config, as it is"
(cd "$golden/trl" && "$bin/drover" sft --config sft_recipe.yaml --output_dir "$work/recipe") 2> "$work/log" ||
    fail "$(tail -n 3 "$work/log")"
[ "$(grep -c '"loss"' "$work/recipe/metrics.jsonl")" -eq 3 ] || fail "not 3 steps: $(cat "$work/recipe/metrics.jsonl")"
! grep -q "key=report_to\|key=push_to_hub\|key=tf32" "$work/log" || fail "a key that asks for nothing was told"
[ "$(grep -c 'key=gradient_checkpointing_kwargs reason=' "$work/log")" -eq 1 ] || fail "a key was not said to have no effect"
grep -q '"compute": "bfloat16"' "$work/recipe/run.json" || fail "bf16: true of the recipe: $(cat "$work/recipe/run.json")"
# linear rise over ceil(0.1 x 3) steps, then a cosine from 1e-5 to a tenth of it
grep '"loss"' "$work/recipe/metrics.jsonl" | sed 's/.*"learning_rate":\([-0-9.e]*\).*/\1/' | tr '\n' ' ' |
    awk '{ exit !($1 == 0 && $2 == 1e-5 && $3 > 5.49e-6 && $3 < 5.51e-6) }' || fail "learning rates of the recipe"

echo "-- Parquet and Arrow in parts: the weights of their JSONL"
same() { # same NAME DATASET: a few steps, and their hash
    "$learner" sft "$golden/trl/sft_chat.yaml" model="$model" datasets=null dataset="$2" output_dir="$work/$1" max_steps=6 \
        train_sampling_strategy=random 2> "$work/log" || fail "$1: $(tail -n 3 "$work/log")"
    hash_of "$work/log"
}
want=$(same lines "$golden/trl/chat.jsonl")
[ -n "$want" ] || fail "no weights hash"
for form in hub saved; do
    got=$(same $form "$golden/columns/$form")
    [ "$want" = "$got" ] || fail "weights $got of $form, $want of lines"
done

echo "-- the same run, killed again and again, ends in the same weights and the same curve"
how=
train() { # train NAME [key=value ...]
    name=$1
    shift
    $how "$learner" sft "$golden/trl/sft_chat.yaml" model="$model" datasets=null dataset="$golden/trl/chat.jsonl" \
        output_dir="$work/$name" max_steps=400 save_strategy=steps save_steps=7 logging_steps=9 \
        train_sampling_strategy=random test_split_size=4 eval_strategy=steps eval_steps=50 "$@"
}
train whole 2> "$work/log" || fail "$(tail -n 3 "$work/log")"
want=$(hash_of "$work/log")
[ -n "$want" ] || fail "no weights hash"
# reached NAME STEP PID: waits until that run has a checkpoint at or after the step, or is gone
reached() {
    until [ "$(ls "$work/$1/checkpoints" 2> /dev/null | sed -n 's/step-0*\([0-9]*\)\.ckpt$/\1/p' | sort -n | tail -n 1)" -ge "$2" ] 2> /dev/null; do
        kill -0 "$3" 2> /dev/null || return 0
        sleep 0.01
    done
}
kills=0
for step in 7 21 70 71 140 210 280 350; do
    (how=exec && train killed 2>> "$work/log2") & # exec: the signal meets the learner, not a shell
    pid=$!
    reached killed $step $pid
    kill -9 $pid 2> /dev/null && kills=$((kills + 1))
    wait $pid 2> /dev/null || true
done
[ $kills -ge 4 ] || fail "only $kills kills met a running learner"
train killed 2>> "$work/log2" || fail "$(tail -n 3 "$work/log2")"
got=$(hash_of "$work/log2" | tail -n 1)
if [ -z "$got" ]; then
    train killed 2>&1 | grep -q 'already done' || fail "no end after kills"
    got=$(hash_of "$work/log2")
fi
[ "$want" = "$got" ] || fail "weights $got after $kills kills, $want without"
curve "$work/whole/metrics.jsonl" > "$work/a"
curve "$work/killed/metrics.jsonl" > "$work/b"
cmp "$work/a" "$work/b" || fail "the curves differ"
echo "   $kills kills, weights $got"

echo "-- SIGTERM saves, says so, exits 0, and the same command goes on"
(how=exec && train stopped 2> "$work/log") &
pid=$!
reached stopped 70 $pid
kill -TERM $pid 2> /dev/null || fail "the learner ended before SIGTERM"
wait $pid || fail "SIGTERM: exit $?"
grep -q 'stopped at step' "$work/log" || fail "SIGTERM: $(tail -n 1 "$work/log")"
[ ! -e "$work/stopped/model" ] || fail "a model of a run that was stopped"
train stopped 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
grep -q '^resumed at step' "$work/log" || fail "began anew: $(head -n 3 "$work/log")"
[ "$want" = "$(hash_of "$work/log")" ] || fail "another result after SIGTERM"
train stopped 2>&1 | grep -q 'already done' || fail "a finished run began again"
set +e
train stopped learning_rate=0.5 2> "$work/log"
[ $? -eq 1 ] || fail "another learning rate was taken into the same folder"
set -e
grep -q 'learning_rate was 0.001' "$work/log" || fail "$(tail -n 1 "$work/log")"

echo "-- a damaged last checkpoint: the one before it is used"
rm -rf "$work/stopped/model" "$work/stopped/run.json"
last=$(ls "$work/stopped/checkpoints" | tail -n 1)
head -c 5000 "$work/stopped/checkpoints/$last" > "$work/cut" && cp "$work/cut" "$work/stopped/checkpoints/$last"
train stopped 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
grep -q 'an older one is tried' "$work/log" || fail "damage was not seen"
[ "$want" = "$(hash_of "$work/log")" ] || fail "another result after damage"

echo "-- bad input: one line, exit 1 or 2, nothing in output_dir"
printf '{"prompt": "a", "completion": "b"}\n{"prompt": "a"}\n' > "$work/half.jsonl"
printf '{"rejected": "b"}\n' > "$work/nochosen.jsonl"
printf '{"text": "a"}\nnot json\n' > "$work/broken.jsonl"
mkdir "$work/cutmodel" && cp "$model"/* "$work/cutmodel"
head -c 40000 "$model/model.safetensors" > "$work/cutmodel/model.safetensors"
refuse() { # refuse 'words' METHOD args...
    words=$1
    shift
    rm -rf "$work/bad"
    status=0
    "$learner" "$@" output_dir="$work/bad" > "$work/log" 2>&1 || status=$?
    [ $status -eq 1 ] || [ $status -eq 2 ] || fail "$*: exit $status: $(tail -n 1 "$work/log")"
    tail -n 1 "$work/log" | grep -q "$words" || fail "$*: '$(tail -n 1 "$work/log")' does not say '$words'"
    [ ! -e "$work/bad" ] || fail "$*: left $(find "$work/bad")"
}
text=$golden/trl/text.jsonl
refuse 'nowhere.jsonl: No such file' sft model="$model" dataset="$work/nowhere.jsonl"
refuse 'nomodel' sft model="$work/nomodel" dataset="$text"
refuse "half.jsonl:2: 'completion' is missing" sft model="$model" dataset="$work/half.jsonl"
refuse "nochosen.jsonl:1: 'chosen' is missing" reward model="$model" dataset="$work/nochosen.jsonl"
refuse 'broken.jsonl:2: not JSON' sft model="$model" dataset="$work/broken.jsonl"
refuse "did you mean 'learning_rate'" sft model="$model" dataset="$text" lerning_rate=1
refuse 'model.safetensors' sft model="$work/cutmodel" dataset="$text"
refuse 'max_memory' sft model="$model" dataset="$text" max_memory=100KB
refuse 'none of 26 records' sft model="$model" dataset="$golden/trl/chat.jsonl" max_length=4
refuse 'cosine' sft model="$model" dataset="$text" lr_scheduler_type=cubic
refuse 'is a reward model' sft model="$golden/model/reward4" dataset="$text"
refuse 'x.parquet: No such file' sft model="$model" dataset="$work/x.parquet"
refuse "format 'xx'" reward model="$model" dataset="$text" format=xx
"$learner" nosuch > /dev/null 2>&1 && fail "an unknown method was taken"
: > "$work/file"
"$learner" sft model="$model" dataset="$text" output_dir="$work/file" > "$work/log" 2>&1 && fail "output_dir is a file"
grep -q 'is a file' "$work/log" || fail "$(tail -n 1 "$work/log")"

echo "-- two runs in one folder: the second is refused by the first one's name"
(how=exec && train busy max_steps=100000 2> "$work/log") &
pid=$!
reached busy 7 $pid
train busy max_steps=100000 2> "$work/log2" && fail "two runs in one folder"
grep -q "in use by process" "$work/log2" || fail "$(tail -n 1 "$work/log2")"
kill -9 $pid
wait $pid 2> /dev/null || true

echo "-- a reward model from a language model opens as a classifier's folder"
"$learner" reward model="$model" dataset="$golden/trl/pairs.jsonl" output_dir="$work/rm" max_steps=3 \
    test_split_size=8 logging_steps=1 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
grep -q LlamaForSequenceClassification "$work/rm/model/config.json" || fail "not a classifier"
grep -q '"pad_token_id": 0' "$work/rm/model/config.json" || fail "pad_token_id is an end token"
grep -q eval_accuracy_low "$work/rm/metrics.jsonl" || fail "no interval"
echo "passed"

#!/bin/sh
# Adapters as a user meets them: trained, killed, resumed, merged, scored, refused.
# usage: lora.sh BIN_FOLDER
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
hash_of() {
    sed -n 's/.*weights \([0-9a-f]*\).*/\1/p' "$1"
}
curve() {
    grep -v train_runtime "$1" | sed 's/"eval_[a-z_]*per_second":[^,}]*,*//g; s/"eval_runtime":[^,}]*,*//g
        s/"train_tokens_per_second":[^,}]*,*//; s/"drover_train_peak":[^,}]*,*//'
}
how=
train() { # train NAME [key=value ...]
    name=$1
    shift
    $how "$learner" sft "$golden/trl/sft_chat.yaml" model="$model" datasets=null dataset="$golden/trl/chat.jsonl" \
        output_dir="$work/$name" max_steps=150 save_strategy=steps save_steps=7 logging_steps=5 learning_rate=1e-2 \
        train_sampling_strategy=random test_split_size=4 eval_strategy=steps eval_steps=25 \
        use_peft=true lora_r=4 lora_dropout=0.2 "lora_target_modules=[q_proj, v_proj, down_proj]" "$@"
}

echo "-- an adapter with dropout, killed again and again, ends in the same weights and the same curve"
train whole 2> "$work/log" || fail "$(tail -n 3 "$work/log")"
want=$(hash_of "$work/log")
[ -n "$want" ] || fail "no weights hash"
reached() { # reached NAME STEP PID: waits until that run has a checkpoint at or after the step, or is gone
    until [ "$(ls "$work/$1/checkpoints" 2> /dev/null | sed -n 's/step-0*\([0-9]*\)\.ckpt$/\1/p' | sort -n | tail -n 1)" -ge "$2" ] 2> /dev/null; do
        kill -0 "$3" 2> /dev/null || return 0
        sleep 0.01
    done
}
kills=0
for step in 7 28 49 84; do
    (how=exec && train killed 2>> "$work/log2") &
    pid=$!
    reached killed $step $pid
    kill -9 $pid 2> /dev/null && kills=$((kills + 1))
    wait $pid 2> /dev/null || true
done
[ $kills -ge 2 ] || fail "only $kills kills met a running learner"
train killed 2>> "$work/log2" || fail "$(tail -n 3 "$work/log2")"
got=$(hash_of "$work/log2" | tail -n 1)
[ "$want" = "$got" ] || fail "weights $got after $kills kills, $want without"
curve "$work/whole/metrics.jsonl" > "$work/a"
curve "$work/killed/metrics.jsonl" > "$work/b"
cmp "$work/a" "$work/b" || fail "the curves differ"
last=$(ls "$work/whole/checkpoints" | tail -n 1)
bytes=$(wc -c < "$work/whole/checkpoints/$last")
[ "$bytes" -lt 40000 ] || fail "a checkpoint of $bytes bytes holds more than the adapter" # its base alone takes 97,000
echo "   $kills kills, weights $got, a checkpoint of $bytes bytes"

echo "-- how a step is cut into micro-batches changes nothing but rounding, dropout included"
train one per_device_train_batch_size=6 gradient_accumulation_steps=1 max_steps=10 logging_steps=1 2> /dev/null
train six per_device_train_batch_size=1 gradient_accumulation_steps=6 max_steps=10 logging_steps=1 2> /dev/null
for name in one six; do
    grep '"loss"' "$work/$name/metrics.jsonl" | sed 's/.*"loss":\([-0-9.e]*\).*"grad_norm":\([-0-9.e]*\).*/\1 \2/' > "$work/$name.txt"
done
paste -d' ' "$work/one.txt" "$work/six.txt" | awk '{ if ($1 - $3 > 1e-4 || $3 - $1 > 1e-4) bad++ } END { exit bad || NR != 10 }' ||
    fail "losses: $(paste -d' ' "$work/one.txt" "$work/six.txt")"
train other per_device_train_batch_size=6 gradient_accumulation_steps=1 max_steps=10 logging_steps=1 lora_dropout=0 2> /dev/null
curve "$work/one/metrics.jsonl" > "$work/a"
curve "$work/other/metrics.jsonl" > "$work/b"
cmp -s "$work/a" "$work/b" && fail "dropout changes nothing"
how="env OMP_NUM_THREADS=1 DROVER_ISA=scalar"
train first per_device_train_batch_size=2 gradient_accumulation_steps=3 max_steps=5 2> "$work/log"
how="env OMP_NUM_THREADS=3"
train second per_device_train_batch_size=2 gradient_accumulation_steps=3 max_steps=5 2> "$work/log2"
how=
[ "$(hash_of "$work/log")" = "$(hash_of "$work/log2")" ] || fail "threads or instructions change bits"

echo "-- adapter, merged model and run folder are one model, bit for bit"
"$bin/drover" merge --adapter "$work/whole" --out "$work/merged" > "$work/log"
[ "$(hash_of "$work/log")" = "$want" ] || fail "merged: $(cat "$work/log")"
"$bin/drover" merge --model "$model" --adapter "$work/whole/model" --out "$work/merged2" > /dev/null
cmp "$work/merged/model.safetensors" "$work/merged2/model.safetensors" || fail "the base by name gives another model"
"$bin/drover" inspect "$work/whole" > "$work/log"
grep -q "weights hash  $want" "$work/log" || fail "inspect: $(cat "$work/log")"
grep -q 'LoRA r 4, alpha 32' "$work/log" || fail "inspect: $(cat "$work/log")"
sed 's/"text"/"completion"/; s/{/{"prompt": "a", /' "$golden/trl/text.jsonl" > "$work/in.jsonl"
for m in whole merged; do
    "$bin/drover" score --model "$work/$m" < "$work/in.jsonl" > "$work/$m.score" || fail "score $m"
    "$bin/drover" generate --model "$work/$m" max_new_tokens=8 seed=3 < "$work/in.jsonl" > "$work/$m.text" ||
        fail "generate $m"
done
[ -s "$work/whole.score" ] && [ -s "$work/whole.text" ] || fail "nothing was scored"
cmp "$work/whole.score" "$work/merged.score" || fail "scores differ"
cmp "$work/whole.text" "$work/merged.text" || fail "texts differ"

echo "-- written as GGUF it is the same model still; a base that was a .gguf is a folder that the adapter names"
"$bin/drover" convert "$work/whole" dtype=f32 out="$work/whole.gguf" > "$work/log" || fail "convert"
[ "$(hash_of "$work/log")" = "$want" ] || fail "convert: $(cat "$work/log")"
"$bin/drover" score --model "$work/whole.gguf" < "$work/in.jsonl" > "$work/gguf.score" || fail "score a .gguf"
cmp "$work/whole.score" "$work/gguf.score" || fail "the .gguf scores otherwise"
"$bin/drover" convert "$work/whole.gguf" to=folder dtype=float32 out="$work/folder" > "$work/log" || fail "convert back"
[ "$(hash_of "$work/log")" = "$want" ] || fail "convert back: $(cat "$work/log")"
"$bin/drover" convert "$work/whole" dtype=q4_k_m out="$work/small.gguf" > "$work/log" 2> "$work/log2" || fail "convert q4_k_m"
grep -q 'no whole blocks' "$work/log2" || fail "q4_k_m of short rows: $(cat "$work/log2")"
"$bin/drover" convert "$work/whole" to=onnx out="$work/x" 2> "$work/log" && fail "to=onnx"
grep -q 'gguf and folder are written' "$work/log" || fail "to=onnx: $(cat "$work/log")"
train fromgguf model="$golden/model/llama.gguf" max_steps=3 eval_strategy=no save_steps=2 save_only_model=true 2> "$work/log" ||
    fail "$(tail -n 3 "$work/log")"
[ "$(grep -c "opens no .gguf" "$work/log")" = 1 ] || fail "the base was written more than once, or never"
grep -q "\"base_model_name_or_path\": \"$(realpath "$work")/fromgguf/base\"" "$work/fromgguf/model/adapter_config.json" ||
    fail "$(cat "$work/fromgguf/model/adapter_config.json")"
"$bin/drover" inspect "$work/fromgguf/base" | grep 'weights hash' > "$work/a"
"$bin/drover" inspect "$model" | grep 'weights hash' > "$work/b"
cmp "$work/a" "$work/b" || fail "the base is another model"
"$bin/drover" inspect "$work/fromgguf/model" > /dev/null || fail "the adapter does not open on its base"

echo "-- a recipe for trl sft --config with an adapter, as it is"
cat > "$work/recipe.yaml" << END
model_name_or_path: $model
dataset_name: $golden/trl/chat.jsonl
output_dir: $work/recipe
max_steps: 2
learning_rate: 2.0e-4
bf16: false
use_peft: true
lora_r: 8
lora_alpha: 16
lora_dropout: 0.05
lora_target_modules:
  - q_proj
  - k_proj
  - v_proj
  - o_proj
lora_task_type: CAUSAL_LM
use_rslora: true
END
"$bin/drover" sft --config "$work/recipe.yaml" 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
"$bin/drover" inspect "$work/recipe" | grep -q 'LoRA r 8, alpha 16 over a root, dropout 0.05' || fail "the recipe's adapter"

echo "-- training goes on from an adapter: it is the base of the next one"
train next model="$work/whole" max_steps=2 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
next=$(hash_of "$work/log")
"$bin/drover" inspect "$work/next" | grep -q "weights hash  $next" || fail "an adapter on an adapter"
grep -q "\"base_model_name_or_path\": \"$work/whole/model\"" "$work/next/model/adapter_config.json" || fail "its base"

echo "-- a reward model's adapter brings its score"
"$learner" reward model="$model" dataset="$golden/trl/pairs.jsonl" output_dir="$work/rm" max_steps=3 use_peft=true \
    2> "$work/log" || fail "$(tail -n 1 "$work/log")"
grep -q '"task_type": "SEQ_CLS"' "$work/rm/model/adapter_config.json" || fail "task_type"
"$bin/drover" inspect "$work/rm" | grep -q 'base_model.model.score.weight' || fail "no score"
"$bin/drover" merge --adapter "$work/rm" --out "$work/rm2" > "$work/log2"
[ "$(hash_of "$work/log")" = "$(hash_of "$work/log2")" ] || fail "merged reward model"
grep -q LlamaForSequenceClassification "$work/rm2/config.json" || fail "not a classifier"
"$learner" reward model="$golden/model/llama.gguf" dataset="$golden/trl/pairs.jsonl" output_dir="$work/rmg" max_steps=2 use_peft=true \
    save_strategy=steps save_steps=1 save_only_model=true 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
[ "$(grep -c "opens no .gguf" "$work/log")" = 1 ] || fail "the base was written more than once, or never"
grep -q "\"base_model_name_or_path\": \"$(realpath "$work")/rmg/base\"" "$work/rmg/model/adapter_config.json" ||
    fail "$(cat "$work/rmg/model/adapter_config.json")"
grep -q 'LlamaForSequenceClassification' "$work/rmg/base/config.json" || fail "the base is no reward model"
"$bin/drover" inspect "$work/rmg" | grep -q "weights hash  $(hash_of "$work/log")" || fail "it opens as another model"

echo "-- the base is the reference: the first step of dpo is at ln 2, nobody is ahead"
"$learner" dpo model="$model" dataset="$golden/trl/pairs.jsonl" output_dir="$work/dpo" max_steps=3 use_peft=true logging_steps=1 \
    learning_rate=1e-2 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
head -n 1 "$work/dpo/metrics.jsonl" | grep -q '"rewards/margins":0.0,.*"loss":0.6931471' || fail "$(head -n 1 "$work/dpo/metrics.jsonl")"
sed -n 2p "$work/dpo/metrics.jsonl" | grep -q '"rewards/margins":0.0,' && fail "nothing was learnt"

echo "-- a process reward model's adapter brings both labels and their biases"
printf '%s\n' '{"prompt": "a cat", "completions": ["the hen", "sat on"], "labels": [true, false]}' > "$work/steps.jsonl"
"$learner" prm model="$model" dataset="$work/steps.jsonl" output_dir="$work/prm" max_steps=2 use_peft=true 2> "$work/log" ||
    fail "$(tail -n 1 "$work/log")"
"$bin/drover" merge --adapter "$work/prm" --out "$work/prm2" > "$work/log2"
[ "$(hash_of "$work/log")" = "$(hash_of "$work/log2")" ] || fail "merged process reward model"
grep -q LlamaForTokenClassification "$work/prm2/config.json" || fail "not a token classifier"

echo "-- what is refused: one line each"
refuse() { # refuse 'words' command...
    words=$1
    shift
    status=0
    "$@" > "$work/log" 2>&1 || status=$?
    [ $status -eq 1 ] || fail "$*: exit $status: $(tail -n 1 "$work/log")"
    tail -n 1 "$work/log" | grep -q "$words" || fail "$*: '$(tail -n 1 "$work/log")' does not say '$words'"
}
refuse "'fc1': this model has q_proj" train bad 'lora_target_modules=[fc1]'
refuse 'embed_tokens is tied' train bad 'lora_modules_to_save=[embed_tokens]'
refuse 'use_dora' train bad use_dora=true
[ ! -e "$work/bad" ] || fail "left $(find "$work/bad")"
refuse 'an adapter for another model' "$bin/drover" merge --model "$golden/model/reward4" --adapter "$work/rm" --out "$work/x"
refuse 'its base has the hash' "$bin/drover" merge --model "$work/merged" --adapter "$work/whole" --out "$work/x"
refuse 'holds no adapter_config.json' "$bin/drover" merge --adapter "$model" --out "$work/x"
cp -r "$model" "$work/base"
train moved model="$work/base" max_steps=7 2> /dev/null
cp "$work/merged/model.safetensors" "$work/base/model.safetensors"
rm -rf "$work/moved/model" "$work/moved/run.json"
refuse 'belongs to a base with the hash' train moved model="$work/base" max_steps=7
size=$(wc -c < "$work/whole/model/adapter_model.safetensors")
for n in 100 $((size / 2)) $((size - 1)); do
    head -c "$n" "$work/whole/model/adapter_model.safetensors" > "$work/cut"
    mkdir -p "$work/cutadapter" && cp "$work/whole/model"/* "$work/cutadapter" && cp "$work/cut" "$work/cutadapter/adapter_model.safetensors"
    refuse 'adapter_model.safetensors' "$bin/drover" inspect "$work/cutadapter"
done
refuse 'lora_dropout: 0.1' "$learner" ppo model="$model" dataset="$golden/trl/text.jsonl" output_dir="$work/bad" \
    use_peft=true lora_dropout=0.1 'rewards=[{name: a, rule: length}]' broker=tcp://127.0.0.1:1
echo "passed"

#!/bin/sh
# The direct methods as a user meets them: TRL's YAML as it is, the same bits on any instructions and
# threads and wherever the reference comes from, kills without a trace, bad input in one line.
# usage: direct.sh BIN_FOLDER
set -eu
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../golden
model=$golden/model/llama5
pairs=$golden/trl/pairs.jsonl
plain=$golden/trl/plain.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
drover=$bin/drover

fail() {
    echo "FAILED: $*"
    exit 1
}
hash_of() {
    sed -n 's/.*weights \([0-9a-f]*\).*/\1/p' "$1" | tail -n 1
}
run() { # run NAME METHOD [key=value ...]: prints the weights hash
    name=$1
    shift
    "$drover" "$@" output_dir="$work/$name" 2> "$work/$name.log" || fail "$*: $(tail -n 1 "$work/$name.log")"
    hash_of "$work/$name.log"
}
same() { # same WHAT A B
    [ -n "$2" ] && [ "$2" = "$3" ] || fail "$1: weights $2 and $3"
}

echo "-- recipes for trl dpo and trl kto --config, as they are"
for method in dpo kto; do
    (cd "$golden/trl" && "$drover" $method --config ${method}_recipe.yaml --output_dir "$work/$method") 2> "$work/log" ||
        fail "$(tail -n 1 "$work/log")"
    [ "$(grep -c '"loss"' "$work/$method/metrics.jsonl")" -eq 3 ] || fail "not 3 steps"
    ! grep -q 'key=report_to' "$work/log" || fail "report_to: none is said to have no effect"
done
head -n 1 "$work/dpo/metrics.jsonl" | grep -q '"loss":0.693147181,' || fail "step 0 of DPO is not ln 2"

echo "-- one thread of plain C, three of the widest vectors, activations kept or made again: the same bits"
for spec in dpo simpo "orpo learning_rate=1e-4" "cpo beta=0.2" "kto loss_type=apo_zero_unpaired" \
    "dpo loss_type=[sigmoid,ipo,sft] ld_alpha=.5 use_peft=true"; do
    # shellcheck disable=SC2086
    set -- $spec model="$model" dataset="$pairs" max_steps=3 learning_rate=1e-3 overwrite_output_dir=true
    set -- "$@" per_device_train_batch_size=2 gradient_accumulation_steps=4
    one=$(export DROVER_ISA=scalar OMP_NUM_THREADS=1 && run one "$@")
    same "$spec" "$one" "$(export OMP_NUM_THREADS=3 && run three "$@")"
    same "$spec" "$one" "$(run kept "$@" gradient_checkpointing=false)"
done

echo "-- a reference made beforehand, beside, or found on disk: the same bits"
set -- model="$model" dataset="$pairs" max_steps=6 learning_rate=1e-3 per_device_train_batch_size=4
before=$(run before dpo "$@" precompute_ref_cache="$work/cache")
same reference "$before" "$(run beside dpo "$@" precompute_ref_log_probs=false)"
[ "$(find "$work/cache" -name '*.ref' | wc -l)" -eq 1 ] || fail "no cache"
file=$(find "$work/cache" -name '*.ref')
stamp=$(stat -c %Y%i "$file")
same cache "$before" "$(run again dpo "$@" precompute_ref_cache="$work/cache")"
[ "$(stat -c %Y%i "$file")" = "$stamp" ] || fail "the cache was made again"
run other dpo "$@" precompute_ref_cache="$work/cache" test_split_size=4 > /dev/null
[ "$(find "$work/cache" -name '*.ref' | wc -l)" -eq 3 ] || fail "another data set has another cache"
printf 'x' | dd of="$file" bs=1 seek=900 conv=notrunc 2> /dev/null
same damage "$before" "$(run damage dpo "$@" precompute_ref_cache="$work/cache")"
grep -q 'made anew' "$work/damage.log" || fail "a damaged cache was taken"
same kto "$(run kto1 kto "$@")" "$(run kto2 kto "$@" precompute_ref_log_probs=false)"

echo "-- killed and begun again: the same weights, for each method"
for spec in dpo "dpo sync_ref_model=true ref_model_sync_steps=3" simpo orpo cpo kto "dpo use_peft=true"; do
    # shellcheck disable=SC2086
    set -- $spec model="$model" dataset="$plain" max_steps=60 save_steps=5 learning_rate=1e-3 \
        per_device_train_batch_size=4 logging_steps=7
    want=$(run sound "$@" overwrite_output_dir=true)
    rm -rf "$work/killed"
    "$drover" "$@" output_dir="$work/killed" 2> "$work/killed.log" &
    pid=$!
    until [ -n "$(ls "$work/killed/checkpoints" 2> /dev/null)" ] || ! kill -0 $pid 2> /dev/null; do sleep 0.01; done
    kill -9 $pid 2> /dev/null || true
    wait $pid 2> /dev/null || true
    got=$(run killed "$@")
    [ -n "$got" ] || got=$want # it had come to its end before the kill
    same "$spec" "$want" "$got"
    for name in sound killed; do
        grep -v train_runtime "$work/$name/metrics.jsonl" |
            sed 's/"train_tokens_per_second":[^,}]*,*//; s/"drover_train_peak":[^,}]*,*//' > "$work/$name.txt"
    done
    cmp "$work/sound.txt" "$work/killed.txt" || fail "$spec: the curves differ"
done

echo "-- bad input: one line"
refuse() { # refuse 'words' METHOD args...
    words=$1
    shift
    rm -rf "$work/bad"
    status=0
    "$drover" "$@" output_dir="$work/bad" > "$work/log" 2>&1 || status=$?
    [ $status -eq 1 ] || fail "$*: exit $status: $(tail -n 1 "$work/log")"
    tail -n 1 "$work/log" | grep -q -- "$words" || fail "$*: '$(tail -n 1 "$work/log")' does not say '$words'"
    [ ! -e "$work/bad" ] || fail "$*: left files"
}
row() {
    printf '%s\n' '{"prompt": "a", "chosen": " b", "rejected": " c"}' "$1" > "$work/rows.jsonl"
}
row '{"prompt": "a", "chosen": " b", "rejected": " b"}'
refuse "rows.jsonl:2: 'chosen' and 'rejected' are the same" dpo model="$model" dataset="$work/rows.jsonl"
refuse "rows.jsonl:2: 'chosen' and 'rejected' are the same" orpo model="$model" dataset="$work/rows.jsonl"
"$drover" dpo model="$model" dataset="$work/rows.jsonl" output_dir="$work/lax" strict=false max_steps=1 2> "$work/log" ||
    fail "$(tail -n 1 "$work/log")"
grep -q '1 bad' "$work/log" || fail "a bad record was not counted"
row '{"prompt": "a", "chosen": "", "rejected": " c"}'
refuse "rows.jsonl:2: 'chosen' is empty" simpo model="$model" dataset="$work/rows.jsonl"
row '{"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "assistant", "content": ""}]}'
refuse "rows.jsonl:2: 'rejected' is empty" cpo model="$model" dataset="$work/rows.jsonl"
row '{"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}'
refuse "rows.jsonl:2: no prompt" dpo model="$model" dataset="$work/rows.jsonl"
row '{"prompt": "a", "chosen": " b", "rejected": " c", "soft_label": 1.2}'
refuse "'soft_label' is not a number from 0 to 1" dpo model="$model" dataset="$work/rows.jsonl"
row '{"prompt": "a", "chosen": " b", "rejected": " c", "tie": true}'
refuse "this loss_type takes none" dpo model="$model" dataset="$work/rows.jsonl" loss_type=aot
row '{"prompt": "a", "chosen": " b", "rejected": " c", "weight": -1}'
refuse "'weight' is not a number" dpo model="$model" dataset="$work/rows.jsonl"
printf '{"prompt": "a", "completion": " b", "label": "good"}\n' > "$work/label.jsonl"
refuse "label.jsonl:1: 'label' is neither true nor false" kto model="$model" dataset="$work/label.jsonl"
printf '{"prompt": "a", "completion": " b"}\n' > "$work/label.jsonl"
refuse "label.jsonl:1: 'label' is missing" kto model="$model" dataset="$work/label.jsonl"
printf '{"prompt": "a", "completion": "", "label": true}\n' > "$work/label.jsonl"
refuse "label.jsonl:1: 'completion' is empty" kto model="$model" dataset="$work/label.jsonl"
refuse 'loss_type=cdpo' dpo model="$model" dataset="$plain" label_smoothing=.1
refuse 'label_smoothing: 0: above 0' dpo model="$model" dataset="$plain" loss_type=exo_pair
refuse 'below 0.5' dpo model="$model" dataset="$plain" loss_type=robust label_smoothing=.5
refuse 'expected sigmoid' dpo model="$model" dataset="$plain" loss_type=sigmoidal
refuse 'loss_weights: 1 for 2' dpo model="$model" dataset="$plain" 'loss_type=[sigmoid,sft]' 'loss_weights=[1]'
refuse 'only reverse_kl' dpo model="$model" dataset="$plain" loss_type=nca_pair f_divergence_type=js_divergence
refuse 'sync_ref_model' dpo model="$model" dataset="$plain" sync_ref_model=true precompute_ref_log_probs=true
refuse 'max_memory' dpo model="$model" dataset="$plain" max_memory=3MB per_device_train_batch_size=1 precompute_ref_batch_size=30
refuse 'only sequential' kto model="$model" dataset="$plain" train_sampling_strategy=random
refuse 'another answer in the batch' kto model="$model" dataset="$plain" per_device_train_batch_size=1
refuse 'none of 30 records' dpo model="$model" dataset="$plain" max_length=2
refuse 'is a reward model' dpo model="$golden/model/reward4" dataset="$plain"
echo "passed"

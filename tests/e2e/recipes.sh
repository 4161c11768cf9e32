#!/bin/sh
# Recipes as people have them: alignment-handbook's run as they stand, on a tiny model and data of ours that lie where a
# recipe says; TRL's documented command lines run. usage: recipes.sh BIN_FOLDER
# The recipes are read from $DROVER_TEST_DATA/handbook-recipes and are left out where that is not.
set -eu
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
drover=$(cd "$bin" && pwd)/drover
recipes=${DROVER_TEST_DATA:-nowhere}/handbook-recipes
cases=0

fail() {
    echo "FAILED: $*"
    exit 1
}
model=$golden/model/llama5
cd "$work"

user='{"role":"user","content":"on hello, it the 305 sat"}'
# records KIND N: lines of messages, pairs of dialogues, prompts and the article's own
records() {
    i=0
    while [ $i -lt "$2" ]; do
        case $1 in
        messages) printf '{"messages":[%s,{"role":"assistant","content":"there is %d sat"}]}\n' "$user" $i ;;
        pairs) printf '{"prompt":"on hello","chosen":[%s,{"role":"assistant","content":"hen %d"}],"rejected":[%s,{"role":"assistant","content":"cat the %d"}],"chat_template_kwargs":{}}\n' \
            "$user" $i "$user" $i ;;
        plain) printf '{"prompt":"on hello","chosen":" hen %d","rejected":" cat the %d"}\n' $i $i ;;
        answers) printf '{"prompt":"on hello","completion":" hen %d"}\n' $i ;;
        labels) printf '{"prompt":"on hello","completion":" hen %d","label":%s}\n' $i "$([ $((i % 2)) -eq 0 ] && echo true || echo false)" ;;
        thoughts) printf '{"messages":[%s,{"role":"assistant","content":"there is %d sat"}],"chat_template_kwargs":{"enable_thinking":%s}}\n' \
            "$user" $i "$([ $((i % 2)) -eq 0 ] && echo true || echo null)" ;;
        prompts) printf '{"prompt":[%s],"solution":"$%d$"}\n' "$user" $i ;;
        esac
        i=$((i + 1))
    done
}
# at FOLDER SPLIT KIND: a data set where a recipe names it
at() {
    mkdir -p "$1"
    records "$3" 12 > "$1/$2.jsonl"
}

# The data that a recipe names: its ids (or the keys of dataset_mixer), configurations and splits.
data_of() { # data_of RECIPE KIND; none: they are there
    [ "$2" != none ] || return 0
    python3 - "$1" <<'PY' | while read -r folder split; do at "$folder" "$split" "$2"; done
import re, sys
text = open(sys.argv[1]).read()
for part in re.split(r"\n\s*- id:", text)[1:]:
    name = part.split("\n")[0].strip()
    config = re.search(r"\n\s*config:\s*(\S+)", part)
    split = re.search(r"\n\s*split:\s*(\S+)", part)
    folder = name if not config or config.group(1) == "default" else name + "/" + config.group(1)
    print(folder, split.group(1) if split else "train")
single = re.search(r"\ndataset_name:\s*(\S+)", text)
if single:
    for split in re.findall(r"\ndataset_(?:train|test)_split:\s*(\S+)", text):
        print(single.group(1), split)
mixer = re.search(r"\ndataset_mixer:\n((?:  .*\n)+)", text)
if mixer:
    for name in re.findall(r"  (\S+):", mixer.group(1)):
        for split in re.findall(r"\n- (\S*(?:train|test)\S*)", text):
            print(name, split)
PY
}

# A recipe as it is, but for the model's path, the length of the run, and how much of so little data is held out.
recipe() { # recipe FILE METHOD KIND [KEY=VALUE ...]
    file=$recipes/$1 method=$2 kind=$3
    shift 3
    data_of "$file" "$kind"
    held=
    grep -q '^ *test_split_size' "$file" && held=test_split_size=2
    status=0
    "$drover" "$method" --config "$file" --model_name_or_path "$model" --max_steps 1 --disable_tqdm true $held "$@" \
        > "$work/log" 2>&1 || status=$?
    [ $status -eq 0 ] || fail "$(basename "$file"): $(tail -n 2 "$work/log")"
    out=$(sed -n 's/^output_dir: *\([^ ]*\).*/\1/p' "$file")
    [ -s "$out/model/model.safetensors" ] || [ -s "$out/model/adapter_model.safetensors" ] || fail "$(basename "$file"): no model in $out"
    cases=$((cases + 1))
}

if [ -d "$recipes" ]; then
    echo "-- twelve recipes of the alignment handbook"
    recipe constitutional-ai_dpo_config_anthropic.yaml dpo pairs
    grep -q 'key=max_prompt_length' "$work/log" || fail "max_prompt_length is not told"
    recipe pref_align_scan_dpo_config_zephyr.yaml dpo pairs
    recipe smollm2_dpo_config_smol.yaml dpo pairs
    recipe smollm2_sft_config.yaml sft messages
    recipe smollm3_dpo_apo.yaml dpo pairs
    recipe smollm3_sft_mid.yaml sft messages
    recipe smollm_sft_config.yaml sft messages
    recipe starchat2-15b_sft_config_v0.1.yaml sft messages
    recipe zephyr-141b-A35b_orpo_config_full.yaml orpo pairs
    recipe zephyr-7b-beta_dpo_config_qlora.yaml dpo pairs
    recipe zephyr-7b-beta_sft_config_full.yaml sft messages
    recipe zephyr-7b-gemma_dpo_config_full.yaml dpo pairs
    grep -q 'key=torch_dtype' "$work/log" || fail "an older key is not told: $(cat "$work/log")"
else
    echo "SKIPPED: no $recipes: the recipes are not run"
fi

. "$here/recipes_own.sh"

echo "-- what a file is, and what is learnt of it, before anything trains"
inspect() { # inspect 'RECORD' 'words' ...: drover data inspect says these words
    printf '%s\n' "$1" > seen.jsonl
    shift
    "$drover" data inspect seen.jsonl --model "$model" > seen.txt 2> log || fail "data inspect: $(tail -n 1 log)"
    for words in "$@"; do grep -q -- "$words" seen.txt || fail "data inspect does not say '$words': $(cat seen.txt)"; done
    cases=$((cases + 1))
}
inspect '{"messages":[{"role":"user","content":"on"},{"role":"assistant","content":"the"}]}' 'trl 1' 'messages 1' 'used by  sft.*all of 1' '⟦'
inspect '{"instruction":"on","input":"","output":"the"}' 'alpaca 1' 'prompt-completion 1' 'used by  sft.*all of 1' 'tokens, [1-9][0-9]* learnt' '⟦the'
inspect '{"prompt":"on","chosen":" the","rejected":" sat"}' 'preference 1' 'used by  .*dpo.*all of 1' 'chosen: ' 'rejected: '
inspect '{"question":"on","answer":"the"}' 'none that is known' 'rename: {question: prompt, answer: completion}'

echo "-- command lines as TRL documents them"
for kind in messages pairs plain answers labels prompts; do
    at "data/$kind" train $kind
done
line() { # line METHOD ARGS...: the words behind `trl METHOD`, but for how long it runs
    method=$1
    shift
    "$drover" "$method" --model_name_or_path "$model" "$@" --output_dir "out-$method" --max_steps 1 --disable_tqdm true \
        > "$work/log" 2>&1 || fail "$method $*: $(tail -n 2 "$work/log")"
    [ -s "out-$method/model/model.safetensors" ] || [ -s "out-$method/model/adapter_model.safetensors" ] || fail "$method: no model"
    cases=$((cases + 1))
}
line sft --dataset_name data/answers --learning_rate 2.0e-5 --num_train_epochs 1 --packing --per_device_train_batch_size 2 \
    --gradient_accumulation_steps 8 --eos_token null --eval_strategy no --use_peft --lora_r 32 --lora_alpha 16
line dpo --dataset_name data/plain --learning_rate 5.0e-6 --num_train_epochs 1 --per_device_train_batch_size 2 \
    --gradient_accumulation_steps 8 --no_remove_unused_columns --use_peft --lora_r 32 --lora_alpha 16
line kto --dataset_name data/labels --per_device_train_batch_size 4 --num_train_epochs 1 --learning_rate 5e-7 --lr_scheduler_type cosine \
    --gradient_accumulation_steps 1 --eval_steps 500 --warmup_steps 0.1 --bf16 --logging_first_step
line reward --dataset_name data/plain --per_device_train_batch_size 8 --num_train_epochs 1 --gradient_checkpointing True \
    --learning_rate 1.0e-5 --eval_strategy no --eval_steps 50 --max_length 2048
line cpo --dataset_name data/plain --per_device_train_batch_size 4 --learning_rate 8e-6 --gradient_accumulation_steps 1 --eval_steps 500 \
    --optim rmsprop --warmup_steps 150 --bf16 --logging_first_step --no_remove_unused_columns
line orpo --dataset_name data/plain --per_device_train_batch_size 4 --learning_rate 8e-5 --lr_scheduler_type inverse_sqrt \
    --beta 0.1 --optim paged_adamw_8bit --warmup_steps 100 --logging_first_step
line grpo --dataset_name data/prompts --reward_funcs accuracy_reward --learning_rate 1e-5 --gradient_checkpointing --num_generations 4 \
    --per_device_train_batch_size 4 --max_completion_length 8 --log_completions --use_vllm --vllm_mode colocate --no_shuffle_dataset
line rloo --dataset_name data/prompts --reward_funcs accuracy_reward --learning_rate 1e-5 --num_generations 2 \
    --per_device_train_batch_size 4 --max_completion_length 8 --bf16 --attn_implementation flash_attention_2
echo "-- other rules of a step, other names"
line sft --dataset_name data/answers --optim sgd --torch_dtype float32 --max_seq_length 64 --overwrite_output_dir
line sft --dataset_name data/answers --optim adagrad --lr_scheduler_type cosine_warmup_with_min_lr --overwrite_output_dir \
    --lr_scheduler_kwargs '{min_lr_rate: 0.1, warmup_lr_rate: 0.2}' --warmup_ratio 0.5
echo "ok: $cases recipes and lines"

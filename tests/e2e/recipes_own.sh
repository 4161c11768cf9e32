# The keys of the alignment handbook's other recipes, in files of our own: read by recipes.sh, whose functions they use.
# What a key is set to, which data are named and in which order keys stand is ours; the set of keys is a published recipe's.

# Every recipe has these.
every() { # every NAME [REPORT...]
    cat <<EOF
model_name_or_path: lab/base
bf16: true
gradient_accumulation_steps: 2
gradient_checkpointing: true
gradient_checkpointing_kwargs: {use_reentrant: False}
learning_rate: 3.0e-06
logging_steps: 4
lr_scheduler_type: cosine
num_train_epochs: 2
output_dir: runs/$1
per_device_train_batch_size: 2
per_device_eval_batch_size: 3
push_to_hub: true
save_strategy: "steps"
save_steps: 40
save_total_limit: 1
seed: 7
warmup_ratio: 0.2
hub_model_id: lab/$1
EOF
}
# Those of the SFT ones.
demonstrations() {
    cat <<EOF
model_revision: main
do_eval: true
hub_strategy: every_save
log_level: info
logging_strategy: steps
max_steps: -1
overwrite_output_dir: true
report_to:
- tensorboard
EOF
}
turns='"{% for m in messages %}{% if m['"'role'"'] == '"'assistant'"' %}{{ '"'A:'"' + m['"'content'"'] + eos_token }}{% else %}{{ m['"'role'"'] + '"':'"' + m['"'content'"'] + eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '"'A:'"' }}{% endif %}"'
# mixture COLUMNS SEED-AND-MORE ID:SPLIT ...
mixture() {
    columns=$1
    shift
    printf 'dataset_mixture:\n  datasets:\n'
    for part in "$@"; do
        printf '    - id: %s\n      config: %s\n      split: %s\n      columns:\n' "${part%%:*}" "$(echo "$part" | cut -d: -f3)" \
            "$(echo "$part" | cut -d: -f2)"
        for column in $columns; do printf '        - %s\n' "$column"; done
        printf '      weight: %s\n' "$(echo "$part" | cut -d: -f4)"
    done
}
# mixer ID SPLIT ...: the handbook's first way to name data
mixer() {
    printf 'dataset_mixer:\n  %s: 1.0\ndataset_splits:\n' "$1"
    shift
    for split in "$@"; do printf -- '- %s\n' "$split"; done
    printf 'preprocessing_num_workers: 3\n'
}

own() { # own NAME METHOD KIND [KEY=VALUE ...]: the recipe in next.yaml
    mkdir -p own
    mv next.yaml "own/$1.yaml"
    name=$1 method=$2 kind=$3
    shift 3
    recipes=$work/own recipe "$name.yaml" "$method" "$kind" "$@"
}

echo "-- twelve more by their keys"
pairs='optim: adamw_torch
do_eval: true
max_prompt_length: 128'
{ every cai-sft; demonstrations; mixture messages lab/harmless:train_sft:default:1.0 lab/chat:test_sft:default:0.5
    printf '  test_split_size: 2\n  seed: 0\n'
    printf 'chat_template: %s\ntorch_dtype: bfloat16\nattn_implementation: flash_attention_2\ndataset_num_proc: 3\n' "$turns"
    printf 'do_train: true\neval_strategy: epoch\nmax_seq_length: 500\nremove_unused_columns: true\n'
} > next.yaml
own cai-sft sft messages
grep -q 'read as datasets' log || fail "a mixture is not told: $(cat log)"

{ every nl-cpt; demonstrations | sed 's/do_eval: true/do_eval: False/'; mixer lab/web train
    printf 'dataset_configs:\n- tiny\ntorch_dtype: bfloat16\neval_strategy: "no"\nmax_seq_length: 500\nremove_unused_columns: true\n'
} > next.yaml
mkdir -p lab/web/tiny
for i in 1 2 3 4 5 6 7 8; do printf '{"text":"the hen %d sat on it and then there"}\n' $i; done > lab/web/tiny/train.jsonl
own nl-cpt sft none
grep -q 'read as datasets: \[{path, name' log || fail "a configuration of dataset_mixer is not read: $(cat log)"

{ every nl-sft; demonstrations; mixer lab/chat-nl train_sft test_sft
    printf 'chat_template: %s\ntorch_dtype: bfloat16\nevaluation_strategy: epoch\nmax_seq_length: 500\nremove_unused_columns: true\n' "$turns"
} > next.yaml
own nl-sft sft messages
{ every nl-dpo; mixer lab/prefs-nl train_prefs test_prefs
    printf '%s\nmodel_revision: main\ntorch_dtype: bfloat16\nbeta: 0.2\nevaluation_strategy: steps\neval_steps: 30\n' "$pairs"
    printf 'log_level: info\nmax_length: 500\nreport_to:\n- wandb\n'
} > next.yaml
own nl-dpo dpo pairs
{ every hermes-dpo | grep -v '^push_to_hub'; mixer lab/orca train_prefs test_prefs
    printf '%s\ntorch_dtype: null\nbeta: 0.02\nloss_type: sigmoid\ndo_train: true\nevaluation_strategy: steps\neval_steps: 30\n' "$pairs"
    printf 'hub_model_revision: v2.0\npush_to_hub_revision: true\n'
} > next.yaml
own hermes-dpo dpo pairs
{ every beta-dpo; mixture 'chosen rejected' lab/uf:train_prefs:default:1.0 lab/uf:test_prefs:default:1.0
    printf '  test_split_size: 4\n  seed: 0\n%s\ntorch_dtype: null\ndataset_num_proc: 3\nbeta: 0.02\neval_strategy: steps\neval_steps: 30\n' "$pairs"
    printf 'log_level: info\nmax_length: 500\n'
} > next.yaml
own beta-dpo dpo pairs
{ every star-dpo | grep -v '^save_'
    mixture 'chosen rejected' lab/uf:train_prefs:default:1.0 lab/orca2:train_prefs:default:1.0 lab/uf:test_prefs:default:1.0 lab/orca2:test_prefs:default:1.0
    printf '  test_split_size: 4\n  seed: 0\n%s\ntorch_dtype: bfloat16\ndataset_num_proc: 3\nbeta: 0.06\neval_strategy: steps\neval_steps: 30\n' "$pairs"
    printf 'log_level: info\nmax_length: 500\nsave_strategy: "no"\nreport_to:\n- tensorboard\n- wandb\n'
} > next.yaml
own star-dpo dpo pairs
{ every beta-qlora; demonstrations; mixture messages lab/uc:train_sft:default:1.0 lab/uc:test_sft:default:1.0
    printf '  test_split_size: 2\n  seed: 0\nchat_template: %s\ntorch_dtype: bfloat16\nattn_implementation: flash_attention_2\n' "$turns"
    printf 'load_in_4bit: true\nuse_peft: true\nlora_r: 4\nlora_alpha: 8\nlora_dropout: 0.1\nlora_target_modules:\n- q_proj\n- down_proj\n'
    printf 'dataset_num_proc: 3\neval_strategy: epoch\nmax_length: 500\n'
} > next.yaml
own beta-qlora sft messages
{ every gemma-sft; demonstrations; mixer lab/deita train_sft test_sft
    printf 'tokenizer_name_or_path: lab/tokenizer\nchat_template: %s\ntorch_dtype: bfloat16\nuse_flash_attention_2: true\n' "$turns"
    printf 'dataset_kwargs:\n  add_special_tokens: false\n  append_concat_token: false\nevaluation_strategy: "epoch"\nmax_seq_length: 500\n'
    printf 'remove_unused_columns: true\n'
} > next.yaml
own gemma-sft sft messages --tokenizer_name_or_path "$model"
grep -q 'dataset_kwargs.append_concat_token' log || fail "a word of dataset_kwargs is passed over in silence: $(cat log)"
{ every gemma-neftune; demonstrations; mixer lab/longest train_sft test_sft
    printf 'chat_template: %s\ntorch_dtype: bfloat16\nuse_flash_attention_2: true\nevaluation_strategy: epoch\nmax_seq_length: 500\n' "$turns"
    printf 'neftune_noise_alpha: 4\nremove_unused_columns: true\nweight_decay: 0.2\n'
} > next.yaml
own gemma-neftune sft messages
{ every capybara-orpo | grep -v '^save_steps'
    printf 'model_revision: main\ntorch_dtype: bfloat16\nuse_flash_attention_2: true\ndataset_name: lab/capybara\ndataset_train_split: train\n'
    printf 'dataset_num_proc: 3\nbeta: 0.1\nlog_level: info\nmax_length: 500\nmax_prompt_length: 300\noptim: adamw_bnb_8bit\nlr_scheduler_type: inverse_sqrt\n'
    printf 'warmup_steps: 5\nreport_to:\n- wandb\n'
} | grep -v '^lr_scheduler_type: cosine\|^warmup_ratio' > next.yaml
own capybara-orpo orpo pairs

# SmolLM3's: variables of the template in the records, learnt where the template says so
thinking='"{% for m in messages %}{{ m.role + '"':'"' }}{% if m.role == '"'assistant'"' %}{% generation %}{% if enable_thinking %}on {% endif %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '"'assistant:'"' }}{% endif %}"'
{ every smol-sft | grep -v '^save_s\|^warmup\|^lr_sched\|^hub_model'
    mixture 'messages chat_template_kwargs' lab/talk:plain_no_think:SFT:1.0 lab/talk:convs_Q_32B_think:SFT:0.5
    printf '  seed: 0\nmodel_revision: it-mid\ntorch_dtype: bfloat16\nattn_implementation: flash_attention_2\ntrust_remote_code: true\n'
    printf 'chat_template: %s\ndataset_num_proc: 3\neos_token: <|im_end|>\nassistant_only_loss: true\nddp_timeout: 18000\n' "$thinking"
    printf 'do_eval: false\neval_strategy: '"'no'"'\nhub_strategy: every_save\nlog_level: info\nlogging_strategy: steps\n'
    printf 'lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs:\n  min_lr_rate: 0.1\npacking: true\npacking_strategy: ffd\n'
    printf 'max_grad_norm: 0.2\nmax_length: 65536\nmax_steps: -1\noverwrite_output_dir: true\nreport_to:\n- wandb\nsave_strategy: epoch\n'
    printf 'use_liger_kernel: true\nwarmup_ratio: 0.03\nrun_name: thought\naverage_tokens_across_devices: true\n'
} > next.yaml
own smol-sft sft thoughts
grep -q 'ffd is today bfd' log || fail "an older packing strategy is not told: $(cat log)"

#!/bin/sh
# Ways of choosing pairs on the small world: how many judgements each needs beside random.
# usage: choosing.sh BIN TRIAL [SEEDS]   (minutes)
set -eu
bin=$1 trial=$2 seeds=${3:-40}
folder=$(mktemp -d "${TMPDIR:-/tmp}/drover-choosing-XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$bin/drover" world make dir="$folder/world" seed=9 width=64 layers=3 >/dev/null
"$bin/drover" sft model="$folder/world/model" dataset="$folder/world/sft.jsonl" output_dir="$folder/sft" \
    max_steps=90 per_device_train_batch_size=16 learning_rate=3e-3 max_length=96 gradient_checkpointing=false >/dev/null
"$trial" "$folder/sft/model" "$seeds"

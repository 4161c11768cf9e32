#!/bin/sh
# Ways of choosing pairs: how many judgements each needs beside random, on the small world and on HH.
# usage: choosing.sh BIN PAIRS TRIAL [SEEDS [SEEDS_HH]]   (an hour; HH with DROVER_SMOLLM2=FILE.gguf and DROVER_TEST_DATA)
set -eu
bin=$1 pairs=$2 trial=$3 seeds=${4:-60} seeds_hh=${5:-52}
folder=$(mktemp -d "${TMPDIR:-/tmp}/drover-choosing-XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$bin/drover" world make dir="$folder/world" seed=9 width=64 layers=3 >/dev/null
"$bin/drover" sft model="$folder/world/model" dataset="$folder/world/sft.jsonl" output_dir="$folder/sft" \
    max_steps=90 per_device_train_batch_size=16 learning_rate=3e-3 max_length=96 gradient_checkpointing=false >/dev/null
"$pairs" "$folder/sft/model" world "$folder/world.pairs"
echo "the small world"
"$trial" "$folder/world.pairs" "$seeds" 0.03
hh=${DROVER_TEST_DATA:-}/hh-rlhf/harmless-1800.jsonl
if [ -z "${DROVER_SMOLLM2:-}" ] || [ ! -e "$hh" ]; then
    echo "HH is left out: DROVER_SMOLLM2 names no file, or there is no $hh"
    exit 0
fi
"$pairs" "$DROVER_SMOLLM2" "$hh" "$folder/hh.pairs"
echo "HH"
"$trial" "$folder/hh.pairs" "$seeds_hh" 1

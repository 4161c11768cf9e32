#!/bin/sh
# How far a policy drifts when there is nothing to learn: PPO with every score 0 and no price of distance, by how the
# critic begins. Prints nats an answer from the start model at each iteration, and what the critic explained.
#   bench/critic_drift.sh BIN WORK       WORK: with sft, rm and world/ as ./demo leaves them in runs/demo (rm: reward)
set -eu
bin=$1 work=$(cd "$2" && pwd)
reward=$work/reward
[ -d "$work/rm" ] && reward=$work/rm
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
one() { # one NAME key=value...
    name=$1
    shift
    timeout 600 "$bin/drover" ppo model="$work/sft" dataset="$work/world/prompts.jsonl" output_dir="$out/$name" \
        "rewards=[{name: rm, model: $reward, weight: 0}]" per_device_train_batch_size=16 gradient_accumulation_steps=8 \
        response_length=40 temperature=1 kl_coef=0 eval_prompts=0 learning_rate=3e-4 critic_learning_rate=5e-4 "$@" 2>"$out/$name.log"
    printf '%-32s' "$*"
    sed -n 's/.*"objective\/kl":\([-0-9.e]*\).*/\1/p' "$out/$name/metrics.jsonl" | awk '{ printf " %.3f", $1 } END { print "" }'
}
one a critic_warmup=0 max_steps=4
one b critic_warmup=1 max_steps=5
one c critic_warmup=4 max_steps=8
one d critic=reward_trunk max_steps=4
one e critic=zero max_steps=4

# Sourced by ./demo --model smollm2 --data pairs.jsonl: a real model and real pairs.
[ -n "$data" ] || { echo "demo: --model smollm2 needs --data pairs.jsonl (HH dialogues, or TRL preference rows)" >&2; exit 2; }
[ -f "$data" ] || { echo "demo: $data: no such file" >&2; exit 2; }
base=runs/smollm2-135m-instruct.gguf
[ -f $base ] || drover pull smollm2-135m-instruct to=$base
format=
if head -n 1 "$data" | grep -q '"chosen": *"[^"]*Human:'; then format="format=hh strict=false"; fi # four of its answers say nothing

say "SFT on the chosen answers, 20 steps"
drover sft examples/demo/smollm2-sft.yaml model_name_or_path=$base dataset_name="$data" $format

say "a reward model from the pairs, 50 steps"
drover reward examples/demo/smollm2-reward.yaml dataset_name="$data" $format

say "PPO, 5 iterations of 16 answers of 64 tokens, on five processes"
drover ppo examples/demo/smollm2-ppo.yaml dataset_name="$data" $format
say "the processes"
processes runs/smollm2/sft runs/smollm2/reward runs/smollm2/ppo
echo "report: $PWD/runs/smollm2/ppo/report.html"

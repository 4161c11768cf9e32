# Sourced by ./demo: the small world.
rm -rf runs/demo
mkdir -p runs/demo
say "a small world: an inn, its guests, five annotators who disagree"
drover world make dir=runs/demo/world demonstrations=4000

say "SFT on mediocre demonstrations"
drover sft examples/demo/sft.yaml

say "the annotators choose between the model's own answers"
for i in 1 2; do
    drover generate model=runs/demo/sft temperature=1 max_new_tokens=40 seed=$i \
        <runs/demo/world/prompts.jsonl >runs/demo/world/answers-$i.jsonl
done
drover world annotate prompts=runs/demo/world/prompts.jsonl before=runs/demo/world/answers-1.jsonl \
    after=runs/demo/world/answers-2.jsonl out=runs/demo/world/choices.jsonl

say "a reward model from their choices"
drover reward examples/demo/reward.yaml

say "PPO on one broker, two actors, one rewarder, one learner"
echo "(watch it from another terminal: build/release/bin/drover top)"
drover ppo examples/demo/ppo.yaml

say "what changed, on questions nobody trained on"
for which in sft ppo; do
    drover generate model=runs/demo/$which temperature=1 max_new_tokens=40 seed=7 \
        <runs/demo/world/heldout.jsonl >runs/demo/$which.answers.jsonl
done
drover world judge prompts=runs/demo/world/heldout.jsonl before=runs/demo/sft.answers.jsonl \
    after=runs/demo/ppo.answers.jsonl json=runs/demo/verdict.json
drover inspect runs/demo/ppo/model json=true | awk -F'"' '/"hash"/ { print "weights " $4 }'
say "the processes"
processes runs/demo/sft runs/demo/reward runs/demo/ppo
echo "report: $PWD/runs/demo/ppo/report.html"

# Sourced by ./demo: the small world.
rm -rf runs/demo
mkdir -p runs/demo
say "a small world: an inn, its guests, five annotators who disagree"
drover world make dir=runs/demo/world

say "SFT on mediocre demonstrations"
drover sft examples/demo/sft.yaml

say "a reward model from the annotators' choices"
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
echo "report: $PWD/runs/demo/ppo/report.html"

#!/usr/bin/env python3
"""drover's DPO, GRPO and PPO, timed: the peer of trl_methods.py, same data, same counts, same output.

usage: drover_methods.py dpo|grpo|ppo FOLDER BIN [key=value ...]      (FOLDER: peers_prepare.py's; threads: OMP_NUM_THREADS)
dpo: one epoch of 8 pairs, 4 a step; it begins with the reference's pass. grpo: 2 x 4 answers of 64 tokens, prompts in the order of
the file, 4 passes. ppo: 8 x (64 + 64) tokens, 4 passes, all weights, a critic of its own. No answer ends before its 64 tokens.
Of grpo and ppo the second iteration is timed: until the first ends, programs start and pages are touched for the first time."""
import json, statistics, sys, tempfile

from follow import follow, median_step

METHOD, FOLDER, BIN = sys.argv[1:4]
FLEET = ["gradient_accumulation_steps=1", "max_steps=STEPS", "eval_prompts=0", "fleet.actors=1", "stop_token=none", "shuffle=false",
         "per_device_train_batch_size=8"]
METHODS = {
    "dpo": ["per_device_train_batch_size=4", "num_train_epochs=1", "max_length=512"],
    "grpo": [*FLEET, "num_generations=4", "max_completion_length=64", "num_iterations=4", "beta=0",
             "rewards=[{name: length, rule: length, unit: characters, target: 200}]"],
    "ppo": [*FLEET, "response_length=64", "num_ppo_epochs=4", "critic_warmup=0", f"reward_model_path={FOLDER}/classifier"],
}
STEPS = {"grpo": 8, "ppo": 2}


def main():
    with tempfile.TemporaryDirectory() as out:
        status, last, at, _, planned = follow([
            f"{BIN}/drover", METHOD, f"model={FOLDER}/model", f"dataset={FOLDER}/{METHOD}.jsonl", f"output_dir={out}/run",
            "learning_rate=1e-6", "logging_steps=1", "save_strategy=no",
            *(word.replace("STEPS", str(STEPS.get(METHOD))) for word in METHODS[METHOD]), *sys.argv[4:]])
        if status:
            raise SystemExit("".join(last))
        with open(f"{out}/run/metrics.jsonl") as lines:
            rows = [json.loads(line) for line in lines]
    if METHOD == "dpo":
        print(f"dpo epoch: {at[-1] - planned:.3f} s")
    print(f"{METHOD} step: {median_step(at):.3f} s")
    lengths = [r["completions/mean_length"] for r in rows if "completions/mean_length" in r]
    if lengths:
        print(f"{METHOD} tokens an answer: {statistics.mean(lengths):.1f}")


main()

#!/usr/bin/env python3
"""drover's DPO and GRPO, timed: the peer of trl_methods.py, same data, same counts, same output.

usage: drover_methods.py dpo|grpo MODEL_FOLDER DATA.jsonl BIN_FOLDER      (threads: OMP_NUM_THREADS)
Memory is that of all processes together. grpo: prompts in the order of the file, and no answer ends before
its 64 tokens: both programs do the same work."""
import json, os, statistics, sys, tempfile

from follow import follow, median_step

METHOD, MODEL, DATA, BIN = sys.argv[1:5]
STEPS = int(os.environ.get("STEPS", "3"))
METHODS = {
    "dpo": ["per_device_train_batch_size=4", f"max_steps={STEPS}", "max_length=512", "save_strategy=no"],
    "grpo": ["per_device_train_batch_size=8", "gradient_accumulation_steps=1", "num_generations=4",
             "max_completion_length=64", "num_iterations=4", f"max_steps={4 * STEPS}", "beta=0", "eval_prompts=0",
             "rewards=[{name: length, rule: length, unit: characters, target: 200}]", "fleet.actors=1", "save_strategy=no",
             "stop_token=none", "shuffle_dataset=false"],
}


def main():
    with tempfile.TemporaryDirectory() as out:
        status, last, at, memory = follow([f"{BIN}/drover", METHOD, f"model={MODEL}", f"dataset={DATA}",
                                           f"output_dir={out}/run", "learning_rate=1e-6", "logging_steps=1",
                                           *METHODS[METHOD], *sys.argv[5:]])
        if status:
            raise SystemExit("".join(last))
        with open(f"{out}/run/metrics.jsonl") as lines:
            rows = [json.loads(line) for line in lines]
    if METHOD == "grpo":
        memory = memory[1:]  # the learner's own line comes before the list of all
    print(f"{METHOD} step: {median_step(at):.3f} s")
    print(f"{METHOD} peak memory: {sum(memory):.3f} GB")
    if METHOD == "grpo":
        lengths = [r["completions/mean_length"] for r in rows if "completions/mean_length" in r]
        print(f"grpo tokens an answer: {statistics.mean(lengths):.1f}")


main()

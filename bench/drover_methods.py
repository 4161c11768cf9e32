#!/usr/bin/env python3
"""drover's DPO and GRPO, timed: the peer of trl_methods.py, same data, same counts, same output.

usage: drover_methods.py dpo|grpo MODEL_FOLDER DATA.jsonl BIN_FOLDER      (threads: OMP_NUM_THREADS)
Memory is that of all processes together."""
import os, re, statistics, subprocess, sys, tempfile, time

METHOD, MODEL, DATA, BIN = sys.argv[1:5]
STEPS = 3
METHODS = {
    "dpo": ["per_device_train_batch_size=4", f"max_steps={STEPS}", "max_length=512", "save_strategy=no"],
    "grpo": ["per_device_train_batch_size=8", "gradient_accumulation_steps=1", "num_generations=4",
             "max_completion_length=64", "num_iterations=4", f"max_steps={4 * STEPS}", "beta=0", "eval_prompts=0",
             "rewards=[{name: length, rule: length, unit: characters, target: 200}]", "fleet.actors=1", "save_strategy=no"],
}


def main():
    with tempfile.TemporaryDirectory() as out:
        run = subprocess.Popen([f"{BIN}/drover", METHOD, f"model={MODEL}", f"dataset={DATA}", f"output_dir={out}/run",
                                "learning_rate=1e-6", "logging_steps=1", *METHODS[METHOD], *sys.argv[5:]],
                               stderr=subprocess.PIPE, text=True, env=dict(os.environ, OMP_WAIT_POLICY="passive"))
        at, memory, last = [], [], []
        for line in run.stderr:
            last = (last + [line])[-5:]
            if re.match(r"(step|iteration) \d+/", line):
                at.append(time.monotonic())
            memory += [float(n) * {"MB": 1e-3, "GB": 1}[unit] for n, unit in
                       re.findall(r"peak memory +([0-9.]+) ([MG]B)", line)]
        if run.wait():
            raise SystemExit("".join(last))
    if METHOD == "grpo":
        memory = memory[1:]  # the learner's own line comes before the list of all
    print(f"{METHOD} step: {statistics.median(b - a for a, b in zip(at, at[1:])):.3f} s")
    print(f"{METHOD} peak memory: {sum(memory):.3f} GB")


main()

#!/usr/bin/env python3
"""Each method over the fleet ends in one weights hash for one actor, for two, and after kills.

usage: methods_end.py BIN_FOLDER [METHOD ...]    no method: the short list; `all`: every one
Seeded runs of a few iterations on real processes. Standard library only."""
import json, os, shutil, sys, tempfile, time

sys.dont_write_bytecode = True
from fleet import HERE, Run, accounting, hash_of, prepare, tool

SHARED = ["model=sft", "per_device_train_batch_size=8", "response_length=24", "temperature=1", "learning_rate=1e-3",
          "gradient_checkpointing=false", "save_steps=2"]
SCORED = ["reward_model_path=rm", "dataset=world/prompts.jsonl", "eval_prompts=2", "missing_eos_penalty=1"]
GROUP = SCORED + ["steps_per_generation=2", "num_generations=4", "num_iterations=2", "max_steps=24"]
METHODS = {
    "grpo": GROUP + ["beta=0.04"],
    "grpo:dynamic": ["world.yaml", "dataset=world/prompts.jsonl", "eval_prompts=2", "num_generations=4",
                     "gradient_accumulation_steps=2", "dynamic_sampling=true", "max_steps=5"],
    "grpo:lag": GROUP + ["overlap.lag=2", "loss_type=grpo", "importance_sampling_level=sequence"],
    "grpo:free": GROUP + ["overlap.free=2", "importance=token_truncate"],
    "rloo": GROUP,
    "grpo:moving": GROUP + ["beta=0.04", "sync_ref_model=true", "ref_model_sync_steps=3", "use_adaptive_entropy=true",
                            "entropy_coef_delta=0.02", "entropy_target=9"],
    "grpo:steps": ["steps.yaml", "dataset=world/prompts.jsonl", "eval_prompts=2", "num_generations=4",
                   "steps_per_generation=2", "num_iterations=2", "max_steps=12"],
    "reinforce++": GROUP + ["baseline=true"],
    "raft": GROUP,
    "online-dpo": SCORED + ["max_steps=6"],
    "xpo": SCORED + ["max_steps=6", "alpha=[0.001, 0.01]", "num_train_epochs=1"],
    "nash-md": SCORED + ["max_steps=6", "num_generations=4"],
    "nash-md:lag": SCORED + ["max_steps=6", "num_generations=4", "overlap.lag=2"],
    "spin": ["dataset=world/sft.jsonl", "spin_iterations=2", "num_train_epochs=1", "prompts_per_iteration=24",
             "stop_gain=-10"],
}
SHORT = ["grpo:dynamic", "grpo:moving", "xpo", "nash-md"]


class Method(Run):
    def start(self, **more):
        words = METHODS[self.method]
        self.process = self.spawn("drover", self.method.partition(":")[0], *words, *SHARED, f"output_dir={self.name}", *self.extra)

    def __init__(self, method, name, act=None, extra=()):
        self.method = method
        super().__init__(name, act, lag="2" if method.endswith((":lag", ":free")) else "none", extra=extra, limit=100)


def killer():
    """Once each: an actor, the learner, the broker, as soon as there is a version."""
    left = ["learner", "actor", "broker"]

    def act(run, now):
        if left and len(run.folder.files("checkpoints")) and run.kill(left[0]):
            left.pop(0)
    return act


def main():
    asked, bad = sys.argv[2:] or SHORT, 0
    asked = list(METHODS) if asked == ["all"] else asked
    folder = tempfile.mkdtemp(prefix="drover-e2e-")
    os.chdir(folder)
    prepare()
    with open("world.yaml", "w") as f:  # so few are right that many prompts teach nothing
        f.write('rewards: [{name: place, rule: regex, pattern: "house|hall|floor"}]\n')
    with open("steps.yaml", "w") as f:  # a process reward model of a few steps: words are its steps
        f.write('rewards: [{name: place, rule: regex, pattern: "house|hall|floor"}, '
                '{name: words, model: prm/model, steps: dense, step_separator: " "}]\n')
    if "grpo:steps" in asked:
        tool("drover", "prm", "model=sft", f"dataset={HERE}/../golden/prm/steps.jsonl", "output_dir=prm", "max_steps=4",
             "per_device_train_batch_size=8", "learning_rate=1e-3", "gradient_checkpointing=false")
    for method in asked:
        begin, hashes = time.monotonic(), []
        for name, act, extra in [("one", None, ["fleet.actors=1"]), ("two", killer(), ["fleet.actors=2"])]:
            run = Method(method, f"{method}-{name}".replace(":", "-"), act, extra)
            accounting(run)
            hashes.append(hash_of(run.name))
        with open(f"{run.name}/metrics.jsonl") as f:
            lines = [json.loads(line) for line in f]
        same = len(set(hashes)) == 1 or method.endswith(":free")  # which weights wrote is chance there
        bad += not same
        print(f"{method:12} {hashes[0][:16]} {'DIFFERENT' if not same else 'whole' if ':free' in method else 'same'} {run.done} {len(lines)} lines "
              f"{time.monotonic() - begin:.1f} s", flush=True)
    for method in ["grpo", "rloo"]:  # configurations as TRL takes them
        tool("drover", method, "--config", os.path.join(HERE, "..", "golden", "trl", f"{method}.yaml"))
        print(f"{method:12} TRL's YAML {hash_of('trl_' + method)[:16]}", flush=True)
    if bad:
        raise SystemExit(f"{bad} methods ended elsewhere; logs in {folder}")
    shutil.rmtree(folder)


main()

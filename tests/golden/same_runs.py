#!/usr/bin/env python3
"""Whether two builds train the same: every method's seeded run, by one build and by the other.

usage: same_runs.py BIN OLD_BIN [CASE ...]    no case: all of them; a word of a case's name asks for those that hold it
Each case is run by both builds, in folders of the same name. Equal must be: the weights hash, every line of
metrics.jsonl but for what a clock says, and the bytes of the last checkpoint's blocks (offline methods and those of the
fleet alike). A case with `resume` is run twice more, from its first checkpoint. Standard library only."""
import hashlib, json, os, re, shutil, struct, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = HERE
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")
MODEL = f"{GOLDEN}/model/llama5"
PAIRS, PLAIN, LABELS = (f"{GOLDEN}/trl/{name}.jsonl" for name in ("pairs", "plain", "labels"))
QUICK = ["learning_rate=1e-3", "logging_steps=1", "max_steps=6", "save_steps=2", "save_total_limit=3"]
SMALL = ["per_device_train_batch_size=2", "gradient_accumulation_steps=2", "reproducible=portable"]
TEST = ["test_split_size=4", "eval_strategy=steps", "eval_steps=3"]
LORA = ["use_peft=true", "lora_r=4", "lora_alpha=8", "lora_target_modules=all-linear"]
PLAINLY = ["gradient_checkpointing=false"]


def offline(method, data, *more, model=MODEL):
    return [method, f"model={model}", f"dataset={data}", *QUICK, *SMALL, *more]


OFFLINE = {
    "sft": offline("sft", f"{GOLDEN}/trl/completion.jsonl", *TEST),
    "sft packed": offline("sft", f"{GOLDEN}/trl/text.jsonl", "packing=true", "max_length=32", *TEST),
    "sft dft": offline("sft", f"{GOLDEN}/trl/completion.jsonl", "loss_type=dft", *PLAINLY),
    "sft lora": offline("sft", f"{GOLDEN}/trl/completion.jsonl", *LORA, "lora_dropout=0.1", *TEST),
    "reward": offline("reward", PAIRS, "center_rewards_coefficient=0.01", *TEST),
    "reward lora": offline("reward", PLAIN, *LORA, *PLAINLY),
    "prm": offline("prm", f"{GOLDEN}/prm/steps.jsonl", "test_split_size=6", "eval_strategy=steps", "eval_steps=3",
                   model=f"{GOLDEN}/prm/model"),
    "dpo": offline("dpo", PAIRS, *TEST),
    "dpo terms": offline("dpo", PLAIN, "loss_type=[sigmoid,ipo,sft]", "ld_alpha=.5", *PLAINLY),
    "dpo weighted": offline("dpo", PLAIN, "use_weighting=true"),
    "dpo sync": offline("dpo", PLAIN, "sync_ref_model=true", "ref_model_sync_steps=2", *TEST),
    "dpo live": offline("dpo", PLAIN, "precompute_ref_log_probs=false"),
    "dpo aot": offline("dpo", PLAIN, "loss_type=aot", *TEST),
    "dpo lora": offline("dpo", PLAIN, *LORA, "lora_dropout=0.1"),
    "kto": offline("kto", PLAIN, *TEST),
    "kto labels": offline("kto", LABELS, "precompute_ref_log_probs=false", *TEST),
    "kto apo": offline("kto", PLAIN, "loss_type=apo_zero_unpaired", *LORA),
    "simpo": offline("simpo", PLAIN, *TEST),
    "orpo": offline("orpo", PLAIN, *TEST),
    "cpo": offline("cpo", PLAIN, *TEST, *PLAINLY),
}

SHARED = ["model=sft", "per_device_train_batch_size=8", "response_length=24", "temperature=1", "learning_rate=1e-3",
          "save_steps=2", "reproducible=portable", "fleet.actors=1"]
SCORED = ["reward_model_path=rm", "dataset=world/prompts.jsonl", "eval_prompts=2", "missing_eos_penalty=1"]
GROUP = SCORED + ["steps_per_generation=2", "num_generations=4", "num_iterations=2", "max_steps=12", *PLAINLY]
PPO = SCORED + ["total_episodes=64", "gradient_accumulation_steps=2", "num_ppo_epochs=2", "num_mini_batches=2",
                "kl_coef=0.05"]
FLEET = {
    "ppo": ["ppo", *PPO],
    "ppo warmup": ["ppo", *PPO, "critic_warmup=2", "entropy_coef=0.01", *PLAINLY],
    "ppo lora": ["ppo", *PPO, *LORA, *PLAINLY],
    "ppo adaptive": ["ppo", *PPO, "target_kl=6", "whiten_rewards=true", *PLAINLY],
    "ppo overlap": ["ppo", *PPO, "overlap.lag=1", "importance=token_truncate", *PLAINLY],
    "grpo": ["grpo", *GROUP, "beta=0.04"],
    "grpo checkpointing": ["grpo", *GROUP[:-1], "gradient_checkpointing=true", "beta=0.04", "loss_type=bnpo"],
    "grpo apart": ["grpo", *GROUP, "loss_type=grpo", "per_device_train_batch_size=4"],
    "grpo lag": ["grpo", *GROUP, "overlap.lag=1", "loss_type=grpo", "importance_sampling_level=sequence"],
    "grpo moving": ["grpo", *GROUP, "beta=0.04", "sync_ref_model=true", "ref_model_sync_steps=3",
                    "use_adaptive_entropy=true", "entropy_coef_delta=0.02", "entropy_target=9"],
    "grpo dynamic": ["grpo", "world.yaml", "dataset=world/prompts.jsonl", "eval_prompts=2", "num_generations=4",
                     "gradient_accumulation_steps=2", "dynamic_sampling=true", "max_steps=3", *PLAINLY],
    "grpo steps": ["grpo", "steps.yaml", "dataset=world/prompts.jsonl", "eval_prompts=2", "num_generations=4",
                   "steps_per_generation=2", "num_iterations=2", "max_steps=6", *PLAINLY],
    "grpo lora": ["grpo", *GROUP, *LORA, "beta=0.02"],
    "rloo": ["rloo", *GROUP],
    "reinforce++": ["reinforce++", *GROUP, "baseline=true"],
    "raft": ["raft", *GROUP],
    "online-dpo": ["online-dpo", *SCORED, "max_steps=4", *PLAINLY],
    "spin": ["spin", "dataset=world/sft.jsonl", "spin_iterations=2", "num_train_epochs=1", "prompts_per_iteration=24",
             "stop_gain=-10", *PLAINLY],
}


class Build:
    def __init__(self, folder, work):
        self.bin, self.work = os.path.abspath(folder), work
        os.makedirs(work)

    def run(self, *words):
        done = subprocess.run([f"{self.bin}/drover", *words], env=ENV, cwd=self.work, text=True, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise SystemExit(f"{self.bin}: {' '.join(words)}: exit status {done.returncode}\n{done.stdout[-2000:]}")
        return done.stdout

    def path(self, *parts):
        return os.path.join(self.work, *parts)


def of_a_clock(key):
    return key in ("eps", "step_time") or key.startswith("drover_t") or key.endswith(
        ("_seconds", "_runtime", "_per_second"))


def metrics(path):
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    return sorted(json.dumps({k: v for k, v in line.items() if not of_a_clock(k)}) for line in lines)


def blocks(path):
    """The hash of a checkpoint's blocks: its head holds folders and times."""
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack_from("<I", data, 8)[0]
    meta = json.loads(data[16:16 + n])["meta"]
    means = json.dumps([meta.get("window"), meta.get("total"), meta.get("tokens")])
    return hashlib.sha256(data[16 + n:] + means.encode()).hexdigest()[:16]


def outcome(build, name):
    folder = build.path(name)
    with open(f"{folder}/run.json") as f:
        run = json.load(f)
    inspected = json.loads(build.run("inspect", f"{name}/model", "json=true"))
    last = sorted(os.listdir(f"{folder}/checkpoints"))[-1]
    return {"state": run["state"], "weights": inspected["hash"], "metrics": metrics(f"{folder}/metrics.jsonl"),
            "checkpoint": blocks(f"{folder}/checkpoints/{last}")}


def resumed(build, words, name):
    """As if it had been killed right after its oldest checkpoint that is still there."""
    folder = build.path(name)
    shutil.rmtree(f"{folder}/model")
    kept = sorted(os.listdir(f"{folder}/checkpoints"))
    for later in kept[1:]:
        os.remove(f"{folder}/checkpoints/{later}")
    said = build.run(*words, f"output_dir={name}")
    if "resumed at step" not in said:
        raise SystemExit(f"{name}: was not resumed\n{said[-2000:]}")
    return outcome(build, name)


def world(build):
    build.run("world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=200", "pairs=200",
              "train=96", "heldout=8")
    quick = ["per_device_train_batch_size=32", *PLAINLY, "logging_steps=50", "reproducible=portable"]
    build.run("sft", "model=world/model", "dataset=world/sft.jsonl", "output_dir=sft", "max_steps=30",
              "learning_rate=3e-3", *quick)
    build.run("reward", "model=sft", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=8", "learning_rate=5e-4",
              *quick)
    build.run("prm", "model=sft", f"dataset={GOLDEN}/prm/steps.jsonl", "output_dir=prm", "max_steps=4",
              "per_device_train_batch_size=8", "learning_rate=1e-3", *PLAINLY, "reproducible=portable")
    with open(build.path("world.yaml"), "w") as f:
        f.write('rewards: [{name: place, rule: regex, pattern: "house|hall|floor"}]\n')
    with open(build.path("steps.yaml"), "w") as f:
        f.write('rewards: [{name: place, rule: regex, pattern: "house|hall|floor"}, '
                '{name: words, model: prm/model, steps: dense, step_separator: " "}]\n')


def compare(case, new, old):
    differ = [what for what in new if new[what] != old[what]]
    print(f"{case:22} {new['weights'][:16]} {new['checkpoint']} {len(new['metrics']):3} lines "
          f"{'equal' if not differ else 'DIFFERENT: ' + ', '.join(differ)}", flush=True)
    if "metrics" in differ:
        for a, b in zip(new["metrics"], old["metrics"]):
            if a != b:
                print(f"  new {a}\n  old {b}")
                break
    return bool(differ)


def main():
    asked = sys.argv[3:]
    cases = {f"{name}": words for name, words in {**OFFLINE, **FLEET}.items()
             if not asked or any(word in name for word in asked)}
    work = tempfile.mkdtemp(prefix="drover-same-")
    builds = [Build(sys.argv[1], f"{work}/new"), Build(sys.argv[2], f"{work}/old")]
    bad = 0
    if any(name in FLEET for name in cases):
        for build in builds:
            world(build)
    for case, words in cases.items():
        name = "run-" + re.sub(r"\W+", "-", case)
        got = []
        for build in builds:
            build.run(*words, *(SHARED if case in FLEET else []), f"output_dir={name}")
            got.append(outcome(build, name))
        bad += compare(case, *got)
        if case in OFFLINE:
            again = [resumed(build, words, name) for build in builds]
            bad += compare(f"{case}, resumed", *again)
            if again[0]["weights"] != got[0]["weights"]:
                raise SystemExit(f"{case}: a resumed run ended elsewhere")
    if bad:
        raise SystemExit(f"{bad} runs differ; in {work}")
    shutil.rmtree(work)
    print(f"{len(cases)} cases: the same weights, metrics and checkpoints")


main()

#!/usr/bin/env python3
"""Adapters over a fleet of real processes: from an adapter, with an adapter as reward model, for one actor or three,
with a learner that was killed: the same weights, an adapter that is small and a model that other programs know.

usage: lora_fleet.py BIN_FOLDER
Standard library only."""
import json, os, re, signal, subprocess, sys, tempfile, time

BIN = os.path.abspath(sys.argv[1])
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")
LORA = ["use_peft=true", "lora_r=4", "lora_alpha=8", "lora_target_modules=all-linear"]


def start(*words, lines=None):
    return subprocess.Popen([os.path.join(BIN, "drover"), *words], env=ENV, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, stdin=subprocess.PIPE if lines else subprocess.DEVNULL)


def run(*words, lines=None, fails=False, process=None):
    given = "\n".join(json.dumps(line) for line in lines) if lines else None
    process = process or start(*words, lines=lines)
    out, said = process.communicate(given, timeout=150)
    if (process.returncode != 0) != fails:
        raise SystemExit(f"{' '.join(words)}: exit status {process.returncode}\n{said[-3000:]}")
    return said if lines is None else [json.loads(line) for line in out.splitlines()]


def true(what, condition):
    if not condition:
        raise SystemExit(f"FAILED: {what}")


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def weights(folder):
    with open(f"{folder}/run.json") as f:
        return json.load(f)["weights"]


def method(name, folder, *extra):
    return [name, "model=sft", "dataset=world/prompts.jsonl", f"output_dir={folder}", "reward_model_path=rm",
            "per_device_train_batch_size=8", "gradient_accumulation_steps=2", "learning_rate=5e-3", "max_steps=3",
            "gradient_checkpointing=false", "eval_prompts=8", "save_steps=1", *LORA, *extra]


def models():
    run("world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=400", "pairs=200",
        "train=64", "heldout=8")
    quick = ["per_device_train_batch_size=32", "gradient_checkpointing=false", "logging_steps=50"]
    run("sft", "model=world/model", "dataset=world/sft.jsonl", "output_dir=full", "max_steps=100", "learning_rate=3e-3",
        *quick)
    run("sft", "model=full", "dataset=world/sft.jsonl", "output_dir=sft", "max_steps=10", "learning_rate=3e-3", *LORA,
        *quick)
    run("reward", "model=sft", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=10", "learning_rate=5e-3", *LORA,
        *quick)
    true("both are adapters", os.path.exists("sft/model/adapter_config.json") and
         os.path.exists("rm/model/adapter_config.json"))


def ppo_is_the_same_for_any_fleet_and_after_a_kill():
    extra = ["response_length=24", "num_ppo_epochs=2", "temperature=1", "critic_warmup=0"]
    run(*method("ppo", "one", *extra, "fleet.actors=1"))
    words = method("ppo", "three", *extra, "fleet.actors=3")
    process = start(*words)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if os.path.exists("three/metrics.jsonl") and len(read("three/metrics.jsonl")) >= 1:
            with open("three/run.json") as f:
                os.kill(json.load(f)["pid"], signal.SIGKILL)
            break
        time.sleep(0.02)
    run(*words, process=process)
    true("one actor or three and a kill: the same weights", weights("one") == weights("three"))
    lines = [line for line in read("one/metrics.jsonl") if "objective/kl" in line]
    true("three iterations that learn", len(lines) == 3 and all(line["drover_policy_grad_norm"] > 0 and
                                                                line["drover_critic_grad_norm"] > 0 for line in lines))
    # what was written is what was trained, and small
    said = subprocess.run([os.path.join(BIN, "drover"), "inspect", "one"], env=ENV, text=True, stdout=subprocess.PIPE).stdout
    true("inspect tells the run's weights", re.search(r"weights hash +(\w+)", said).group(1) == weights("one"))
    true("the adapter is small", os.path.getsize("one/model/adapter_model.safetensors") < 100_000)
    base = json.load(open("one/model/adapter_config.json"))["base_model_name_or_path"]
    true("its base is the start model", os.path.samefile(base, "sft/model"))
    # what the fleet's rewarder said is what a command says with the adapter's folder, but where text is split otherwise
    rows = [r for r in read("one/samples.jsonl") if r["kind"] == "train"]
    asked = [{"prompt": r["prompt"], "completion": r["completion"] + ("<|endoftext|>" if r["ended"] else "")} for r in rows]
    said = run("reward-score", "--model", "rm", lines=asked)
    same = sum(a["score"] == r["rewards"]["rm"] for a, r in zip(said, rows))
    true(f"{same} of {len(rows)} scores are the reward adapter's", len(rows) == 48 and same >= 24)


def grpo_trains_adapters():
    said = run(*method("grpo", "grpo", "max_completion_length=24", "num_generations=4", "beta=0.02"))
    true("grpo ends", "done:" in said and os.path.exists("grpo/model/adapter_model.safetensors"))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for part in (models, ppo_is_the_same_for_any_fleet_and_after_a_kill, grpo_trains_adapters):
            part()
            print(part.__name__.replace("_", " "), flush=True)
        os.chdir("/")
    print("passed")


main()

#!/usr/bin/env python3
"""Ten steps of every method on a real model and real pairs, full and LoRA, as one table.

usage: methods_table.py BIN_FOLDER MODEL_FOLDER REWARD_MODEL HH.jsonl [method ...]
HH.jsonl: rows {chosen, rejected} of HH dialogues. Shows that the methods run and what they cost,
not that they help: ten steps teach nobody anything."""
import json, os, shutil, sys, tempfile, time

from follow import follow, median_step

BIN, MODEL, REWARD, HH = (os.path.abspath(p) for p in sys.argv[1:5])
PAIRS = ["dataset=pairs.jsonl", "per_device_train_batch_size=2", "max_steps=10", "max_length=256"]
ASKED = ["dataset=prompts.jsonl", "eval_prompts=0", f"reward_model_path={REWARD}", "max_prompt_length=64"]
GROUP = [*ASKED, "per_device_train_batch_size=4", "num_generations=2", "max_completion_length=24", "max_steps=10"]
METHODS = {
    "dpo": PAIRS, "simpo": PAIRS, "kto": [*PAIRS, "train_sampling_strategy=sequential"], "orpo": PAIRS,
    "grpo": [*GROUP, "beta=0.04"], "rloo": GROUP,
    "online-dpo": [*ASKED, "per_device_train_batch_size=2", "max_new_tokens=24", "max_steps=10"],
    "spin": ["dataset=demonstrations.jsonl", "per_device_train_batch_size=2", "max_new_tokens=40", "max_steps=10",
             "spin_iterations=2", "prompts_per_iteration=10", "num_train_epochs=1", "max_prompt_length=64"],
}
SHOWN = {"loss": ["loss"], "margin or reward": ["rewards/margins", "reward", "objective/scores"],
         "KL": ["kl", "objective/kl"]}


def data():
    with open(HH, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    turn, out = "\n\nAssistant:", []
    for row in rows:
        at = row["chosen"].rfind(turn) + len(turn)
        pair = {"prompt": row["chosen"][:at], "chosen": row["chosen"][at:], "rejected": row["rejected"][at:]}
        if row["rejected"].startswith(pair["prompt"]) and len(row["chosen"]) < 500 and len(pair["prompt"]) < 200:
            if pair["chosen"].strip() and pair["rejected"].strip() and pair["chosen"] != pair["rejected"]:
                out.append(pair)
    for name, rows in {"pairs": out, "prompts": [{"prompt": p["prompt"]} for p in out], "demonstrations": [
            {"prompt": p["prompt"], "completion": p["chosen"]} for p in out if len(p["chosen"]) < 120]}.items():
        with open(f"{name}.jsonl", "w", encoding="utf-8") as f:
            f.writelines(json.dumps(row) + "\n" for row in rows)


def last(lines, names):
    for line in reversed(lines):
        for name in names:
            if name in line:
                return f"{line[name]:.4g}"
    return "–"


def one(method, lora):
    name = method + ("-lora" if lora else "")
    extra = ["use_peft=true", "lora_r=16", "learning_rate=1e-4"] if lora else ["learning_rate=1e-6"]
    begun = time.monotonic()
    status, words, at, memory, _ = follow([f"{BIN}/drover", method, f"model={MODEL}", f"output_dir={name}", "logging_steps=1",
                                        "save_strategy=no", *METHODS[method], *extra])
    if status:
        return print(f"| {name} | failed: {' '.join(line.strip() for line in words)} |", flush=True)
    with open(f"{name}/metrics.jsonl", encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    cells = [last(lines, keys) for keys in SHOWN.values()]
    print(f"| {name} | {len(at)} | {' | '.join(cells)} | {median_step(at):.1f} | {max(memory):.2f} | {sum(memory):.2f} | "
          f"{time.monotonic() - begun:.0f} |", flush=True)
    shutil.rmtree(name)


def main():
    folder = tempfile.mkdtemp(prefix="drover-methods-")
    os.chdir(folder)
    data()
    print("| method | steps | loss | margin or reward | KL | s a step | peak GB (learner) | peak GB (all processes) | s |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for method in sys.argv[5:] or METHODS:
        for lora in False, True:
            one(method, lora)
    shutil.rmtree(folder)


main()

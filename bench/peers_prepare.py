#!/usr/bin/env python3
"""What table.py's programs read: one model in the forms that each of them opens, and records of equal work.

    bench/peers_prepare.py FOLDER MODEL HH.jsonl BIN    (a Python with torch and transformers)

MODEL: a folder or a .gguf; HH.jsonl: rows {chosen, rejected} of dialogues. FOLDER then has model/ (bfloat16),
classifier/ (it under one random head: a reward model, and the critic's start), model-{f32,bf16,q8_0}.gguf;
dpo.jsonl (8 pairs, taken evenly), grpo.jsonl (prompts), ppo.jsonl (prompts of exactly 64 tokens), ppo_ids.jsonl
(the same as numbers)."""
import json, os, subprocess, sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

FOLDER, MODEL, HH, BIN = sys.argv[1:5]
TOKENS = 64


def convert(model, **keys):
    subprocess.run([f"{BIN}/drover", "convert", model, *(f"{k}={v}" for k, v in keys.items())], check=True, stdout=subprocess.DEVNULL)


def pairs():
    turn, out = "\n\nAssistant:", []
    with open(HH, encoding="utf-8") as f:
        for row in map(json.loads, f):
            at = row["chosen"].rfind(turn) + len(turn)
            pair = {"prompt": row["chosen"][:at], "chosen": row["chosen"][at:], "rejected": row["rejected"][at:]}
            if row["rejected"].startswith(pair["prompt"]) and pair["chosen"].strip() and pair["rejected"].strip():
                out.append(pair)
    return out


def write(name, rows):
    with open(f"{FOLDER}/{name}", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    convert(MODEL, to="folder", dtype="bfloat16", out=f"{FOLDER}/model")
    for kind in "f32", "bf16", "q8_0":
        convert(f"{FOLDER}/model", to="gguf", dtype=kind, out=f"{FOLDER}/model-{kind}.gguf")
    tokenizer = AutoTokenizer.from_pretrained(f"{FOLDER}/model")
    torch.manual_seed(1)
    classifier = AutoModelForSequenceClassification.from_pretrained(f"{FOLDER}/model", num_labels=1, dtype=torch.bfloat16)
    classifier.config.pad_token_id = tokenizer.eos_token_id
    classifier.save_pretrained(f"{FOLDER}/classifier")
    tokenizer.save_pretrained(f"{FOLDER}/classifier")
    rows, exact = pairs(), []
    write("dpo.jsonl", rows[:: len(rows) // 8][:8])
    write("grpo.jsonl", [{"prompt": row["prompt"]} for row in rows[:64]])
    for row in rows:  # cut to so many tokens, and kept where the text still means just these
        ids = tokenizer(row["prompt"], add_special_tokens=False)["input_ids"][:TOKENS]
        text = tokenizer.decode(ids)
        if len(ids) == TOKENS and tokenizer(text, add_special_tokens=False)["input_ids"] == ids:
            exact.append({"prompt": text, "input_ids": ids})
    write("ppo.jsonl", [{"prompt": row["prompt"]} for row in exact[:64]])
    write("ppo_ids.jsonl", [{"input_ids": row["input_ids"]} for row in exact[:64]])


main()

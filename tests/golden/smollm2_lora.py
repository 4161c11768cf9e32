"""Five SFT steps of an adapter on a real model, in drover and in torch + peft: losses and gradient norms beside one
another; the adapter that drover wrote, opened by peft; memory and time of full and LoRA training. Development only:
needs torch, transformers 5 and peft 0.21.

    smollm2_lora.py BIN_FOLDER MODEL.gguf PAIRS.jsonl WORK_FOLDER
"""

import json
import os
import re
import subprocess
import sys
import time

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

STEPS, BATCH, LENGTH = 5, 2, 192


def learner(program, *args):
    done = subprocess.run([program + "/drover-learner", "sft", *args], text=True, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return float(re.search(r"peak memory +([0-9.]+) MB", done.stderr).group(1)) / 1000


def rows_of(folder):
    with open(folder + "/metrics.jsonl") as lines:
        return [row for row in map(json.loads, lines) if "loss" in row]


def main():
    program, gguf, pairs, work = sys.argv[1:5]
    torch.set_num_threads(2)
    os.makedirs(work, exist_ok=True)
    shared = ["lr_scheduler_type=constant", "train_sampling_strategy=sequential", "logging_steps=1", "disable_tqdm=true",
              f"per_device_train_batch_size={BATCH}", f"max_length={LENGTH}", "dataset_kwargs={skip_prepare_dataset: true}",
              f"dataset={work}/tokens.jsonl", "weight_decay=0.01", "save_strategy=no", "overwrite_output_dir=true"]
    lora = ["use_peft=true", "lora_r=16", "lora_alpha=32", "lora_target_modules=all-linear"]
    # the tokens, for both; the model once as a Hugging Face folder
    with open(f"{work}/tokens.jsonl", "w") as out:
        out.write('{"input_ids": [1, 2, 3]}\n' * BATCH)
    if not os.path.exists(f"{work}/hf/model"):
        learner(program, *shared, f"model={gguf}", "learning_rate=0", "max_steps=1", f"output_dir={work}/hf")
    base = f"{work}/hf/model"
    tokenizer = AutoTokenizer.from_pretrained(base)
    batches = []
    with open(f"{work}/tokens.jsonl", "w") as out, open(pairs) as lines:
        texts = [t for t in (json.loads(line)["chosen"] for line in lines) if len(t) > 500][:STEPS * BATCH]
        for text in texts:
            batches.append(tokenizer(text, add_special_tokens=False)["input_ids"][:LENGTH])
            out.write(json.dumps({"input_ids": batches[-1]}) + "\n")

    learner(program, *shared, *lora, f"model={base}", "learning_rate=0", "max_steps=1", f"output_dir={work}/start",
            "lora_dropout=0")
    took = {}
    for name, more in (("lora", [*lora, "lora_dropout=0"]), ("dropout", [*lora, "lora_dropout=0.05"]), ("full", [])):
        begun = time.time()
        peak = learner(program, *shared, *more, f"model={base}", "learning_rate=2e-4", f"max_steps={STEPS}",
                       f"output_dir={work}/{name}")
        run = json.loads(open(f"{work}/{name}/metrics.jsonl").read().splitlines()[-1])
        took[name] = (peak, run["train_runtime"] / STEPS)
        print(f"{name:8} peak {peak:.2f} GB, {took[name][1]:.2f} s a step")
    print(f"LoRA / full: memory {took['lora'][0] / took['full'][0]:.2f}, time {took['lora'][1] / took['full'][1]:.2f}")

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), f"{work}/start/model",
                                      is_trainable=True)
    model.train()
    learns = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(learns, lr=2e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    worst = 0.0
    for step, row in enumerate(rows_of(f"{work}/lora")):
        opt.zero_grad()
        loss, count = 0.0, 0
        for ids in batches[step * BATCH:(step + 1) * BATCH]:
            ids = torch.tensor([ids])
            logits = model(input_ids=ids).logits[0]
            loss = loss + torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="sum")
            count += ids.shape[1] - 1
        loss = loss / count
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(learns, 1.0))
        opt.step()
        apart = max(abs(row["loss"] / float(loss) - 1), abs(row["grad_norm"] / norm - 1))
        worst = max(worst, apart)
        print(f"step {step + 1}: loss {row['loss']:.6f} torch {float(loss):.6f}; grad_norm {row['grad_norm']:.6f} torch {norm:.6f}")
    print(f"worst relative distance {worst:.2e}")

    # what was written: opened by peft, merged by peft, merged by drover
    subprocess.run([program + "/drover", "merge", "--adapter", f"{work}/lora", "--out", f"{work}/merged"], check=True)
    ids = torch.tensor([batches[0]])
    with torch.no_grad():
        ours = AutoModelForCausalLM.from_pretrained(f"{work}/merged", dtype=torch.float32)(ids).logits
        peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), f"{work}/lora/model")
        theirs = peft.eval()(ids).logits
        merged = peft.merge_and_unload()(ids).logits
    gap, room = float((ours - theirs).abs().max()), float((merged - theirs).abs().max())
    print(f"logits of the merged model: {gap:.2e} from peft's; peft's own merged model: {room:.2e}; largest {float(theirs.abs().max()):.1f}")
    sys.exit(worst > 1e-3 or gap > 1e-3)


main()

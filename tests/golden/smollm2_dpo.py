"""Five steps of DPO on a real model with real pairs: drover beside TRL's DPOTrainer.

    python smollm2_dpo.py DROVER FOLDER PAIRS.jsonl [PAIRS A STEP] [key=value ...]

FOLDER is a Hugging Face folder of f32 weights that both read; PAIRS.jsonl are HH dialogues. Every figure that
TRL logs at each step is compared; then seconds a step and peak memory of the two are printed (one run, TRL in a
process of its own, both with OMP_NUM_THREADS threads). Needs torch, transformers 5 and trl 1.16.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

STEPS = 5


def turns(text):
    parts = re.split(r"\n\n(Human|Assistant):", text)[1:]
    return [{"role": {"Human": "user", "Assistant": "assistant"}[r], "content": c.strip()} for r, c in zip(parts[::2], parts[1::2])]


def pairs(path, count):
    rows = []
    for line in open(path):
        row = json.loads(line)
        chosen, rejected = turns(row["chosen"]), turns(row["rejected"])
        if chosen[:-1] != rejected[:-1] or not chosen[-1]["content"] or not rejected[-1]["content"] or chosen == rejected:
            continue
        if not 200 < len(row["chosen"]) < 900 or chosen[0]["role"] != "user":
            continue
        rows.append({"prompt": chosen[:-1], "chosen": chosen[-1:], "rejected": rejected[-1:]})
        if len(rows) == count:
            return rows
    raise SystemExit("too few pairs")


def settings(folder, data, out, batch, more):
    conf = dict(model_name_or_path=folder, output_dir=out, per_device_train_batch_size=batch, gradient_accumulation_steps=1,
                max_steps=STEPS, learning_rate=1e-5, lr_scheduler_type="constant", logging_steps=1, bf16=False, use_cpu=True,
                report_to="none", save_strategy="no", train_sampling_strategy="sequential", disable_tqdm=True, max_length=512)
    conf.update(more)
    return conf


def with_trl(conf, data):
    import resource

    import datasets
    import torch
    import trl
    from transformers import AutoTokenizer, TrainerCallback

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    conf = dict(conf)
    folder = conf.pop("model_name_or_path")
    times = []

    class Watch(TrainerCallback):
        def on_step_begin(self, *a, **k):
            times.append(time.time())

        def on_step_end(self, *a, **k):
            times.append(time.time())

    tokenizer = AutoTokenizer.from_pretrained(folder)
    trainer = trl.DPOTrainer(model=folder, args=trl.DPOConfig(**conf), train_dataset=datasets.load_dataset("json", data_files=data)["train"],
                             processing_class=tokenizer, callbacks=[Watch])
    trainer.train()
    print(json.dumps({"log": [r for r in trainer.state.log_history if "loss" in r],
                      "seconds": [b - a for a, b in zip(times[::2], times[1::2])],
                      "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def main():
    drover, folder, path = sys.argv[1:4]
    rest = sys.argv[4:]
    batch = int(rest.pop(0)) if rest and "=" not in rest[0] else 2
    more = dict(item.split("=", 1) for item in rest)
    work = tempfile.mkdtemp()
    data = work + "/pairs.jsonl"
    with open(data, "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in pairs(path, batch * STEPS))
    conf = settings(folder, data, work + "/trl", batch, {})
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--trl", json.dumps(conf), data], stdout=subprocess.PIPE, text=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    conf = settings(folder, data, work + "/drover", batch, more)
    words = [f"{k}={json.dumps(v) if isinstance(v, bool) else v}" for k, v in conf.items()]
    begun = time.time()
    done = subprocess.run([drover, "dpo", "dataset=" + data] + words, stderr=subprocess.PIPE, text=True)
    print("\n".join(done.stderr.splitlines()[-3:]))
    ours = [json.loads(line) for line in open(work + "/drover/metrics.jsonl")]
    whole = [r for r in ours if "train_runtime" in r][0]["train_runtime"]
    worst = {}
    for a, b in zip(theirs["log"], [r for r in ours if "loss" in r]):
        for key, want in a.items():
            if key in ("epoch", "step", "learning_rate") or key not in b:
                continue
            small = key.startswith("rewards") or key.startswith("logits")
            size = max(abs(want), .1 if small else 1e-9)
            worst[key] = max(worst.get(key, 0), abs(b[key] - want) / size)
        print(f"step {a['step']}: TRL loss {a['loss']:.6f} margin {a['rewards/margins']:.5f} norm {a['grad_norm']:.5f}"
              f" | drover loss {b['loss']:.6f} margin {b['rewards/margins']:.5f} norm {b['grad_norm']:.5f}")
    print("largest relative difference:", ", ".join(f"{k} {v:.1e}" for k, v in sorted(worst.items())))
    print(f"TRL {sum(theirs['seconds'][1:]) / (STEPS - 1):.2f} s a step, peak {theirs['peak'] / 1e9:.2f} GB;"
          f" drover {whole / STEPS:.2f} s a step, {time.time() - begun:.1f} s in all")
    return 1 if max(worst[k] for k in ("loss", "grad_norm", "rewards/margins")) > 1e-3 else 0


if __name__ == "__main__":
    if sys.argv[1] == "--trl":
        with_trl(json.loads(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(main())

#!/usr/bin/env python3
"""What a version costs on its way to a host: image, patch, adapter, and which of them is taken at which rate.

    bench/ways.py BIN MODEL PROMPTS [key=value ...]     root: hosts are network namespaces (tests/net)

For each learning rate all weights learn, and then an adapter; one host on a link of `rate` Mbit/s. Sizes and coding times are what
learner and actor say of themselves (event=way, event=rebuilt). GRPO, short answers: what is measured is the versions."""
import os, re, statistics, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "net"))
from fleet import Fleet
from net import Net

KEYS = {"lr": "1e-6,1e-5,1e-4", "rate": "100", "iterations": "3", "lora_r": "16", "compute": "float32", "limit": "1500"}


def run(k, bin, model, prompts, lr, lora):
    rate = float(k["rate"]) * 1e6
    words = [f"model={model}", f"dataset={prompts}", "rewards=[{name: length, rule: length, unit: characters, target: 40}]",
             "num_generations=4", "per_device_train_batch_size=4", "gradient_accumulation_steps=1", "max_completion_length=16",
             f"max_steps={k['iterations']}", "eval_prompts=0", "beta=0", f"learning_rate={lr}", "save_strategy=no",
             "lr_scheduler_type=constant", f"compute={k['compute']}"]
    if lora:
        words += ["use_peft=true", f"lora_r={k['lora_r']}", "lora_target_modules=all-linear"]
    with Net() as net, tempfile.TemporaryDirectory(prefix="drover-ways-") as folder:
        head, host = net.host("head"), net.host("far", rate, rate)
        with Fleet(net, bin, folder + "/fleet") as fleet:
            fleet.broker(head)
            fleet.rewarder(head)
            actor = fleet.actor(host, "--slots", "4")
            learner = fleet.learner(head, "grpo", *words, env={"OMP_NUM_THREADS": "2"})
            fleet.finish(float(k["limit"]))
            made = re.findall(r"event=way kind=(\w+) version=\d+ bytes=(\d+) image=(\d+) took_ms=(\d+)", fleet.said(learner))
            none = "event=no-way" in fleet.said(learner)
            taken = re.findall(r"event=way kind=(\w+) bytes=(\d+) instead=(\d+) seconds=([\d.]+) instead_s=([\d.]+)", fleet.said(actor))
            rebuilt = re.findall(r"event=rebuilt kind=(\w+) bytes=(\d+) took_ms=(\d+)", fleet.said(actor))
    image = max((int(m[2]) for m in made), default=0)
    mid = lambda values: statistics.median(values) if values else float("nan")
    size = mid([int(m[1]) for m in made])
    return (lr, "adapter" if lora else "patch", f"{image / 1e6:.0f} MB",
            "nearly the image" if none and not made else f"{size / 1e6:.1f} MB ({100 * size / max(image, 1):.1f} %)",
            f"{mid([int(m[2]) / max(int(m[3]), 1) / 1e3 for m in made]):.0f} MB/s",
            f"{mid([int(r[1]) / max(int(r[2]), 1) / 1e3 for r in rebuilt]):.0f} MB/s",
            f"{mid([float(t[3]) for t in taken]):.0f} s instead of {mid([float(t[4]) for t in taken]):.0f}" if taken else "image")


def main():
    bin, model, prompts = sys.argv[1:4]
    k = dict(KEYS, **dict(word.split("=", 1) for word in sys.argv[4:]))
    print(f"| learning rate | what | image | size | made at | rebuilt at | at {k['rate']} Mbit/s |\n|---|---|---|---|---|---|---|")
    for lora in (False, True):
        for lr in k["lr"].split(","):
            print("| " + " | ".join(run(k, bin, model, prompts, lr, lora)) + " |", flush=True)


main()

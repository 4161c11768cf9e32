#!/usr/bin/env python3
"""What makes a version of another one, over links that are slow: patches where all weights learn, adapters where those do. Each
run has the hash of one machine, its link carries less than the images, and killing the actor in the middle changes nothing.

usage: ways.py BIN_FOLDER      status 77: no namespaces here"""
import os, re, shutil, sys, tempfile
from fleet import Fleet, make_model, tool
from net import Net

VERSIONS = 4
BIN = os.path.abspath(sys.argv[1])
LORA = ["use_peft=true", "lora_r=4", "lora_alpha=8", "lora_target_modules=all-linear"]
CASES = {  # what is taken, of at most which share of an image
    "patch": ("patch", .6, ["learning_rate=1e-6"]), "adapter": ("adapter", .6, ["learning_rate=1e-4", *LORA]),
    "words": ("patch", .1, ["learning_rate=1e-6", "compute=bfloat16"]), "rounded": ("adapter", .6, ["learning_rate=1e-4", "compute=bfloat16", *LORA])}


def keys(world, more):
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl",
            "rewards=[{name: length, rule: length, unit: characters, target: 20}]", "num_generations=4",
            "per_device_train_batch_size=4", "gradient_accumulation_steps=2", "max_completion_length=12", "stop_token=none",
            f"max_steps={VERSIONS}", "eval_prompts=0", "gradient_checkpointing=false", "beta=0", *more]


def true(what, so, folder):
    if not so:
        raise SystemExit(f"FAILED: {what}; {folder}")


def case(net, name, kind, share, more, folder, world, image):
    tool(BIN, "drover", "grpo", *keys(world, more), f"output_dir={folder}/alone-{name}", "fleet.actors=1", cwd=folder)
    compute = [word for word in more if word == "compute=bfloat16"]
    one = Fleet.hash_of(BIN, f"{folder}/alone-{name}", *compute)
    head, host = net.host(f"{name[0]}head"), net.host(f"{name[0]}far", 2 * image, 2 * image)
    with Fleet(net, BIN, f"{folder}/{name}") as fleet:
        fleet.broker(head)
        fleet.rewarder(head)
        actor = fleet.actor(host, "--slots", "4")
        learner = fleet.learner(head, "grpo", *keys(world, more))
        killed = []

        def act(_):
            if not killed and len(fleet.iterations()) >= VERSIONS - 1:
                killed.append(actor.kill())

        seconds = fleet.finish(120, act, .02)
        fleet.account()
        true(f"{name}: {fleet.hash(*compute)} over the network, {one} on one machine", fleet.hash(*compute) == one, folder)
        ways = [int(n) for n in re.findall(rf"event=way kind={kind} bytes=(\d+) instead", fleet.said(actor))]
        true(f"{name}: {len(ways)} of {VERSIONS} versions by it", len(ways) >= VERSIONS - 2, folder)
        true(f"{name}: {ways} bytes, image {image}", max(ways) < share * image, folder)
        told = [r["drover_weights_way_bytes"] for r in fleet.iterations() if "drover_weights_way_bytes" in r]
        made = {int(n) for n in re.findall(rf"event=way kind={kind} version=\d+ bytes=(\d+)", fleet.said(learner))}
        true(f"{name}: metrics say {told}, made were {made}", told and set(told) <= made, folder)
        true(f"{name}: killed", killed, folder)
        true(f"{name}: nothing was false", "makes" not in fleet.said(actor), folder)
        came = net.bytes()[host.name].came
        # the first image, one more for the actor that was killed and begins anew, and what is less than an image
        true(f"{name}: {came} bytes into the host, image {image}", came < (2.2 + share * VERSIONS) * image, folder)
        print(f"{name}: {seconds:.0f} s, hash {one[:16]}, {ways} bytes instead of {image}, {came} into the host")


def main():
    folder = tempfile.mkdtemp(prefix="drover-ways-")
    with Net() as net:
        image = make_model(BIN, f"{folder}/world", 6)
        for name, (kind, share, more) in CASES.items():
            half = "compute=bfloat16" in more  # norms are f32, but few
            case(net, name, kind, share, more, folder, f"{folder}/world", image // (1 + half))
    shutil.rmtree(folder)


main()

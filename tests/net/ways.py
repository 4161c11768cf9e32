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
CASES = {"patch": ["learning_rate=1e-6"], "adapter": ["learning_rate=1e-4", *LORA]}


def keys(world, more):
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl",
            "rewards=[{name: length, rule: length, unit: characters, target: 20}]", "num_generations=4",
            "per_device_train_batch_size=4", "gradient_accumulation_steps=2", "max_completion_length=12", "stop_token=none",
            f"max_steps={VERSIONS}", "eval_prompts=0", "gradient_checkpointing=false", "beta=0", *more]


def true(what, so, folder):
    if not so:
        raise SystemExit(f"FAILED: {what}; {folder}")


def case(net, kind, more, folder, world, image):
    tool(BIN, "drover", "grpo", *keys(world, more), f"output_dir={folder}/alone-{kind}", "fleet.actors=1", cwd=folder)
    one = Fleet.hash_of(BIN, f"{folder}/alone-{kind}")
    head, host = net.host(f"{kind[0]}head"), net.host(f"{kind[0]}far", 12e6, 12e6)
    with Fleet(net, BIN, f"{folder}/{kind}") as fleet:
        fleet.broker(head)
        fleet.rewarder(head)
        actor = fleet.actor(host, "--slots", "4")
        fleet.learner(head, "grpo", *keys(world, more))
        killed = []

        def act(_):
            if not killed and len(fleet.iterations()) >= VERSIONS - 1:
                killed.append(actor.kill())

        seconds = fleet.finish(120, act, .02)
        fleet.account()
        true(f"{kind}: {fleet.hash()} over the network, {one} on one machine", fleet.hash() == one, folder)
        ways = re.findall(rf"event=way kind={kind} bytes=(\d+) instead", fleet.said(actor))
        true(f"{kind}: {len(ways)} of {VERSIONS} versions by it", len(ways) >= VERSIONS - 2, folder)
        true(f"{kind}: killed", killed, folder)
        true(f"{kind}: nothing was false", "makes" not in fleet.said(actor), folder)
        came = net.bytes()[host.name].came
        # the first image, one more for the actor that was killed and begins anew, and what is less than an image
        true(f"{kind}: {came} bytes into the host, image {image}", came < (2.2 + .6 * VERSIONS) * image, folder)
        print(f"{kind}: {seconds:.0f} s, hash {one[:16]}, {[int(b) for b in ways]} bytes instead of {image}, {came} into the host")


def main():
    folder = tempfile.mkdtemp(prefix="drover-ways-")
    with Net() as net:
        image = make_model(BIN, f"{folder}/world", 6)
        for kind, more in CASES.items():
            case(net, kind, more, folder, f"{folder}/world", image)
    shutil.rmtree(folder)


main()

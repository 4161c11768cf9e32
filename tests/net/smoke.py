#!/usr/bin/env python3
"""A fleet on four hosts of their own network, short: one host loses its cable for three seconds, another its actor by SIGKILL.
The run's hash is that of one machine, the journal adds up, and a host's link carried its versions.

usage: smoke.py BIN_FOLDER      status 77: no namespaces here"""
import os, shutil, sys, tempfile
from fleet import Fleet, make_model, tool
from net import Net

ITERATIONS = 8
BIN = os.path.abspath(sys.argv[1])


def keys(world):
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl",
            "rewards=[{name: length, rule: length, unit: characters, target: 40}]",
            "num_generations=4", "per_device_train_batch_size=4", "gradient_accumulation_steps=2", "max_completion_length=96",
            f"max_steps={ITERATIONS}", "eval_prompts=0", "gradient_checkpointing=false", "reproducible=portable",
            "learning_rate=1e-4", "beta=0"]


def main():
    folder = tempfile.mkdtemp(prefix="drover-net-")
    with Net() as net:
        world = f"{folder}/world"
        image = make_model(BIN, world, 1)
        tool(BIN, "drover", "grpo", *keys(world), f"output_dir={folder}/alone", "fleet.actors=1", cwd=folder)
        head, train = net.host("head"), net.host("train")
        hosts = [net.host(f"h{i}", 50e6, 50e6, cores=.5) for i in range(2)]
        with Fleet(net, BIN, f"{folder}/fleet") as fleet:
            fleet.broker(head)
            fleet.rewarder(head)
            actors = [fleet.actor(host, "--slots", "2") for host in hosts]
            fleet.learner(train, "grpo", *keys(world))
            done, cut = set(), 0

            def act(now):
                nonlocal cut
                steps = len(fleet.iterations())
                if steps >= 1 and "cut" not in done:
                    hosts[0].link(False)
                    cut = now
                    done.add("cut")
                if steps >= 1 and "kill" not in done:
                    actors[1].kill()
                    done.add("kill")
                if not hosts[0].up and now > cut + 3:
                    hosts[0].link(True)

            seconds = fleet.finish(150, act)
            fleet.account()
            one = Fleet.hash_of(BIN, f"{folder}/alone")
            if fleet.hash() != one:
                raise SystemExit(f"FAILED: {fleet.hash()} over the network, {one} on one machine; {folder}")
            if done != {"cut", "kill"}:
                raise SystemExit(f"FAILED: over before anything happened; {folder}")
            came = {name: b.came for name, b in net.bytes().items()}
            if came["head"] < image or max(came["h0"], came["h1"]) < image:
                raise SystemExit(f"FAILED: no version of {image} bytes crossed a link: {came}")
            print(f"{seconds:.0f} s, hash {one[:16]}, bytes into each host {came}, image {image}")
    shutil.rmtree(folder)


main()

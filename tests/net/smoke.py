#!/usr/bin/env python3
"""A fleet on four hosts of their own network, short: one host loses its cable for three seconds, another its actor by SIGKILL.
The run's hash is that of one machine, the journal adds up, and a host's link carried its versions.

usage: smoke.py BIN_FOLDER      status 77: no namespaces here"""
import os, shutil, sys, tempfile
from fleet import Fleet, make_model, tool
from net import Net

ITERATIONS = 8


def keys(world, iterations, length):
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl",
            "rewards=[{name: length, rule: length, unit: characters, target: 40}]",
            "num_generations=4", "per_device_train_batch_size=4", "gradient_accumulation_steps=2", f"max_completion_length={length}",
            f"max_steps={iterations}", "eval_prompts=0", "gradient_checkpointing=false",
            "learning_rate=1e-4", "beta=0"]


def smoke(build, iterations=ITERATIONS, length=96, limit=150, cores=.5, **more):
    """`more` is for Fleet."""
    folder = tempfile.mkdtemp(prefix="drover-net-")
    with Net() as net:
        world = f"{folder}/world"
        image, words = make_model(build, world, 1), keys(world, iterations, length)
        tool(build, "drover", "grpo", *words, f"output_dir={folder}/alone", "fleet.actors=1", cwd=folder)
        head, train = net.host("head"), net.host("train")
        hosts = [net.host(f"h{i}", 50e6, 50e6, cores=cores) for i in range(2)]
        with Fleet(net, build, f"{folder}/fleet", **more) as fleet:
            fleet.broker(head)
            fleet.rewarder(head)
            actors = [fleet.actor(host, "--slots", "2") for host in hosts]
            fleet.learner(train, "grpo", *words)
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

            seconds = fleet.finish(limit, act)
            fleet.account()
            one = Fleet.hash_of(build, f"{folder}/alone")
            if fleet.hash() != one:
                raise SystemExit(f"FAILED: {fleet.hash()} over the network, {one} on one machine; {folder}")
            if done != {"cut", "kill"}:
                raise SystemExit(f"FAILED: over before anything happened; {folder}")
            came = {name: b.came for name, b in net.bytes().items()}
            if came["head"] < image or max(came["h0"], came["h1"]) < image:
                raise SystemExit(f"FAILED: no version of {image} bytes crossed a link: {came}")
            print(f"{seconds:.0f} s, hash {one[:16]}, bytes into each host {came}, image {image}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    smoke(os.path.abspath(sys.argv[1]))

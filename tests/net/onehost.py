#!/usr/bin/env python3
"""One pull a host: six actors of a host take each version over its link once, also when the one that pulls is killed while it
pulls, killed while it has all, or stopped. The run's hash is that of an undisturbed one.

usage: onehost.py BIN_FOLDER [key=value ...]      status 77: no namespaces here
`mb` of the image, `rate` Mbit/s of the link, `actors`. Bytes are the kernel's counters of the host's link."""
import os, shutil, signal, sys, tempfile
from fleet import Fleet, make_model
from net import Net

KEYS = {"mb": "24", "rate": "60", "actors": "6", "iterations": "9"}
BIN = os.path.abspath(sys.argv[1])


def keys(world, iterations):
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl", "rewards=[{name: length, rule: length, unit: characters, target: 30}]",
            "num_generations=4", "per_device_train_batch_size=4", "gradient_accumulation_steps=3", "max_completion_length=8",
            f"max_steps={iterations}", "eval_prompts=0", "gradient_checkpointing=false",
            "learning_rate=1e-4", "beta=0", "save_strategy=no"]


def givers(actors):
    """Who listens at the run's places, the first place first."""
    place = {}  # inode: place
    for actor in actors:
        if actor.died is not None:
            continue
        with open(f"/proc/{actor.pid}/net/unix", encoding="ascii") as f:
            for line in f:
                words = line.split()
                if len(words) == 8 and words[7].startswith("@drover-host-") and words[3] == "00010000":
                    place[words[6]] = int(words[7].rpartition("-")[2])
        break
    found = []
    for actor in actors:
        folder = f"/proc/{actor.pid}/fd"
        try:
            for fd in os.listdir(folder):
                inode = os.readlink(f"{folder}/{fd}").removeprefix("socket:[").rstrip("]")
                if inode in place:
                    found.append((place[inode], actor))
        except OSError:
            pass
    return [actor for _, actor in sorted(found, key=lambda f: f[0])]


def run(k, world, folder, disturbed):
    with Net() as net:
        head = net.host("head")
        host = net.host("h", float(k["rate"]) * 1e6, float(k["rate"]) * 1e6)
        with Fleet(net, BIN, folder) as fleet:
            fleet.broker(head)
            fleet.rewarder(head)
            actors = [fleet.actor(host, "--slots", "2", "--threads", "1") for _ in range(int(k["actors"]))]
            fleet.learner(head, "grpo", *keys(world, k["iterations"]))
            marks, did = [], []
            state = {"stopped": None, "since": 0.0}

            def each(now):
                steps = len(fleet.iterations())
                came = host.bytes().came
                if steps > len(marks):
                    marks.extend([came] * (steps - len(marks)))
                if state["stopped"] and now > state["since"] + 4:
                    state["stopped"].signal(signal.SIGCONT)
                    state["stopped"] = None
                if not disturbed or not marks:
                    return
                part = (came - marks[-1]) / image  # of the version that is on its way
                who = givers(actors)
                if not who:
                    return
                for step, name in ((2, "pulling"), (4, "idle"), (6, "stopped")):
                    if steps >= step and name not in did and (part < .2 if name == "idle" else .3 < part < .7):
                        did.append(name)
                        if name == "stopped":
                            who[0].signal(signal.SIGSTOP)
                            state.update(stopped=who[0], since=now)
                        else:
                            who[0].kill()
                        break

            image = os.path.getsize(f"{world}/model/model.safetensors")
            seconds = fleet.finish(300, each, .02)
            fleet.account()
            versions = len(marks) - 1
            into = (marks[-1] - marks[0]) / image
            print(f"{'disturbed: ' + ', '.join(did) if disturbed else 'undisturbed'}: {seconds:.0f} s, image {image / 1e6:.1f} MB, "
                  f"{versions} versions, {into:.2f} images into the host of {k['actors']} actors, hash {fleet.hash()[:16]}", flush=True)
            return versions, into, did, fleet.hash()


def main():
    k = dict(KEYS)
    for word in sys.argv[2:]:
        name, _, value = word.partition("=")
        if name not in k:
            raise SystemExit(f"no key {name}: {', '.join(KEYS)}")
        k[name] = value
    folder = tempfile.mkdtemp(prefix="drover-onehost-")
    with Net():  # or the end: no namespaces here
        make_model(BIN, f"{folder}/world", float(k["mb"]))
    versions, into, _, one = run(k, f"{folder}/world", f"{folder}/calm", False)
    if into > 1.05 * versions:
        raise SystemExit(f"FAILED: more than one pull a version; {folder}")
    versions, into, did, other = run(k, f"{folder}/world", f"{folder}/wild", True)
    if other != one:
        raise SystemExit(f"FAILED: {other}, undisturbed {one}; {folder}")
    if len(did) < 3:
        raise SystemExit(f"FAILED: over before all had happened: {did}; {folder}")
    # killed while it pulls: begun again; a stopped one: another pulls beside it; who was killed comes back and has nothing
    if into > 1.05 * versions + 3:
        raise SystemExit(f"FAILED: {into:.2f} images for {versions} versions; {folder}")
    shutil.rmtree(folder)


main()

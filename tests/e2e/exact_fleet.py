#!/usr/bin/env python3
"""PPO through the real processes finds the best policy of a world that is small enough to enumerate.

usage: exact_fleet.py BIN_FOLDER [SEED ...]     a seed with a `v` before it: answers of varied length
A broker, an actor, a rewarder (reference log-probabilities), a reward worker (the gold reward) and a
learner; then the policy that the learner wrote is read back and its worth computed exactly. The bounds
are in tests/learner/exact_fleet.c. Also once with overlap {lag: 1}: `lag` before the seed."""
import os, shutil, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
from fleet import ENV, free_ports, new_key, new_keys, program, tool


def one(word):
    lag = word.startswith("lag")
    seed = word[3:] if lag else word
    begin = time.monotonic()
    tool("exact_fleet", "write", f"world-{seed}", seed)
    control, bulk, board = free_ports(3)
    ports = [f"--bind=tcp://127.0.0.1:{control}", f"--bulk=tcp://127.0.0.1:{bulk}",
             f"--dashboard=tcp://127.0.0.1:{board}"]
    keys = new_keys(f"{word}.keys")

    def at(role, name):
        return [f"--broker=tcp://127.0.0.1:{control}", f"--key={new_key(keys, role, name)}"]
    with open(f"{word}.log", "w") as log:
        def spawn(*words):
            return subprocess.Popen([program(words[0]), *words[1:]], env=ENV, stdout=log, stderr=subprocess.STDOUT)
        others = [spawn("drover-broker", *ports, f"--keys={keys}"), spawn("drover-actor", *at("actor", "a"), "--slots=64"),
                  spawn("drover-rewarder", *at("rewarder", "r"), "--batch=64"),
                  spawn("exact_fleet", "worker", seed, *at("rewarder", "w"))]
        learner = spawn("drover-learner", "ppo", f"world-{seed}/run.yaml", f"model=world-{seed}/model",
                        f"dataset=world-{seed}/prompts.jsonl", f"output_dir=run-{word}", *(["overlap.lag=1"] if lag else []),
                        f"broker=tcp://127.0.0.1:{control}", f"broker_key={new_key(keys, 'learner', 'l')}")
        try:
            status = learner.wait(600)
        finally:
            for p in [learner, *reversed(others)]:
                if p.poll() is None:
                    p.terminate()
                    try:
                        p.wait(15)
                    except subprocess.TimeoutExpired:
                        p.kill()
    if status:
        with open(f"{word}.log", errors="replace") as f:
            raise SystemExit(f"{word}: exit status {status}\n{f.read()[-3000:]}")
    took = time.monotonic() - begin
    worth = subprocess.run([program("exact_fleet"), "worth", seed, f"world-{seed}", f"run-{word}"], env=ENV,
                           stdout=subprocess.PIPE, text=True)
    print(worth.stdout.rstrip(), f" overlap {'lag 1' if lag else 'none'}  {took:.1f} s", flush=True)
    return worth.returncode


def main():
    folder = tempfile.mkdtemp(prefix="drover-exact-")
    os.chdir(folder)
    failed = sum(one(word) != 0 for word in sys.argv[2:] or ["0"])
    if failed:
        raise SystemExit(f"{failed} worlds failed; logs in {folder}")
    shutil.rmtree(folder)


main()

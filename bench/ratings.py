#!/usr/bin/env python3
"""How long `drover rank` and `drover agreement` take at the size of a public leaderboard and of a large study, beside what Python's json
takes to read the same file. Ends with 1 where a bound is broken. usage: ratings.py BIN_FOLDER [VOTES ITEMS]
bounds: a million votes on 100 models with 1,000 draws of prompts in 60 s, 10,000 items x 3 judgements with all intervals in 10 s."""
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

BIN, VOTES, ITEMS = sys.argv[1], int((sys.argv[2:] or [10**6])[0]), int((sys.argv[3:] or [10**4])[0])


def votes(draw, file):
    strength = [draw.gauss(0, 1) for _ in range(100)]
    for i in range(VOTES):
        a, b = draw.sample(range(100), 2)
        wins = draw.random() < 1 / (1 + math.exp(strength[b] - strength[a]))
        winner = "tie" if draw.random() < 0.1 else "model_a" if wins else "model_b"
        file.write(json.dumps({"model_a": f"m{a}", "model_b": f"m{b}", "winner": winner, "prompt": f"p{i // 20}"}) + "\n")


def judgements(draw, file):
    for i in range(ITEMS):
        good = draw.random()
        for who in draw.sample(range(30), 3):
            file.write(json.dumps({"item": i, "annotator": f"w{who}", "value": "a" if draw.random() < good else "b", "prompt": f"p{i // 2}", "seconds": 3,
                                   "side": draw.choice(["left", "right"])}) + "\n")


def took(work):
    """Seconds on the clock, and of a processor."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(*words):
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def main():
    broken, draw = 0, random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, make, rows, bound in (("rank", votes, [["se=sandwich"], ["se=bootstrap", "cluster=row"], ["se=bootstrap"]], 60), ("agreement", judgements, [["level=pairs"]], 10)):
            path = os.path.join(folder, name + ".jsonl")
            with open(path, "w") as file:
                make(draw, file)
            _, python = took(lambda: run(sys.executable, "-c", "import json, sys\nfor line in open(sys.argv[1]): json.loads(line)", path))
            for words in rows:
                clock, processor = took(lambda: run(BIN + "/drover", name, path, *words, "json=" + folder + "/out"))
                broken += clock > bound
                print(f"{name} {' '.join(words):<28} {clock:6.1f} s  {processor:6.1f} s of a processor  {processor / python:5.1f} x reading by Python's json", flush=True)
    sys.exit(broken > 0)


main()

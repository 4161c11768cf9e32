"""Active choice behind the page: the pairs that are chosen come first; when they are judged the next are chosen by the verdicts, as
`drover prefs choose` chooses them; the assignments say so. usage: choice.py BIN_FOLDER"""
import json
import os
import sqlite3
import subprocess
import sys
import time

from annotate_stand import Person, Server, check

BIN = sys.argv[1]
MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "model", "llama5")
BATCH, WAY = 3, "prediction"
PAIRS = [{"mode": "pair", "prompt": f"Question {i}?", "candidates": ["yes " * (i + 1), f"no, {i * i} and {97 * i}"]} for i in range(12)]


def rows(store, words):
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as base:
        return [row[0] for row in base.execute(words)]


def chosen(store):
    """What a strategy asked for and nobody was given yet, in its order."""
    return rows(store, f"SELECT id FROM item WHERE active = '{WAY}' AND id NOT IN (SELECT item FROM assignment) ORDER BY priority DESC")


def wait(store, n):
    until = time.monotonic() + 60
    while len(chosen(store)) != n and time.monotonic() < until:
        time.sleep(0.05)
    check(len(chosen(store)) == n, "chosen:", chosen(store))
    return chosen(store)


def judge(person, store, want, verdict):
    """All of a batch; each next one is the first of those that are left."""
    for item in want:
        offer = person.next()
        check(rows(store, "SELECT item FROM assignment ORDER BY id DESC LIMIT 1") == [item], "another comes first:", offer)
        person.judge(offer["assignment"], **verdict)


server = Server(BIN, PAIRS, 1, "choose=" + WAY, "choose_model=" + MODEL, f"choose_batch={BATCH}")
person = Person(server, token=server.token)
first = wait(server.store, BATCH)
judge(person, server.store, first, {"verdict": "chosen", "place": 0})
second = wait(server.store, BATCH)
check(not set(first) & set(second), "chosen twice:", first, second)
server.end()
for batch in (1, BATCH):  # what it replaces was the page's own choice; from the same verdicts comes the same
    subprocess.run([BIN + "/drover", "prefs", "choose", server.store, "model=" + MODEL, "strategy=" + WAY, f"batch={batch}", "seed=42"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60)
    check(chosen(server.store) == second[:batch], "by hand other pairs are chosen:", chosen(server.store), second)
server.start()
person = Person(server, token=server.token)
judge(person, server.store, wait(server.store, BATCH), {"verdict": "tie"})
server.end()
said = subprocess.run([BIN + "/drover", "prefs", "export", server.store, "format=judgements"], stdout=subprocess.PIPE, check=True, timeout=60).stdout
whys = [json.loads(line)["why"] for line in said.splitlines()]
check(whys == [f"active:{WAY}"] * (2 * BATCH), whys)
print("ok")

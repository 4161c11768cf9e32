#!/usr/bin/env python3
"""A page under load: people who judge, pages of admins that look on, kill -9 at random; how long a judgement takes, and that each
acknowledged one is there once; with `judged` half of the people have judged everything already, twice each item.
usage: annotate_load.py BIN_FOLDER [PEOPLE [SECONDS [ITEMS]]] [kill] [judged]"""
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from annotate_crowd import Talk, crowd  # noqa: E402
from annotate_stand import Person, Server, check  # noqa: E402

BIN = sys.argv[1]
WORDS = [word for word in sys.argv[2:] if word not in ("kill", "judged")]
PEOPLE, SECONDS, ITEMS = (int(word) for word in WORDS + ["200", "60", "10000"][len(WORDS):])
ADMINS, PAUSE = 20, 2.0
took, looked, killed, acknowledged, figures = [], [], [], set(), set()


async def judge(talk, end):
    await asyncio.sleep(random.random() * PAUSE)
    while time.monotonic() < end:
        given = await talk.insist("/api/next", {})
        if given["offer"] != "given":
            return
        await asyncio.sleep(random.uniform(0, PAUSE) * 2)
        name = uuid.uuid4().hex
        body = {"id": name, "assignment": given["assignment"]["id"], "verdict": "chosen", "place": random.randrange(2), "shown_ms": 900}
        begun = time.monotonic()
        tries = 0
        while True:
            try:
                answer = await talk.ask("/api/judge", body)
                break
            except ConnectionError:
                tries += 1
                await asyncio.sleep(0.2)
        if not tries:
            took.append(time.monotonic() - begun)
        if answer.get("saved"):
            acknowledged.add(name)


async def look(talk, end):
    while time.monotonic() < end:
        for path in ("/api/admin/state", "/api/admin/agreement"):
            begun = time.monotonic()
            try:
                seen = await talk.ask(path)
                looked.append(time.monotonic() - begun)
                if path.endswith("agreement") and seen["agreement"]:
                    check("percent" in seen["agreement"], seen)
                    figures.add(seen["at"])
            except ConnectionError:
                await asyncio.sleep(0.2)
        await asyncio.sleep(5 * random.random() * 2)


async def killer(server, end, kills):
    while kills and time.monotonic() < end - 8:
        await asyncio.sleep(random.uniform(3, 8))
        killed.append(time.monotonic())
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.start()  # on the port that it had


async def run(server, people, owner, kills):
    end = time.monotonic() + SECONDS
    work = [judge(Talk(server, person), end) for person in people] + [look(Talk(server, owner), end) for _ in range(ADMINS)]
    await asyncio.gather(killer(server, end, kills), *work)


def judge_before(store, folder, items):
    """Two judgements of each item, by a hundred people who are not among those that come."""
    path = os.path.join(folder, "before.jsonl")
    with open(path, "w") as file:
        for i, item in enumerate(items):
            for k in range(2):
                row = {"item": item["key"], "mode": "pair", "annotator": f"before{(i + 50 * k) % 100}", "why": "plan", "verdict": "chosen", "choice": int(random.random() < 0.7),
                       "order": [k, 1 - k], "time": 1700000000000 + i, "seconds": 3.5, "guideline": 0, "prompt": item["prompt"]}
                row |= {f"answer_{n}": text for n, text in enumerate(item["candidates"])} | {f"model_{n}": f"m{n}" for n in range(2)}
                file.write(json.dumps(row) + "\n")
    subprocess.run([BIN + "/drover", "prefs", "import", store, path], check=True)


def main():
    kills = "kill" in sys.argv
    items = [{"mode": "pair", "key": f"k{i}", "prompt": f"Item {i}? " + "words " * 40, "candidates": [f"one {i} " + "text " * 150, f"two {i} " + "more " * 150]} for i in range(ITEMS)]
    folder = tempfile.TemporaryDirectory()
    store = os.path.join(folder.name, "prefs.db")
    subprocess.run([os.path.join(BIN, "..", "tests", "bin", "make_store"), store, "3"], input="".join(json.dumps(item) + "\n" for item in items), text=True, check=True)
    if "judged" in sys.argv:
        judge_before(store, folder.name, items)
    server = Server(BIN, None, 3, store=store)
    owner = Person(server, token=server.token)
    people = crowd(server, owner, PEOPLE)
    server.words = (f"listen=127.0.0.1:{server.port}",)
    asyncio.run(run(server, people, owner, kills))
    snapshot = os.path.join(server.folder.name, "copy.db")
    with open(snapshot, "wb") as file:
        file.write(owner.raw("GET", "/api/admin/snapshot")[1])
    rows = subprocess.run([BIN + "/drover", "prefs", "export", snapshot, "format=csv", "out=" + snapshot + ".csv"], capture_output=True, text=True)
    until = time.monotonic() + 30
    while True:  # what admins see may be some seconds old
        done = sum(person["judged"] for person in owner.ask("/api/admin/state")["people"] if not person["name"].startswith("before"))
        if done == len(acknowledged) or (kills and done >= len(acknowledged)) or time.monotonic() > until:
            break
        time.sleep(0.5)
    server.end()
    took.sort(), looked.sort()
    at = lambda list_, share: list_[min(len(list_) - 1, int(share * len(list_)))] * 1000
    print(f"{PEOPLE} people, {ITEMS} items: {len(took)} judgements: median {at(took, .5):.1f} ms, p99 {at(took, .99):.1f} ms, longest {took[-1] * 1000:.1f} ms; "
          f"admin pages: median {at(looked, .5):.1f} ms, p99 {at(looked, .99):.1f} ms, longest {looked[-1] * 1000:.1f} ms; figures of {len(figures)} moments; killed {len(killed)} times; acknowledged {len(acknowledged)}, in the store {done}")
    check(done == len(acknowledged) or (kills and done >= len(acknowledged)), done, len(acknowledged), rows.stderr[:200])


main()

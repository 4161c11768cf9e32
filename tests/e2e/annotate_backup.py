"""Backups while people write: each snapshot that an admin takes holds every judgement that was acknowledged before he asked, none
that was sent after he had it, each once; restored elsewhere it is equal, whole, and goes on. usage: annotate_backup.py BIN_FOLDER
[PEOPLE [SECONDS [ITEMS]]]"""
import asyncio
import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from annotate_crowd import Talk, crowd  # noqa: E402
from annotate_stand import Person, Server, check  # noqa: E402

BIN = sys.argv[1]
PEOPLE, SECONDS, ITEMS = (int(word) for word in sys.argv[2:] + ["12", "5", "600"][len(sys.argv) - 2:])
PAUSE = 2.0 if PEOPLE > 50 else 0.1
sent, acknowledged, took = {}, {}, []  # by the judgement's id: when it was sent first, when its answer came


async def say(talk, path, name, **body):
    sent[name] = begun = time.monotonic()
    answer = await talk.ask(path, {"id": name, **body})
    acknowledged[name] = time.monotonic()
    took.append(acknowledged[name] - begun)
    return answer


async def write(talk, ended):
    """Choices, ties, skips, and sometimes the last one taken back and judged anew."""
    await asyncio.sleep(random.random() * PAUSE)
    while not ended.is_set():
        given = await talk.ask("/api/next", {})
        if given["offer"] != "given":
            return
        await asyncio.sleep(random.random() * 2 * PAUSE)
        dice = random.random()
        verdict = {"verdict": "skip"} if dice < 0.05 else {"verdict": "tie"} if dice < 0.2 else {"verdict": "chosen", "place": random.randrange(2), "reason": "because " * 5}
        answer = await say(talk, "/api/judge", uuid.uuid4().hex, assignment=given["assignment"]["id"], shown_ms=900, **verdict)
        check(answer.get("saved"), answer)
        if random.random() < 0.05:
            await say(talk, "/api/undo", uuid.uuid4().hex)


def tables(path):
    """All that a store holds but who is logged in."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        names = [name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") if name != "session"]
        return {name: sorted(db.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def command(*words):
    done = subprocess.run([os.path.join(BIN, "drover"), "prefs", *words], capture_output=True, text=True, timeout=300)
    check(done.returncode == 0, words, done.stderr)
    return done.stdout


def restored(folder, snapshot, asked, had, moments, sent, acknowledged):
    """What the snapshot holds, against what was acknowledged; then the same elsewhere."""
    elsewhere = os.path.join(folder, f"elsewhere-{len(moments)}", "prefs.db")
    os.mkdir(os.path.dirname(elsewhere))
    command("restore", elsewhere, snapshot)
    command("check", elsewhere)
    held = tables(elsewhere)
    check(held == tables(snapshot), "what is restored is not the snapshot")
    ids = [row[1] for row in held["judgement"]]
    there = set(ids)
    check(len(ids) == len(there), "a judgement twice")
    late = [name for name, at in acknowledged.items() if at < asked and name not in there]
    early = [name for name in ids if sent[name] > had]
    check(not late and not early and there <= set(sent), "acknowledged and not there:", late[:3], "there before it was sent:", early[:3])
    check(command("export", elsewhere, "format=csv") == command("export", snapshot, "format=csv"), "other rows")
    moments.append(len(ids))
    return elsewhere


async def back_up(owner, folder, end, moments, slowest):
    """Taken in another thread, as a browser's download is; checked while people go on. Three at least, on a slow machine, too."""
    while time.monotonic() < end or len(moments) < 3:
        path = os.path.join(folder, f"snapshot-{len(moments)}.db")
        asked = time.monotonic()
        status, data, _ = await asyncio.to_thread(owner.raw, "GET", "/api/admin/snapshot")
        had = time.monotonic()
        check(status == 200, "a snapshot is answered", status)
        slowest.append(had - asked)
        with open(path, "wb") as file:
            file.write(data)
        yield await asyncio.to_thread(restored, folder, path, asked, had, moments, dict(sent), dict(acknowledged))


async def run(server, owner, people, folder):
    end = time.monotonic() + SECONDS
    moments, slowest, last, ended = [], [], None, asyncio.Event()
    writing = asyncio.gather(*(write(Talk(server, person), ended) for person in people))
    async for last in back_up(owner, folder, end, moments, slowest):
        await asyncio.sleep(0.5)
    ended.set()
    await writing
    return moments, slowest, last


def goes_on(store):
    """Who owns the terminal there enters as the owner, and judges what is open there."""
    server = Server(BIN, None, store=store)
    person = Person(server, token=server.token)
    given = person.next()
    if given["offer"] == "given":
        person.judge(given["assignment"])
    server.end()
    command("check", store)


def main():
    items = [{"mode": "pair", "prompt": f"Item {i}? " + "words " * 40, "candidates": [f"one {i} " + "text " * 100, f"two {i} " + "more " * 100]} for i in range(ITEMS)]
    server = Server(BIN, items, 3)
    folder = server.folder.name
    owner = Person(server, token=server.token)
    people = crowd(server, owner, PEOPLE)
    moments, slowest, last = asyncio.run(run(server, owner, people, folder))
    check(moments[-1] > moments[0], "nobody wrote meanwhile", moments)
    server.end()
    final = os.path.join(folder, "final.db")
    command("snapshot", server.store, final)
    held = tables(final)
    check(held == tables(server.store), "a snapshot of a store at rest is another one")
    check({row[1] for row in held["judgement"]} == set(acknowledged), "at the end")
    goes_on(last)
    took.sort()
    print(f"{PEOPLE} people, {ITEMS} items: {len(moments)} backups of {moments[0]} to {moments[-1]} of {len(acknowledged)} rows, {min(slowest) * 1000:.0f} to {max(slowest) * 1000:.0f} ms; "
          f"judgements meanwhile: median {took[len(took) // 2] * 1000:.1f} ms, p99 {took[int(len(took) * .99)] * 1000:.1f} ms, longest {took[-1] * 1000:.1f} ms; each restored elsewhere is equal")


main()

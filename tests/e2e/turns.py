#!/usr/bin/env python3
"""A standing fleet serves a queue of runs, one after another, each ending in the weights that it has alone; and
a machine that computes other bits than the learner's gets no work and is named.

usage: turns.py BIN_FOLDER"""
import os, re, shutil, signal, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
try:
    import msgpack, zmq  # noqa: F401
except ImportError:
    sys.exit(77)
from fleet import ENV, Folder, hash_of, program
from keyed import REFUSE, WELCOME, Fleet, joined, learner_words, prepare_world, true
from wire import LEASE

STEPS = {"first": 6, "second": 3, "third": 3}


def words(fleet, name, out):
    return [*learner_words(fleet, out, STEPS[name]), f"run_name={name}", f"seed={len(name)}"]


def workers(fleet):
    actor = fleet.spawn("drover-actor", f"--broker={fleet.control}", f"--key={fleet.key('actor')}", "--name=honest",
                        log=f"{fleet.name}-actor")
    fleet.spawn("drover-rewarder", f"--broker={fleet.control}", f"--key={fleet.key('rewarder')}", log=f"{fleet.name}-rewarder")
    return actor


def alone(name):
    fleet = Fleet(f"alone-{name}")
    workers(fleet)
    learner = fleet.spawn("drover-learner", *words(fleet, name, f"out-{name}"), log=f"{fleet.name}-learner")
    fleet.until(f"{name} alone", lambda: learner.poll() is not None, 120)
    true(f"{name} alone", learner.returncode == 0, fleet.tails())
    fleet.close()
    return hash_of(f"out-{name}")


def names(fleet):
    return [(turn["place"], turn["name"]) for turn in fleet.snapshot()["queue"]]


def queue(want):
    fleet = Fleet("queue")
    actor = workers(fleet)
    learner, begin = {}, time.monotonic()

    def start(name):
        learner[name] = fleet.spawn("drover-learner", *words(fleet, name, name), log=f"{fleet.name}-{name}")

    start("first")
    fleet.until("the first is served", lambda: Folder("first").records(Folder.STEP) >= 1, 120)
    actor.send_signal(signal.SIGSTOP)  # so that it is under way as long as the others are looked at
    start("second")
    fleet.until("the second waits", lambda: "waits behind 1 run: first" in fleet.said("second"))
    start("third")
    fleet.until("the third waits", lambda: "waits behind 2 runs: first, second" in fleet.said("third"))
    fleet.until("both stand in STATS", lambda: names(fleet) == [(1, "second"), (2, "third")])
    true("which run is served", fleet.snapshot()["run_name"] == "first")
    text = subprocess.run([program("drover"), "status", f"broker={fleet.control}", f"dashboard={fleet.board}",
                           f"key={fleet.keys}/operator.key"], env=ENV, text=True, capture_output=True)
    true("status shows them", re.search(r"queue +1\. second on \S+ \(127\.0\.0\.1\), for \d+ s\n +2\. third", text.stdout),
         text.stdout + text.stderr)

    # nothing of it is kept: the run under way goes on, the order is that of before
    fleet.restart()
    fleet.until("the first goes on", lambda: fleet.snapshot()["run_name"] == "first")
    fleet.until("the others wait again", lambda: names(fleet) == [(1, "second"), (2, "third")])

    learner["second"].terminate()
    true("who waits leaves at once", learner["second"].wait(15) == 0, fleet.tails())
    fleet.until("and loses its place", lambda: names(fleet) == [(1, "third")])
    start("second")
    fleet.until("it is the last now", lambda: names(fleet) == [(1, "third"), (2, "second")])
    true("nothing of theirs was opened", Folder("second").records(Folder.SAMPLE) == 0)

    actor.send_signal(signal.SIGCONT)
    for name in ("first", "third", "second"):
        fleet.until(f"{name} ends", lambda: learner[name].poll() is not None, 150)
        true(f"{name} ends well", learner[name].returncode == 0, fleet.tails())
        true(f"{name} ends as alone", hash_of(name) == want[name])
    for name in ("third", "second"):
        said = fleet.said(name)
        true(f"{name} heard of its turn, once", said.count("its turn has come, after") == 1, said)
        true(f"{name} heard once what it waits for", said.count("the broker: waits behind 2 runs: first, ") <= 3, said)
    true("in this order", re.findall(r'event=turn run="(\w+)" \S+ state=served', fleet.said("broker")) == ["third", "second"],
         fleet.said("broker"))
    fleet.close()
    print(f"three runs, a broker killed, one that left: same hashes   {time.monotonic() - begin:.0f} s")


def unlike(want):
    """It holds the run's first image, as it says, and computes something else with it."""
    fleet = Fleet("unlike")
    learner = fleet.spawn("drover-learner", *words(fleet, "second", "unlike"), log=f"{fleet.name}-learner")
    fleet.until("the learner is welcome", lambda: fleet.snapshot()["run_name"] == "second")
    peer, got = joined(fleet, "actor", fleet.key("actor", "odd"), credit=0, numerics=1, build="odd")
    true("it is welcome until it says a number", got and got[0] == WELCOME)
    fleet.until("another build is a word", lambda: "1 worker of another build" in fleet.snapshot()["builds"])
    true("in the log too", "event=build" in fleet.said("broker"))
    peer.credit, peer.golden, end = 8, 0xDEADBEEF, time.monotonic() + 20
    while got[0] != REFUSE and time.monotonic() < end:
        got = peer.hear(100) or got
        true("no work for it", got[0] != LEASE, got)
    true("it is refused as of other bits", got[0] == REFUSE and got[3]["code"] == 7 and
         "computes other bits (golden number deadbeef)" in got[3]["words"], got)
    stats = fleet.snapshot()
    true("and named", any("test-actor turned away" in wait["name"] for wait in stats["wait"]), stats["wait"])
    true("no liar", stats["found_false"] == 0 and not stats["suspect"])
    workers(fleet)
    fleet.until("the run ends", lambda: learner.poll() is not None, 120)
    true("the run ends as alone", learner.returncode == 0 and hash_of("unlike") == want["second"], fleet.tails())
    true("the honest one was not", fleet.said("broker").count("event=unlike") == 1, fleet.said("broker"))
    fleet.close()
    print("another machine's bits: refused, named, no work")


def main():
    folder = tempfile.mkdtemp(prefix="drover-turns-")
    os.chdir(folder)
    prepare_world()
    want = {name: alone(name) for name in STEPS}
    true("three runs are three", len(set(want.values())) == 3, want)
    unlike(want)
    queue(want)
    shutil.rmtree(folder)


main()

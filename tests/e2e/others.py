#!/usr/bin/env python3
"""Workers that fail, and what a run makes of it: no worker's word ends it, it says what it waits for,
and it ends in the weights of the honest run.

usage: others.py BIN_FOLDER [CASE ... | all]"""
import json, os, shutil, signal, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
from fleet import ENV, HERE, Folder, free_ports, hash_of, new_key, new_keys, program, tool

STEPS = 4
PEERS = os.path.join(HERE, "others_peer.py")
PYTHON = os.environ.get("DROVER_PYTHON", sys.executable)


def prepare():
    tool("drover", "world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=100",
         "pairs=10", "train=64", "heldout=4")


class Fleet:
    """A broker, and what a case adds: workers, peers in Python, a learner."""

    def __init__(self, name):
        self.name, self.log = name, open(f"{name}.log", "w+")
        self.keys, self.made = new_keys(f"{name}.keys"), 0
        control, bulk, board = free_ports(3)
        self.at = f"tcp://127.0.0.1:{control}"
        self.processes = []
        self.spawn(program("drover-broker"), f"--bind={self.at}", f"--bulk=tcp://127.0.0.1:{bulk}",
                   f"--dashboard=tcp://127.0.0.1:{board}", f"--keys={self.keys}")

    def key(self, role):
        self.made += 1
        return new_key(self.keys, role, f"{role}-{self.made}")

    def spawn(self, *words):
        self.processes.append(subprocess.Popen(words, env=ENV, stdout=self.log, stderr=subprocess.STDOUT))
        return self.processes[-1]

    def actor(self, name="honest"):
        return self.spawn(program("drover-actor"), f"--broker={self.at}", f"--key={self.key('actor')}",
                          f"--name={name}")

    def peer(self, role, *plan):
        return self.spawn(PYTHON, PEERS, role, self.at, self.key("actor" if role == "refuser" else "rewarder"), *plan)

    def learner(self, at=None):
        return self.spawn(at or program("drover-learner"), "grpo", "model=world/model", "dataset=world/prompts.jsonl",
                          f"output_dir={self.name}", 'rewards=[{"name": "mine", "worker": "mine"}]', "eval_prompts=0",
                          "num_generations=4", "per_device_train_batch_size=16", f"max_steps={STEPS}",
                          "max_completion_length=24", "learning_rate=1e-3", "gradient_checkpointing=false",
                          f"broker={self.at}", f"broker_key={self.key('learner')}")

    def said(self, *words):
        self.log.flush()
        with open(self.log.name, errors="replace") as f:
            text = f.read()
        return all(word in text for word in words)

    def until(self, what, limit=120):
        end = time.monotonic() + limit
        while not what():
            if time.monotonic() > end:
                self.fail(f"not within {limit} s")
            time.sleep(.1)

    def finish(self, learner, *words):
        self.until(lambda: learner.poll() is not None)
        if learner.returncode:
            self.fail(f"exit status {learner.returncode}")
        for word in words:
            if not self.said(word):
                self.fail(f"did not say '{word}'")
        return hash_of(self.name)

    def fail(self, words):
        self.log.flush()
        with open(self.log.name, errors="replace") as f:
            raise SystemExit(f"{self.name}: {words}; in {os.getcwd()}\n{f.read()[-3000:]}")

    def close(self):
        for p in reversed(self.processes):
            if p.poll() is None:
                p.terminate()
        for p in reversed(self.processes):
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                p.kill()


def honest(f):
    f.actor()
    f.peer("scorer", "right")
    return f.finish(f.learner())


def wrong_scores(f):
    """nan, a wrong count, a frame that says more than it brings: each is said, then paused, then it goes on."""
    f.actor()
    f.peer("scorer", "right", "nan:3", "count", "frame", "right")
    return f.finish(f.learner(), "scorer `mine` failed at python", "returned nan for value", "scorer mine is paused",
                    "works again")


def missing_scorer(f):
    f.actor()
    learner = f.learner()
    f.until(lambda: f.said("waits for scorer `mine`: nobody offers it; start: python3 mine.py " + f.at))
    f.peer("scorer", "right")
    return f.finish(learner, "scorer `mine` is there")


def dying_scorer(f):
    f.actor()
    f.peer("scorer", "right", "die")
    learner = f.learner()
    f.until(lambda: f.said("waits for scorer `mine`: nobody offers it"))
    f.peer("scorer", "right")
    return f.finish(learner, "failed at python: its worker died")


def raising_scorer(f):
    """A reward function that raises is a failure with its words; the file is mended, the run goes on by itself."""
    with open(os.path.join(HERE, "..", "..", "examples", "reward.py")) as file:
        text = file.read().replace("min(len(answer), 200) / 200 - answer.count(\"!\")", "len(answer) / 100")
    with open("raises.py", "w") as file:
        file.write(text.replace("len(answer) / 100", 'len(answer) / {}["a key"]'))
    with open("mended.py", "w") as file:
        file.write(text)
    f.actor()
    learner, worker = f.learner(), f.spawn(PYTHON, "raises.py", f.at, f.key("rewarder"))
    f.until(lambda: f.said("scorer `mine` failed at python: KeyError: 'a key'", "scorer mine is paused"))
    worker.kill()
    f.spawn(PYTHON, "mended.py", f.at, f.key("rewarder"))
    return f.finish(learner, "works again")


def refuser_beside_honest(f):
    f.peer("refuser")
    f.until(lambda: f.said("joined peer=refuser"))
    f.actor()
    f.peer("scorer", "right")
    return f.finish(f.learner(), "failed at refuser", "not my kind of work")


def refuser_alone(f):
    """The learner's own actor does the work; it is gone when the learner is."""
    f.peer("refuser")
    f.peer("scorer", "right")
    learner = f.learner()
    got = f.finish(learner, "the learner starts an actor of its own (task 0 sample", "not my kind of work")
    f.until(lambda: not own_actors(f), 12)
    folder = Folder(f.name)
    if folder.records(Folder.ATTEMPT) < 16 * STEPS:
        f.fail(f"{folder.count.get(Folder.ATTEMPT, 0)} attempts in the journal")
    return got


def own_actors(f):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if b"--name=learner's own" in words and f"--broker={f.at}".encode() in words:
            found.append(int(pid))
    return found


def refuser_and_kills(f):
    """The learner is killed while its own actor works: both begin again, who failed what is known."""
    f.peer("refuser")
    f.peer("scorer", "right")
    learner = f.learner()
    f.until(lambda: Folder(f.name).records(Folder.STEP) >= 1)
    learner.send_signal(signal.SIGKILL)
    learner.wait()
    learner = f.learner()
    got = f.finish(learner)
    f.until(lambda: not own_actors(f), 15)
    return got


def nobody_can(f):
    """The learner's own actor fails as well: the run ends with the words of each, and can be begun again."""
    os.mkdir("bin")
    shutil.copy(program("drover-learner"), "bin")
    with open("bin/drover-actor", "w") as script:
        script.write(f'#!/bin/sh\nexec {PYTHON} {PEERS} own "$@"\n')
    os.chmod("bin/drover-actor", 0o755)
    f.peer("refuser")
    f.peer("scorer", "right")
    learner = f.learner("bin/drover-learner")
    f.until(lambda: learner.poll() is not None)
    if not learner.returncode or not f.said("cannot be answered: refuser at 127.0.0.1: not my kind of work; the learner's "
                                            "own actor: not my kind of work"):
        f.fail(f"exit status {learner.returncode}, or not the words of each")
    return f.finish(f.learner())


CASES = [honest, wrong_scores, missing_scorer, dying_scorer, raising_scorer, refuser_beside_honest, refuser_alone,
         refuser_and_kills, nobody_can]
LONG = [raising_scorer, refuser_and_kills]


def main():
    folder = tempfile.mkdtemp(prefix="drover-others-")
    os.chdir(folder)
    prepare()
    plain, bad = None, 0
    chosen = sys.argv[2:] or [case.__name__ for case in CASES if case not in LONG]
    for case in CASES:
        if chosen != ["all"] and case is not honest and case.__name__ not in chosen:
            continue
        fleet, begin = Fleet(case.__name__), time.monotonic()
        try:
            got = case(fleet)
            plain = plain or got
            same = got == plain
            print(f"{case.__name__:22} {got[:16]} {'same' if same else 'ANOTHER'} {time.monotonic() - begin:5.1f} s", flush=True)
            bad += not same
        except SystemExit as end:
            bad += 1
            print(f"{case.__name__:22} FAILED {end}", flush=True)
        finally:
            fleet.close()
    if bad:
        raise SystemExit(f"{bad} cases failed; in {folder}")
    shutil.rmtree(folder)


main()

"""A broker with a keys folder under eyes, and peers with keys of each role: for the tests of what keys may do.
Needs pyzmq and msgpack."""
import os, re, subprocess, time, msgpack, zmq

from fleet import ENV, free_ports, new_key, new_keys, program, tool
from wire import Peer

HELLO, WHO, WELCOME, REFUSE, HB, OPEN, CANCEL, ROLLOUT, FAIL, SCORE, SETTLED, PUBLISH, OFFER = 1, 2, 3, 4, 5, 6, 7, 11, 12, 14, 17, 18, 19
ADMIN, ADMIN_OK, BYE, REFUSED = 23, 24, 26, 29
EXPORT, EXPORT_OK, JUDGEMENT, JUDGED = 32, 33, 34, 35
NAMES = {"learner": 1, "actor": 2, "rewarder": 3, "supervisor": 4, "operator": 5, "watcher": 6, "auditor": 7, "follower": 9, "annotator": 10}
CONTEXT = zmq.Context.instance()


def true(what, so, more=""):
    if not so:
        raise SystemExit(f"FAILED: {what}\n{more}; in {os.getcwd()}")


class Fleet:
    """A broker with a keys folder, its dashboard under eyes."""

    def __init__(self, name, *words):
        self.name, self.keys = name, new_keys(f"{name}.keys")
        self.control, self.bulk, self.board = (f"tcp://127.0.0.1:{p}" for p in free_ports(3))
        self.words, self.all = words, []
        self.broker = None
        self.start()
        self.stats = self.watch(os.path.join(self.keys, "operator.key"))

    def start(self):
        self.broker = self.spawn("drover-broker", f"--bind={self.control}", f"--bulk={self.bulk}",
                                 f"--dashboard={self.board}", f"--keys={self.keys}", *self.words, log=f"{self.name}-broker")
        self.until("the broker listens", lambda: "event=ready" in self.said("broker"))

    def restart(self):
        self.broker.kill()
        self.broker.wait()
        os.remove(f"{self.name}-broker.log")
        self.start()

    def spawn(self, name, *words, log=None, env=None):
        with open(f"{log or self.name}.log", "ab") as out:
            self.all.append(subprocess.Popen([program(name), *words], env=env or ENV, stdout=out, stderr=out,
                                             stdin=subprocess.DEVNULL))
        return self.all[-1]

    def said(self, part):
        with open(f"{self.name}-{part}.log", errors="replace") as f:
            return f.read()

    def key(self, role, name=None):
        there = os.path.exists(os.path.join(self.keys, f"{name or role}.key"))
        path = new_key(self.keys, role, name or role)
        time.sleep(0 if there else .4)  # the broker looks ten times a second
        return path

    def watch(self, key):
        found = dict(re.findall(r'(\w+)-key = "(.{40})"', open(key).read()))
        s = CONTEXT.socket(zmq.SUB)
        s.linger = 0
        s.curve_serverkey, s.curve_publickey, s.curve_secretkey = (found[k].encode() for k in ("server", "public", "secret"))
        s.subscribe(b"")
        s.connect(self.board)
        return s

    def snapshot(self, wait=2500):
        """The newest STATS, at most a second old."""
        while self.stats.poll(0):
            self.stats.recv_multipart()
        true("no STATS", self.stats.poll(wait))
        return msgpack.unpackb(self.stats.recv_multipart()[1], strict_map_key=False)

    def refused(self, words):
        return sum(r["count"] for r in self.snapshot()["refusal"] if words in r["reason"])

    def until(self, what, so, limit=60):
        end = time.monotonic() + limit
        while not so():
            true(f"not within {limit} s: {what}", time.monotonic() < end, self.tails())
            time.sleep(.02)

    def tails(self):
        out = ""
        for name in sorted(os.listdir(".")):
            if name.startswith(self.name) and name.endswith(".log"):
                with open(name, errors="replace") as f:
                    out += f"--- {name}\n{f.read()[-1500:]}"
        return out

    def close(self):
        self.stats.close()
        for some in [p for p in self.all if p is not self.broker], [self.broker]:
            for p in some:
                if p.poll() is None:
                    p.terminate()
            for p in some:
                try:
                    p.wait(12)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()


def joined(fleet, role, key, as_role=None, at=None, **hello):
    """A peer with this key that has been answered; the answer."""
    peer = Peer(at or fleet.control, key, NAMES[as_role or role], f"test-{role}", **hello)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        got = peer.hear(50)
        if got and got[0] in (WELCOME, REFUSE):
            return peer, got
    return peer, None


def prepare_world():
    if not os.path.exists("world"):
        tool("drover", "world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=50", "pairs=10",
             "train=64", "heldout=4")


def learner_words(fleet, out, steps):
    return ["grpo", "model=world/model", "dataset=world/prompts.jsonl", f"output_dir={out}",
            'rewards=[{"name": "a", "rule": "length", "min": 1, "max": 9}]', "eval_prompts=0", "num_generations=4",
            "per_device_train_batch_size=16", f"max_steps={steps}", "max_completion_length=24", "learning_rate=1e-3",
            "beta=0", "gradient_checkpointing=false", f"broker={fleet.control}", f"broker_key={fleet.key('learner')}"]

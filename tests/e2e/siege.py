#!/usr/bin/env python3
"""Hostile clients, each with a key of some role, against a broker that serves a run: nonsense in every frame, floods of HELLO,
connections that say nothing, readers that read nothing, bytes that nobody asked for, figures that are none, tickets that ask
for ever. The run ends in the hash that it has in peace; the broker's memory and descriptors stay bounded, it says what it
refused, and what people see has no control characters of others.

usage: siege.py BIN_FOLDER [seconds=N] [steps=N] [apart | ATTACK ...]      needs pyzmq and msgpack, else it is skipped"""
import os, random, shutil, signal, socket, struct, subprocess, sys, tempfile, threading, time

sys.dont_write_bytecode = True
try:
    import msgpack, zmq
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from fleet import ENV, hash_of, program, tool
from keyed import ADMIN, CONTEXT, HB, HELLO, NAMES, OFFER, REFUSE, WELCOME, Fleet, learner_words, prepare_world, true
from wire import Peer, crc32c

WREQ, WCHUNK, WNONE = 20, 21, 22
MEMORY_MB, DESCRIPTORS = 400, 1500  # that the broker may take more than in peace
LINES_S = 60  # that it may say in each second that is touched
SIZES = (0, 1, 7, 255, 4096, 65537)


def head(kind, body, task=0, sample=0, major=1):
    return msgpack.packb([major, kind, bytes(16), 0, task, sample, sum(map(len, body)), crc32c(b"".join(body))])


def nonsense(rng):
    """A message that is none, of any kind."""
    kind = rng.choice([*range(1, 34), 255, 1 << 40])
    body = rng.choice([
        lambda: [],
        lambda: [rng.randbytes(rng.choice(SIZES))],
        lambda: [b"\x91" * 60000],                                   # arrays in arrays
        lambda: [b"\x81\xa1a" * 20000],                              # maps in maps
        lambda: [b"\xdf\xff\xff\xff\xff"],                           # a map of four thousand million
        lambda: [b"\xdd\xff\xff\xff\xff" + b"\xc0" * 100],
        lambda: [b"\xc6\xff\xff\xff\xf0" + b"x" * 9],                # four thousand million bytes
        lambda: [msgpack.packb({f"k{i}": i for i in range(20000)})],  # keys that nobody knows
        lambda: [msgpack.packb({"n": 2 ** 63, "credit": -1, "peer": b"", "name": "\x1b[2J" * 90})],
        lambda: [msgpack.packb({})] + [rng.randbytes(9)] * rng.choice((1, 14, 15, 40, 300)),
        lambda: [msgpack.packb({"claim": 1 << 31, "token": 1 << 30, "artifact": 1 << 20})] + [b""] * 12,
    ])()
    first = head(kind, body, task=rng.choice((0, 5, 1 << 62, 1 << 63)), sample=rng.choice((0, 1 << 31)))
    twist = rng.random()
    if twist < .1:
        first = rng.randbytes(rng.choice((0, 3, 300)))
    elif twist < .2:
        first = first[:-1] + bytes([first[-1] ^ 1])
    elif twist < .25:
        first = head(kind, body, major=rng.choice((0, 2, 1 << 31)))
    return [first, *body]


class Attack:
    """One process with keys, until its time is over."""

    def __init__(self, name, seconds, control, bulk, board, *keys):
        self.end, self.control, self.bulk, self.board, self.keys = time.monotonic() + float(seconds), control, bulk, board, keys
        self.random, self.sent, self.kept = random.Random(name), 0, []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{name}: {self.sent} sent"))
        getattr(self, name)()
        print(f"{name}: {self.sent} sent", flush=True)

    def over(self):
        return time.monotonic() > self.end

    def dealer(self, at, key, **options):
        peer = Peer.__new__(Peer)
        Peer.__init__(peer, at, key, 2, "x")
        peer.socket.sndhwm = 1000
        return peer.socket

    def put(self, s, parts):
        try:
            s.send_multipart(parts, zmq.NOBLOCK)
            self.sent += 1
            return True
        except zmq.ZMQError:
            return False

    def role(self, key):
        return NAMES.get(os.path.basename(key)[:-4].split("-")[0], 2)

    def hello(self, key, at, **more):
        peer = Peer(at, key, self.role(key), more.pop("name", "siege"), **more)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            got = peer.hear(50)
            if got and got[0] in (WELCOME, REFUSE):
                break
        return peer

    def drain(self, s):
        got = []
        while s.poll(0):
            got.append(s.recv_multipart())
        return got

    # ---- what they do

    def frames(self):
        """Nonsense from every role, before HELLO and after, at both ports."""
        while not self.over():
            for key in self.keys:
                for at in (self.control, self.bulk):
                    peer = self.hello(key, at) if self.random.random() < .8 else None
                    s = peer.socket if peer else self.dealer(at, key)
                    for _ in range(60):
                        self.put(s, nonsense(self.random))
                    end = time.monotonic() + .3
                    while time.monotonic() < end and not any(msgpack.unpackb(m[0])[1] == REFUSE for m in self.drain(s)):
                        time.sleep(.01)  # so many strikes, and it is turned away
                    s.close()
                    if self.over():
                        return

    def hellos(self):
        """The same HELLO again and again, and others' ids."""
        s = [self.dealer(at, key) for key in self.keys for at in (self.control, self.bulk)]
        fields = {"peer": b"replayed-replaye", "incarnation": 7, "role": 2, "slots": 8, "major_min": 1, "major_max": 1,
                  "name": "\x1b]0;owned\x07\x1b[31m", "build": "x" * 200, "host": "h\n\r\x1b[2J", "serve": "tcp://127.0.0.1:1"}
        while not self.over():
            for one in s:
                for i in range(200):
                    body = [msgpack.packb({**fields, "peer": os.urandom(16), "incarnation": i} if i % 2 else fields)]
                    self.put(one, [head(HELLO, body), *body])
                self.drain(one)

    def silent(self):
        """Connections that get in and say nothing; strangers that do not finish their handshake."""
        raw = []
        address = self.control.rsplit("/", 1)[1].split(":")
        while not self.over():
            if len(self.kept) < 700:
                self.kept += [self.dealer(at, key) for key in self.keys for at in (self.control, self.bulk)]
                self.sent += 1
            if len(raw) < 3000:
                try:
                    raw.append(socket.create_connection((address[0], int(address[1])), timeout=.2))
                    if len(raw) % 2:
                        raw[-1].send(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE" + bytes(45 if len(raw) % 3 else 3))
                except OSError:
                    time.sleep(.01)
            elif self.random.random() < .2:
                raw.pop(0).close()
            else:
                time.sleep(.001)

    def slow(self):
        """Asks and asks, and reads nothing; looks on, and reads nothing."""
        peers = [self.hello(key, at) for key in self.keys for at in (self.bulk, self.control) if self.role(key) == 2]
        for key in self.keys:
            for _ in range(40 if self.role(key) in (6, 5) else 0):
                s = CONTEXT.socket(zmq.SUB)
                s.linger, s.rcvhwm, s.rcvbuf = 0, 1, 4096
                found = Peer(self.control, key, 6, "x").key
                s.curve_serverkey, s.curve_publickey, s.curve_secretkey = (found[k].encode() for k in ("server", "public", "secret"))
                s.subscribe(b"")
                s.connect(self.board)
                self.kept.append(s)
        name = os.urandom(32)
        while not self.over():
            for p in peers:
                newest = p.newest[1] if p.newest else name
                for kind in (1, 2, 3, 4, 5, 9):
                    body = [msgpack.packb({"hash": newest, "kind": kind, "first": 0, "count": 1 << 10})]
                    self.put(p.socket, [head(WREQ, body), *body])
            time.sleep(.001)

    def chunks(self):
        """Bytes that nobody asked for, and artifacts that are nobody's."""
        peers = [self.hello(key, self.bulk, serve="tcp://127.0.0.1:1") for key in self.keys]
        while not self.over():
            for p in peers:
                newest = p.newest[1] if p.newest else os.urandom(32)
                for name in (newest, os.urandom(32)):
                    piece = self.random.randbytes(65536)
                    for kind in range(1, 6):
                        body = [msgpack.packb({"hash": name, "kind": kind, "index": self.random.randrange(9), "bytes": len(piece)}), piece]
                        self.put(p.socket, [head(WCHUNK, body), *body])
                    art = [{"kind": k, "bytes": 1 << 35, "hash": os.urandom(32), "name": "\x1b[1m", "of": newest, "base": os.urandom(32)}
                           for k in (1, 2, 3, 4, 5)]
                    for kind, fields in ((OFFER, {"artifact": art}), (WNONE, {"hash": name, "reason": "\x1b[2J"})):
                        body = [msgpack.packb(fields)]
                        self.put(p.socket, [head(kind, body), *body])
                self.drain(p.socket)
            time.sleep(.002)

    def figures(self):
        """A supervisor whose figures are none."""
        texts = ["[" * 16000, '{"children":[' + '{"name":"\\u001b[2J","cause":"\\u001b]0;x\\u0007","state":"up"},' * 200 + '{}]}',
                 '{"cores":1e999}', '{"cores":-9223372036854775808}', '{"cores":[[[]]],"load":"x","memory":{"a":1}}', "\x1b[31mred",
                 '{"a":"' + "x" * 60000 + '"}', '{"' + "a" * 16000 + '":1}', '{"a":' * 3000, "", "null", '{"children":7}']
        peers = [self.hello(key, self.control, host=f"\x1b[41mhost{i}\n", name="\x1b[5mboo") for i, key in enumerate(self.keys)]
        while not self.over():
            for p in peers:
                for text in texts:
                    body = [msgpack.packb({"progress": 1, "metrics": text, "note": "\x1b[2Jnote\n"})]
                    self.put(p.socket, [head(HB, body), *body])
                    time.sleep(.02)
                if any(msgpack.unpackb(m[0])[1] in (2, 4) for m in self.drain(p.socket)):
                    p.welcome = False
                    p.beat()

    def tickets(self):
        """Asks to be let in and never is; asks with every sort of key; never asks."""
        peers = [self.hello(key, self.control) for key in self.keys for _ in range(6)]
        while not self.over():
            for p in peers[2:]:
                for arguments in ('{"public_key":"' + "".join(self.random.choices("abc(%", k=40)) + '","name":"\\u001b[2J","host":"../../x"}',
                                  "[" * 30000, "", "null", '{"public_key":1}'):
                    body = [msgpack.packb({"request": self.sent, "order": "admit", "arguments": arguments, "host": "", "role": 2})]
                    self.put(p.socket, [head(ADMIN, body), *body])
                self.drain(p.socket)
            time.sleep(.001)


# Keys of which roles each has.
ATTACKS = {"frames": ["actor", "rewarder", "learner", "supervisor", "operator", "auditor", "ticket"], "hellos": ["actor", "rewarder", "ticket"],
           "silent": ["ticket", "actor"], "slow": ["actor", "watcher", "operator"], "chunks": ["actor", "learner"],
           "figures": ["supervisor"], "tickets": ["ticket", "supervisor"]}


class Eyes(threading.Thread):
    """The broker's memory (MB) and descriptors, at most."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.halt = pid, False
        self.begin = self.look()
        self.most = self.begin
        self.start()

    def look(self):
        try:
            with open(f"/proc/{self.pid}/statm") as f:
                return int(f.read().split()[1]) * 4096 >> 20, len(os.listdir(f"/proc/{self.pid}/fd"))
        except OSError:
            return 0, 0

    def run(self):
        while not self.halt:
            self.most = tuple(map(max, self.most, self.look()))
            time.sleep(.1)

    def grown(self):
        """Memory at most; descriptors at least, of the three looks that a broker takes in 6 s: each shuts what a burst
        of silent connections left, while the attackers go on."""
        least, end = self.look()[1], time.monotonic() + 6
        while least - self.begin[1] >= DESCRIPTORS and time.monotonic() < end:
            time.sleep(.1)
            least = min(least, self.look()[1])
        self.halt = True
        return self.most[0] - self.begin[0], least - self.begin[1]


def ticket_key(fleet, name):
    """A ticket's pair as a file, as whoever has the line can make it."""
    import base64, re
    line = tool("drover", "keys", "ticket", fleet.keys, "role=actor", "uses=1", f"broker={fleet.control}", f"name={name}",
                stderr=subprocess.DEVNULL).strip()
    words = dict(w.split(" ", 1) for w in base64.urlsafe_b64decode(line[8:] + "==").decode(errors="ignore").split("\n") if " " in w)
    secret = words["secret"]
    path = os.path.abspath(f"ticket-{name}.key")
    with open(path, "w") as f:
        f.write(f'public-key = "{zmq.curve_public(secret.encode()).decode()}"\nsecret-key = "{secret}"\nserver-key = "{words["server"]}"\n')
    return path


def control_characters(text):
    return sorted({c for c in text if ord(c) < 32 and c not in "\n\t\r"} | {c for c in text if 0x7F <= ord(c) < 0xA0})


def run(fleet, name, steps):
    learner = fleet.spawn("drover-learner", *learner_words(fleet, name, steps), log=f"{fleet.name}-{name}")
    begin = time.monotonic()
    true(f"the run {name}", learner.wait(280) == 0, fleet.tails())
    return hash_of(name), time.monotonic() - begin


def status(fleet):
    """What people see. Who asks waits some seconds for an answer: on a machine that is full of attackers it asks again."""
    words = [f"broker={fleet.control}", f"dashboard={fleet.board}", f"key={os.path.join(fleet.keys, 'operator.key')}"]
    for _ in range(10):
        said = subprocess.run([program("drover"), "status", *words], env=ENV, text=True, capture_output=True)
        if not said.returncode:
            break
        time.sleep(1)
    true("status", not said.returncode, said.stdout + said.stderr)
    return said.stdout + said.stderr


def besiege(fleet, names, seconds, steps):
    eyes, logged = Eyes(fleet.broker.pid), os.path.getsize(f"{fleet.name}-broker.log")
    at = (fleet.control, fleet.bulk, fleet.board)
    ticket = ticket_key(fleet, f"t{len(fleet.all)}")
    parties = []
    for name in names:
        keys = [ticket if r == "ticket" else fleet.key(r, f"{r}-{name}") for r in ATTACKS[name]]
        out = open(f"{fleet.name}-attack-{name}.log", "ab")
        parties.append(subprocess.Popen([sys.executable, os.path.abspath(__file__), sys.argv[1], "--attack", name, str(seconds), *at, *keys],
                                        env=ENV, stdout=out, stderr=out))
    time.sleep(1)
    try:
        got, took = run(fleet, "besieged-" + "-".join(names)[:40], steps)
        shown = status(fleet)
        memory, descriptors = eyes.grown()
    finally:
        for p in parties:
            p.terminate()
        for p in parties:
            p.wait(10)
    true("the broker lives", fleet.broker.poll() is None, fleet.tails())
    true("what people see", not control_characters(shown), repr(control_characters(shown)) + shown)
    with open(f"{fleet.name}-broker.log", errors="replace", newline="") as f:
        f.seek(logged)
        log = f.read()
    true("its log", not control_characters(log))
    stats = fleet.snapshot(10000)
    refused = {r["reason"]: r["count"] for r in stats["refusal"]}
    print(f"{'+'.join(names)}: {took:.1f} s, +{memory} MB, +{descriptors} descriptors, {log.count(chr(10))} lines, bad {stats['bad_frames']}, refused {refused}",
          flush=True)
    for name in names:
        with open(f"{fleet.name}-attack-{name}.log") as f:
            print("  ", f.read().strip()[-300:])
    true(f"{log.count(chr(10))} lines of log", log.count("\n") < LINES_S * (took + 1), log[-2000:])
    true(f"memory: {memory} MB", memory < MEMORY_MB)
    true(f"descriptors: {descriptors}", descriptors < DESCRIPTORS)
    true("something was refused", stats["bad_frames"] or refused)
    return got


def main():
    if len(sys.argv) > 2 and sys.argv[2] == "--attack":
        return Attack(*sys.argv[3:])
    folder = tempfile.mkdtemp(prefix="drover-siege-")
    os.chdir(folder)
    words = sys.argv[2:]
    seconds = next((w[8:] for w in words if w.startswith("seconds=")), "240")
    steps = next((w[6:] for w in words if w.startswith("steps=")), "6")
    names = [w for w in words if "=" not in w]
    prepare_world()
    fleet = Fleet("siege")
    try:
        for name, role in (("worker-1", "actor"), ("worker-2", "actor"), ("scorer-1", "rewarder")):
            fleet.spawn(f"drover-{role}", f"--broker={fleet.control}", f"--key={fleet.key(role, name)}", f"--name={name}",
                        log=f"{fleet.name}-{name}")
        want, took = run(fleet, "peace", steps)
        print(f"peace: {took:.1f} s, {want[:16]}", flush=True)
        for party in [[n] for n in ATTACKS] if names == ["apart"] else [names or list(ATTACKS)]:
            got = besiege(fleet, party, seconds, steps)
            true(f"{party}: {got[:16]} and not {want[:16]}", got == want, fleet.tails())
    finally:
        fleet.close()
    shutil.rmtree(folder)


main()

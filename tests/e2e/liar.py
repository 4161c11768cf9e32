#!/usr/bin/env python3
"""An actor that lies: what it forges never gets into a run. The run ends in the hash that it has without the liar,
each false answer stands as REFUSED in the journal with who wrote it, in STATS and on the learner's terminal.

usage: liar.py BIN_FOLDER      needs python3 with zmq and msgpack; without them it ends with status 77 (skipped)"""
import hashlib, json, os, re, shutil, signal, struct, subprocess, sys, tempfile, threading, time

try:
    import msgpack, zmq
except ImportError:
    print("python3 has no zmq or msgpack: skipped")
    sys.exit(77)

sys.dont_write_bytecode = True
from fleet import free_ports

BIN, HERE = os.path.abspath(sys.argv[1]), os.path.dirname(os.path.abspath(__file__))
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")
HELLO, WHO, WELCOME, REFUSE, HB, LEASE, ROLLOUT, PUBLISH, DRAIN, REFUSED = 1, 2, 3, 4, 5, 8, 11, 18, 25, 29
RM = "reward_model_path=rm"
CONTEXT = zmq.Context()


def crc32c(data, table=[]):
    if not table:
        for i in range(256):
            for _ in range(8):
                i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
            table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def rollout_hash(tokens, logprobs, spans):
    h = hashlib.blake2b(digest_size=32)
    h.update(struct.pack(f"<I{len(tokens)}i{len(tokens)}fI", len(tokens), *tokens, *logprobs, len(spans)))
    for start, number, name in spans:
        h.update(struct.pack("<IQ", start, number) + name)
    h.update(struct.pack("<I", 0))  # no mask
    return h.digest()


def numbers(task, sample, version, most):
    """Of the right form: only the weights tell that it is not theirs."""
    return [5 + (task + sample + i) % 40 for i in range(most)], [-1.25] * most, 2, None


def short(task, sample, version, most):
    """Ends by its length, and has not got it."""
    return [5, 6, 7], [-1.25] * 3, 2, None


def worded(task, sample, version, most):
    """Tokens of one answer, text of another: what a scorer reads."""
    return [5 + i % 40 for i in range(most)], [-1.25] * most, 2, None, "qqqqqqqqqqqq"


def certain(task, sample, version, most):
    """Log-probabilities above 0."""
    return [5 + i % 40 for i in range(most)], [0.5] * most, 2, None


def named(task, sample, version, most):
    """Another hash than its bytes have."""
    return [5 + i % 40 for i in range(most)], [-1.25] * most, 2, bytes(32)


class Liar(threading.Thread):
    """Answers each lease at once with a forged answer. After each it comes back as somebody else."""
    def __init__(self, broker, forge, changes=True):
        super().__init__(daemon=True)
        self.broker, self.forge, self.changes, self.halt = broker, forge, changes, False
        self.sent, self.lives, self.told = 0, 0, 0

    def say(self, kind, fields, *columns, task=0, sample=0):
        body = [msgpack.packb(fields), *columns]
        head = [1, kind, self.of, self.epoch, task, sample, sum(map(len, body)), crc32c(b"".join(body))]
        self.socket.send_multipart([msgpack.packb(head), *body])

    def live(self):
        self.id, self.of, self.epoch, seen, welcome, last, sent = os.urandom(16), bytes(16), 0, 0, False, 0, self.sent
        self.lives, newest = self.lives + 1, b""
        self.socket = CONTEXT.socket(zmq.DEALER)
        self.socket.linger = 200
        self.socket.connect(self.broker)
        while not self.halt:
            if time.monotonic() - last > .2:
                last = time.monotonic()
                if welcome:
                    self.say(HB, {"progress": int(last * 1000), "credit": 64, "lease_seen": seen, "image": len(newest) // 40},
                             b"", b"", newest)  # it says that it has the weights: work goes to who has them
                else:
                    self.say(HELLO, {"peer": self.id, "incarnation": self.lives, "role": 2, "slots": 8, "major_min": 1,
                                     "major_max": 1, "name": f"liar-{self.lives}", "build": "none"})
            if not self.socket.poll(50):
                if self.sent > sent and self.changes:
                    break
                continue
            head, fields, *_ = self.socket.recv_multipart()
            head, fields = msgpack.unpackb(head), msgpack.unpackb(fields, strict_map_key=False)
            if head[1] == WELCOME:
                welcome, seen, self.of, self.epoch, last = True, 0, head[2], head[3], 0
            if head[1] in (WELCOME, HB, PUBLISH):
                version = fields["version" if head[1] == PUBLISH else "newest"]
                newest = struct.pack("<Q", version[0]) + version[1]
            if head[1] in (WHO, DRAIN):
                welcome, last = False, 0
            elif head[1] == REFUSE:
                break
            elif head[1] == REFUSED:
                self.told += 1
            elif head[1] == LEASE:
                self.of, self.epoch, seen = head[2], head[3], fields["lease"]
                for i in range(head[5], head[5] + fields["count"]):
                    self.answer(head[4], i, fields)
        self.socket.close()

    def answer(self, task, sample, lease):
        number, name = lease["task"]["version"]
        tokens, logprobs, end, hash_, *text = self.forge(task, sample, number, lease["task"]["decoding"]["max_new"])
        spans = [(0, number, name)]
        self.say(ROLLOUT, {"lease": lease["lease"], "rollout": {
            "hash": hash_ or rollout_hash(tokens, logprobs, spans), "end": end, "token": len(tokens), "mask": 0, "span": 1,
            "text": text[0] if text else ""}}, struct.pack(f"<{len(tokens)}i", *tokens), struct.pack(f"<{len(tokens)}f", *logprobs), b"",
            struct.pack("<IQ", 0, number) + name, task=task, sample=sample)
        self.sent += 1

    def run(self):
        while not self.halt:
            self.live()


class Fleet:
    def __init__(self, actors=1):
        self.control, bulk, self.board = (f"tcp://127.0.0.1:{port}" for port in free_ports(3))
        self.all = [spawn("drover-broker", f"--bind={self.control}", f"--bulk={bulk}", f"--dashboard={self.board}", log="broker")]
        time.sleep(.3)
        for i in range(actors):
            self.all.append(spawn("drover-actor", f"--broker={self.control}", f"--name=honest-{i}", log=f"actor{i}"))
        self.all.append(spawn("drover-rewarder", f"--broker={self.control}", log="rewarder"))
        self.stats = CONTEXT.socket(zmq.SUB)
        self.stats.linger = 0
        self.stats.subscribe(b"")
        self.stats.connect(self.board)

    def learner(self, name, *more):
        return spawn("drover-learner", "grpo", "model=world/model", "dataset=world/prompts.jsonl",
                     f"output_dir={name}", f"broker={self.control}", "num_generations=2", "per_device_train_batch_size=4",
                     "gradient_accumulation_steps=2", "num_iterations=2", "max_steps=8", "max_completion_length=12",
                     "learning_rate=1e-3", "beta=0", "temperature=1", "gradient_checkpointing=false", "eval_prompts=2",
                     "save_steps=2", *more, log=name)

    def snapshot(self):
        """The newest STATS that is here."""
        got = None
        while self.stats.poll(0 if got else 2500):
            got = msgpack.unpackb(self.stats.recv_multipart()[1], strict_map_key=False)
        return got

    def stop(self):
        for some in self.all[1:], self.all[:1]:  # the broker last: workers say BYE to it
            for one in some:
                one.terminate()
            for one in some:
                try:
                    one.wait(15)
                except subprocess.TimeoutExpired:
                    one.kill()
                    one.wait()
        self.stats.close()


def spawn(name, *words, log):
    with open(f"{log}.log", "ab") as out:
        return subprocess.Popen([f"{BIN}/{name}", *words], env=ENV, stdout=out, stderr=out, stdin=subprocess.DEVNULL)


def text(name):
    with open(f"{name}.log", errors="replace") as f:
        return f.read()


def fail(words, *logs):
    for log in logs:
        print(f"--- {log}\n{text(log)[-2500:]}")
    raise SystemExit(f"{words}; in {os.getcwd()}")


def hash_of(name):
    out = subprocess.run([f"{BIN}/drover", "inspect", f"{name}/model", "json=true"], env=ENV, check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)["hash"]


def refused(name):
    """(reason, address, name, words) of each REFUSED in the journal."""
    def words(p, at):
        n, = struct.unpack_from("<I", p, at)
        return p[at + 4:at + 4 + n].decode(), at + 4 + n
    try:
        with open(f"{name}/journal", "rb") as f:
            data, at, out = f.read(), 8, []
    except OSError:
        return []
    while len(data) - at >= 24:
        length, _, kind, _ = struct.unpack_from("<IQII", data, at + 4)
        payload, at = data[at + 24:at + 24 + length], at + 24 + length
        if kind == 7 and len(payload) == length:
            address, place = words(payload, 128)
            who, place = words(payload, place)
            _, place = words(payload, place)
            out.append((struct.unpack_from("<I", payload, 12)[0], address, who, words(payload, place)[0]))
    return out


def run(name, want, forge, *more, act=None, taken=False, actors=1, **how):
    """A run beside a liar, to its end."""
    fleet = Fleet(actors)
    liar = Liar(fleet.control, forge, **how)
    liar.start()
    time.sleep(.5)
    begin, snapshot = time.monotonic(), None
    learner = fleet.learner(name, *more)
    try:
        while learner.poll() is None:
            if time.monotonic() - begin > 90:
                fail(f"{name}: not done", name, "broker")
            if act:
                learner = act(fleet, learner, name, more) or learner
            while fleet.stats.poll(0):
                snapshot = msgpack.unpackb(fleet.stats.recv_multipart()[1], strict_map_key=False)
            time.sleep(.02)
        seconds = time.monotonic() - begin
        if learner.returncode:
            fail(f"{name}: exit status {learner.returncode}", name, "broker")
        snapshot = fleet.snapshot() or snapshot
    finally:
        liar.halt = True
        liar.join(5)
        learner.poll() is None and learner.kill()
        fleet.stop()
    got, found = hash_of(name), refused(name)
    print(f"{name}: {liar.sent} lies in {liar.lives} lives, {len(found)} refused, {seconds:.1f} s, {got[:16]}",
          flush=True)
    if got != want:
        fail(f"{name}: {got[:16]}, and {want[:16]} without the liar", name)
    if not liar.sent or not found:
        fail(f"{name}: {liar.sent} lies, {len(found)} refused", name, "broker")
    if any(address != "127.0.0.1" or not who.startswith("liar-") for _, address, who, _ in found):
        fail(f"{name}: who wrote it? {found}", name)
    if taken != any(reason == 2 for reason, *_ in found):
        fail(f"{name}: taken back {found}", name)
    if not re.search(r"refused: task \d+ sample \d.*by liar-\d+ at 127\.0\.0\.1, version none", text(name)):
        fail(f"{name}: no word of it on the terminal", name)
    if not snapshot or snapshot["found_false"] < 1 or snapshot["suspect"][0]["writer"]["address"] != "127.0.0.1":
        fail(f"{name}: STATS say {snapshot and snapshot.get('suspect')}", name)
    if subprocess.run([sys.executable, f"{HERE}/../../examples/journal.py", f"{name}/journal"], stdout=subprocess.DEVNULL).returncode:
        fail(f"{name}: the journal does not add up", name)


def restored(want):
    """A folder restored from a copy, on the same broker: it goes on above what that has seen. After a run that was
    over as its learner began, the next one need not wait."""
    fleet = Fleet()
    try:
        learner = fleet.learner("copied", RM)
        begin = time.monotonic()
        while not os.path.exists("copied/checkpoints/step-0000000002.ckpt"):
            if learner.poll() is not None or time.monotonic() - begin > 60:
                fail("copied: no checkpoint", "copied")
            time.sleep(.005)
        learner.kill()
        learner.wait()
        shutil.copytree("copied", "copy")
        for turn in ("resumed", "restored", "restored again"):
            if turn != "resumed":
                shutil.rmtree("copied")
                shutil.copytree("copy", "copied")
            begin = time.monotonic()
            if fleet.learner("copied", RM).wait(60) or hash_of("copied") != want:
                fail(f"copied: {turn}", "copied", "broker")
            print(f"{turn}: {time.monotonic() - begin:.1f} s", flush=True)
        if "goes on as start" not in text("copied"):
            fail("copied: not a word about the copy", "copied")
        with open("copied/metrics.jsonl") as f:
            lines = [line for line in f if '"after"' not in line]
        with open("copied/metrics.jsonl", "w") as f:  # as if the learner had died before it wrote that line
            f.writelines(lines)
        os.remove("copied/run.json")
        if fleet.learner("copied", RM).wait(60) or '"after"' not in open("copied/metrics.jsonl").read():
            fail("copied: the last evaluation has no line", "copied")
        begin = time.monotonic()
        if fleet.learner("next", RM).wait(60):
            fail("next", "next", "broker")
        if time.monotonic() - begin > 25:
            fail("next: the broker kept a place for a run that was over", "next", "broker")
    finally:
        fleet.stop()


def killer(fleet, learner, name, more, done=[]):
    """Kills the learner twice, about when something was refused; the same command goes on."""
    if len(done) < 2 and len(refused(name)) > len(done):
        done.append(len(refused(name)))
        learner.kill()
        learner.wait()
        return fleet.learner(name, *more)


def main():
    folder = tempfile.mkdtemp(prefix="drover-liar-")
    os.chdir(folder)
    subprocess.run([f"{BIN}/drover", "world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=8",
                    "pairs=8", "train=48", "heldout=8"], env=ENV, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([f"{BIN}/drover", "reward", "model=world/model", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=2",
                    "per_device_train_batch_size=4", "gradient_checkpointing=false"], env=ENV, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open("rule.yaml", "w") as f:
        f.write('rewards: [{name: place, rule: regex, pattern: "[qxz]"}]\n')
    want = {}
    fleet = Fleet()
    try:
        for name, *more in (["none", RM], ["lag", RM, "overlap.lag=1"], ["rule", "rule.yaml"]):
            if fleet.learner(f"plain-{name}", *more).wait(60):
                fail(f"plain-{name}", f"plain-{name}")
            want[name] = hash_of(f"plain-{name}")
    finally:
        fleet.stop()
    print("without:", {name: hash_[:16] for name, hash_ in want.items()}, flush=True)
    run("numbers", want["none"], numbers, RM, taken=True)
    run("killed", want["none"], numbers, RM, act=killer, taken=True)
    run("alone", want["none"], numbers, RM, taken=True, actors=0)  # the learner has an actor of its own
    run("short", want["none"], short, RM, changes=False)
    run("worded", want["rule"], worded, "rule.yaml")
    run("certain", want["lag"], certain, RM, "overlap.lag=1")
    run("named", want["lag"], named, RM, "overlap.lag=1")
    restored(want["none"])
    shutil.rmtree(folder)


main()

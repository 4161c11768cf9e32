"""A fleet of drover on the hosts of net.py: its processes, their keys, a model of a given size, and what a run says of itself.

    fleet = Fleet(net, "build/release/bin", "folder")
    fleet.broker(head); fleet.rewarder(head); fleet.actor(a); fleet.learner(train, "grpo", *keys)
    while fleet.tend(): ...          # starts again what died, says when the learner is done
    fleet.iterations(), fleet.hash(), fleet.account(), fleet.stats()

Any build's programs can be given, so two builds are measured by the same script. STATS wants a python3 with zmq and msgpack
(it runs in the head's namespace, as `python3 fleet.py watch`); without one stats() is {}."""
import collections, json, os, shutil, signal, struct, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
JOURNAL = os.path.join(HERE, "..", "..", "examples", "journal.py")
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")
Sample = collections.namedtuple("Sample", "task sample attempts tokens spans writer")  # how many tokens; (start, version); name
START, SAMPLE, _, STEP, ATTEMPT, END, REFUSED, HALT = range(1, 9)


def tool(folder, *words, cwd=None, limit=300):
    done = subprocess.run([os.path.join(folder, words[0]), *words[1:]], cwd=cwd, env=ENV, text=True, timeout=limit,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"FAILED: {' '.join(words)}\n{done.stdout[-2000:]}")
    return done.stdout


def make_model(folder, where, megabytes=2, prompts=400, context=4096):
    """A world of the demo whose model, of random weights in a real folder, has an image of about so many MB (10^6 bytes).
    Its width is a multiple of 64 with heads of 64; the context is raised in its card (positions are rotations, not weights)."""
    width = min((64 * w for w in range(1, 33)), key=lambda w: abs(12 * w * w * 4 * 5 / 1e6 - megabytes))
    layer = (4 * width * width + 3 * width * 3 * width + 2 * width) * 4 / 1e6
    layers = max(1, round((megabytes - 704 * width * 4 / 1e6) / layer))
    shutil.rmtree(where, ignore_errors=True)
    tool(folder, "drover", "world", "make", f"dir={where}", f"layers={layers}", f"width={width}", f"heads={width // 64}",
         "demonstrations=20", "pairs=10", f"train={prompts}", "heldout=8")
    with open(f"{where}/model/config.json", encoding="utf-8") as f:
        card = json.load(f)
    card["max_position_embeddings"] = context
    with open(f"{where}/model/config.json", "w", encoding="utf-8") as f:
        json.dump(card, f, indent=2)
    return os.path.getsize(f"{where}/model/model.safetensors")


def records(path, at=8):
    """(type, payload, where the next begins) of each whole record of a journal from byte `at`."""
    try:
        with open(path, "rb") as f:
            f.seek(at)
            data = f.read()
    except OSError:
        return
    i = 0
    while len(data) - i >= 24 and data[i:i + 4] == b"JREC":
        length, _, kind, _ = struct.unpack_from("<IQII", data, i + 4)
        if len(data) - i < 24 + length:
            return
        i += 24 + length
        yield kind, data[i - length:i], at + i


def sample_of(p):
    task, sample, attempts = struct.unpack_from("<QII", p)
    n, = struct.unpack_from("<I", p, 52)
    at = 56 + 9 * n  # tokens, as many log-probabilities and bytes of the mask
    m, = struct.unpack_from("<I", p, at)
    spans = [struct.unpack_from("<IQ", p, at + 4 + 44 * i) for i in range(m)]
    at += 4 + 44 * m
    scores, = struct.unpack_from("<I", p, at)
    at += 4
    for _ in range(scores):  # scorer's hash, its values
        values, = struct.unpack_from("<I", p, at + 32)
        at += 36 + 4 * values
    at += 48  # peer id and key; then address, name, build
    for _ in range(2):
        size, = struct.unpack_from("<I", p, at)
        text, at = p[at + 4:at + 4 + size].decode(errors="replace"), at + 4 + size
    return Sample(task, sample, attempts, n, spans, text)


class Watch:
    """The newest STATS of a broker, read by a process of the same host, so that the way is the operator's."""

    def __init__(self, host, address, key):
        self.last, self.at = {}, 0
        words = [sys.executable, os.path.abspath(__file__), "watch", address, *([key] if key else [])]
        self.popen = subprocess.Popen(["nsenter", f"--net=/run/netns/{host.space}", *words], stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.popen.stdout:
            if line.endswith("\n"):  # else it was closed in the middle of one
                self.last, self.at = json.loads(line), time.monotonic()

    def close(self):
        self.popen.kill()
        self.popen.wait()
        self.thread.join(2)


def watch(address, key=None):
    import re, msgpack, zmq
    socket = zmq.Context().socket(zmq.SUB)
    socket.ipv6 = 1
    if key:
        with open(key, encoding="utf-8") as f:
            found = dict(re.findall(r'(\w+)-key = "(.{40})"', f.read()))
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = (
            found[k].encode() for k in ("server", "public", "secret"))
    socket.subscribe(b"")
    socket.connect(address)
    while True:
        print(json.dumps(msgpack.unpackb(socket.recv_multipart()[1]), default=lambda b: b.hex()), flush=True)


class Fleet:
    """Processes of one fleet. `keep`: tend() starts them again when they die, after `backoff` seconds. Each is started by
    the words `under` and in the environment `env`, and has `patience` seconds to come to its end."""

    def __init__(self, net, folder, where, backoff=.4, under=(), env=None, patience=10):
        self.net, self.bin, self.where, self.backoff = net, os.path.abspath(folder), os.path.abspath(where), backoff
        self.under, self.env, self.patience = list(under), dict(ENV, **(env or {})), patience
        shutil.rmtree(self.where, ignore_errors=True)
        os.makedirs(self.where)
        self.kept, self.due, self.roles, self.count = [], {}, {}, collections.Counter()
        self.head = self.run = self.method = self.trainer = self.watcher = None
        self.roles_have_keys = "role=" in tool(self.bin, "drover", "keys", "--help")  # else one shared secret: programs of before
        self.keys = os.path.join(self.where, "keys" if self.roles_have_keys else "fleet.key")
        tool(self.bin, "drover", "keys", "new", self.keys)

    def __enter__(self):
        return self

    def __exit__(self, wrong, *_):
        late = []
        if self.watcher:
            self.watcher.close()
        for role in ("learner", "actor", "rewarder", "broker"):  # who drains needs the broker
            for p in self.processes(role):
                p.signal(signal.SIGCONT)
                p.signal(signal.SIGTERM)
            for p in self.processes(role):
                if p.died is None and p.end(self.patience) == -signal.SIGKILL:
                    late.append(f"{p.role} on {p.host.name}")
        words = f"not at their end within {self.patience} s, so killed: {late}; {self.where}"
        if late and self.under and not wrong:
            raise SystemExit(f"FAILED: {words}")
        if late:
            print(words, flush=True)

    def key(self, role):
        """A new key file of that role."""
        if not self.roles_have_keys:
            return self.keys
        self.count[role, "key"] += 1
        name = f"{role}-{self.count[role, 'key']}"
        path = os.path.join(self.where, f"{name}.key")
        tool(self.bin, "drover", "keys", "add", self.keys, name, f"role={role}", f"file={path}")
        return path

    def processes(self, role=None):
        return [p for r in self.roles for p in self.roles[r] if role in (None, r)]

    def start(self, role, host, words, env=None):
        self.count[role] += 1
        log = os.path.join(self.where, f"{role}-{self.count[role]}.log")
        process = host.start([*self.under, os.path.join(self.bin, f"drover-{role}"), *words], log, dict(self.env, **(env or {})))
        process.role = role
        self.roles.setdefault(role, []).append(process)
        self.kept.append(process)
        return process

    def broker(self, host, *words):
        self.head = host
        process = self.start("broker", host, ["--bind", "tcp://0.0.0.0:5555", "--keys" if self.roles_have_keys else "--key", self.keys,
                                               *words])
        self.wait(lambda: "event=ready" in self.said(process), self.patience, "the broker listens")
        return process

    def member(self, role, host, words, env=None, address=None):
        address = address or f"tcp://{self.head.ip4}:5555"
        return self.start(role, host, ["--broker", address, "--key", self.key(role), *words], env)

    def actor(self, host, *words, **more):
        return self.member("actor", host, ["--name", f"{host.name}-{len(self.processes('actor'))}", *words], **more)

    def rewarder(self, host, *words, **more):
        return self.member("rewarder", host, words, **more)

    def learner(self, host, method, *words, env=None):
        self.method, self.run = method, os.path.join(self.where, "run")
        self.trainer = self.start("learner", host, [method, *words, f"output_dir={self.run}", "broker_wait=120",
                                                    f"broker=tcp://{self.head.ip4}:5555", f"broker_key={self.key('learner')}"], env)
        return self.trainer

    def said(self, process):
        with open(process.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait(self, so, seconds, what):
        until = time.monotonic() + seconds
        while not so():
            if time.monotonic() > until:
                raise SystemExit(f"FAILED: not within {seconds} s: {what}; {self.where}\n" + self.tails())
            time.sleep(.05)

    def tails(self):
        return "".join(f"--- {p.role} on {p.host.name}, {p.died}: {self.said(p)[-700:]}\n" for p in self.processes()
                       if p.died not in (None, 0) or p.role in ("learner", "broker"))

    def able(self):
        """Whom a test may harm now: who runs, and is not in trouble already."""
        return [p for p in self.kept if p.died is None and not p.stopped and p.host.up]

    def broker_log(self):
        return self.processes("broker")[0].log

    def again(self, process):
        """Is its end one after which it is started again? A worker that ends by itself with an error is a fault."""
        return process.died <= 0 or process.died == 143

    def tend(self):
        """Starts again who died. False when the learner is done; whoever else ends by itself with an error is an error, too."""
        if self.trainer and self.trainer.died == 0:
            return False
        now = time.monotonic()
        for p in self.kept:
            if p.died is None:
                continue
            if not self.again(p):
                raise SystemExit(f"FAILED: {p.role} on {p.host.name} ended with {p.died}; {self.where}\n" + self.tails())
            if now >= self.due.setdefault(p, now + self.backoff):
                del self.due[p]
                p.again()
        return True

    def finish(self, limit, each=None, pace=.1):
        """Tends it to its end; `each(now)` is called at every turn. Seconds that it took."""
        begin = time.monotonic()
        while self.tend():
            if time.monotonic() - begin > limit:
                raise SystemExit(f"FAILED: not done after {limit} s; {self.where}\n" + self.tails())
            if each:
                each(time.monotonic() - begin)
            time.sleep(pace)
        return time.monotonic() - begin

    def stats(self):
        if not self.watcher:
            self.watcher = Watch(self.head, "tcp://127.0.0.1:5560", self.key("watcher"))
        return self.watcher.last

    def iterations(self):
        """The lines of metrics.jsonl that are iterations."""
        try:
            with open(f"{self.run}/metrics.jsonl", encoding="utf-8") as f:
                return [r for r in map(json.loads, filter(lambda line: line.endswith("\n"), f)) if "drover_train_seconds" in r]
        except OSError:
            return []

    @staticmethod
    def hash_of(folder, run, *words):
        said = tool(folder, "drover", "inspect", f"{run}/model", "json=true", *words)
        return json.loads(said[said.index("{"):said.rindex("}") + 1])["hash"]  # words for people may stand around it

    def hash(self, *words):
        return self.hash_of(self.bin, self.run, *words)

    def samples(self):
        return [sample_of(p) for kind, p, _ in records(f"{self.run}/journal") if kind == SAMPLE]

    def account(self):
        """The journal counted again from its bytes: raises when a sample is lost or trained twice."""
        done = subprocess.run([sys.executable, JOURNAL, f"{self.run}/journal"], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            raise SystemExit(f"FAILED: the journal does not add up\n{done.stdout[-2000:]}")
        return done.stdout


if __name__ == "__main__":
    if sys.argv[1:2] == ["watch"]:
        watch(*sys.argv[2:])

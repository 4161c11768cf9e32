#!/usr/bin/env python3
"""The real actor, rewarder and learner, built with sanitizers, behind a broker that lies.

An honest broker of the same build serves them through this program, which hears all that it says, control and bulk,
passes it on, and between says what it remembers again: to another peer, later, in another order, and mostly twisted
(twist.py). So the liar knows real leases, tickets, answers and hashes. What the members say goes on to the broker.

A process that ends, unless by words that a broker may rightly cause; a sanitizer's report; memory above a bound;
silence of a process that runs: each is a finding, printed with the process's last lines. Then it is started again.
The twists follow from DROVER_FUZZ_SEED (1); what they meet does not.

Some actors get leases without end instead, credit or not: they must go on, and end when told to.

usage: hostile.py BIN_FOLDER [flood]       flood: each actor is such a one.
For DROVER_FUZZ_SECONDS (3), once all are there; status 77 without zmq and msgpack"""
import collections, os, random, re, shutil, signal, socket, subprocess, sys, tempfile, time

try:
    import msgpack, zmq
except ImportError:
    print("python3 has no zmq or msgpack: skipped")
    sys.exit(77)

sys.dont_write_bytecode = True
from twist import KIND, NAMES, crc32c, seeds, twist

BIN, FLOOD = os.path.abspath(sys.argv[1]), sys.argv[2:] == ["flood"]
SECONDS, SEED = float(os.environ.get("DROVER_FUZZ_SECONDS", "3")), os.environ.get("DROVER_FUZZ_SEED", "1")
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1",
           ASAN_OPTIONS="handle_abort=1:quarantine_size_mb=16:max_allocation_size_mb=4096",
           LSAN_OPTIONS="print_suppressions=0:suppressions=leaks",  # ends with its children, or amid a message
           UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
LIFE, SILENT, END, RSS_MB = 20, 40, 12 if FLOOD else 30, 1500  # seconds of a process, without a word, to its end; bound of memory
ROLES = {1: "learner", 2: "actor", 3: "rewarder"}
RIGHTLY = ("the broker refuses this", "a later start of this run is served", "cannot be answered:", "is a broker's bulk port")
ENDS = [KIND[name] for name in ("REFUSE", "DRAIN", "BYE_OK", "DROPPED", "WHO")]  # said seldom: else nothing else is met
TURNS = 3
METHODS = (  # a learner's: a critic and a reference; groups, a rule, free versions; pairs
    ("ppo", "reward_model_path=rm/model", "total_episodes=100000", "num_mini_batches=1", "num_ppo_epochs=1", "kl_coef=0.05",
     "overlap.lag=1"),
    ("grpo", "rewards=[{model: rm/model}, {name: short, rule: length, min: 1, max: 4}]", "num_generations=4", "max_steps=10000",
     "beta=0.04", "overlap.free=2", "importance=token_truncate"),
    ("online-dpo", "reward_model_path=rm/model", "max_steps=10000"))
LARGE = 8192  # bytes whose checksum is worth its time only now and then
CONTEXT = zmq.Context()
COUNT, ENDED = collections.Counter(), collections.Counter()


class Process:
    """One process and its lives."""

    def __init__(self, name, *words):
        self.name, self.words, self.lives, self.findings = name, words, 0, 0
        self.process = None

    def start(self, now):
        self.lives += 1
        self.random = random.Random(f"{SEED}/{self.name}/{self.lives}")
        self.gentle, self.flood = self.random.random() < .7, self.random.random() < .1 or FLOOD
        self.born = self.heard = now
        self.said_end, self.told, self.ending = False, collections.deque(maxlen=12), 0
        self.life = 6 if FLOOD else LIFE * (.5 + self.random.random())
        self.log = open(f"{self.name}.log", "w+")
        turn = (self.lives - 1) // TURNS  # so many lives of a learner go on with one run
        words = [w.replace("OUT", f"run{turn}") for w in self.words]
        if self.name == "learner":
            words[1:1] = METHODS[turn % len(METHODS)]
        self.process = subprocess.Popen([os.path.join(BIN, words[0]), *words[1:]], env=ENV, stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, start_new_session=True)

    def text(self):
        with open(f"{self.name}.log", errors="replace") as f:
            return f.read()

    def finding(self, what):
        self.findings += 1
        text = self.text()
        at = max(re.search("ERROR: |runtime error|$", text).start() - 200, 0)
        shown = text[at:at + 5000] if at + 200 < len(text) else text[-3000:]
        told = "\n".join(repr(m)[:600] for m in self.told)
        print(f"FINDING {self.name} life {self.lives}: {what}\nlast told:\n{told}\n{shown}\n----", flush=True)

    def look(self, now):
        """Judges an end, silence and memory; starts the next life."""
        status = self.process.poll()
        if status is not None:
            text = self.text()
            if "Sanitizer" in text or "runtime error" in text:
                self.finding("a sanitizer's report")
            elif status < 0 and not self.ending or status and not any(words in text for words in RIGHTLY):
                if not (self.ending and status == -signal.SIGKILL):
                    self.finding(f"ended with status {status}")
            elif not status and not self.said_end and not self.ending and self.name != "learner":
                self.finding("ended of itself")
            last = re.findall(r'"([^"]{5,60})|drover-\w+: (.{5,60})', text)[-1:]
            ENDED[self.name, status, "told" if self.ending else str(last)[:70]] += 1
            self.stop()
            self.start(now)
        elif self.ending:
            if now > self.ending + END:
                self.process.send_signal(signal.SIGABRT)  # the sanitizer then says where it is
                self.process.wait()
                self.finding(f"did not end within {END} s of being told to")
                self.stop()
                self.start(now)
        elif now - self.heard > SILENT:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            self.finding(f"said nothing for {SILENT} s")
            self.stop()
            self.start(now)
        elif self.rss() > RSS_MB:
            self.finding(f"holds {self.rss()} MB")
            self.stop()
            self.start(now)
        elif now - self.born > self.life:
            self.ending = now
            self.process.terminate()

    def rss(self):
        try:
            with open(f"/proc/{self.process.pid}/statm") as f:
                return int(f.read().split()[1]) * 4096 >> 20
        except (OSError, IndexError):
            return 0

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()


class Connection:
    """A member's, and ours to the broker for it."""

    def __init__(self, liar, route, bulk):
        self.route, self.bulk, self.role, self.process, self.run, self.epoch = route, bulk, None, None, bytes(16), 0
        self.socket = CONTEXT.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(liar.broker[bulk])


class Liar:
    def __init__(self):
        ports = free_ports(5)
        at = [f"tcp://127.0.0.1:{p}" for p in ports]
        self.broker, self.front, self.all, self.poller = at[:2], at[3:], {}, zmq.Poller()
        self.router = []
        for endpoint in self.front:
            router = CONTEXT.socket(zmq.ROUTER)
            router.linger, router.sndhwm, router.router_mandatory = 0, 200, 1
            router.bind(endpoint)
            self.router.append(router)
            self.poller.register(router, zmq.POLLIN)
        self.known = collections.defaultdict(lambda: collections.deque(maxlen=40))  # (bulk, role, kind)
        self.seeds = seeds()
        here = f"--broker={self.front[0]}"
        serve = Process("broker", "drover-broker", f"--bind={at[0]}", f"--bulk={at[1]}", f"--dashboard={at[2]}")
        learner = ("drover-learner", "model=world/model", "dataset=world/prompts.jsonl", "output_dir=OUT",
                   "per_device_train_batch_size=4", "response_length=12", "gradient_checkpointing=false", "eval_prompts=0",
                   "save_steps=5", f"broker={self.front[0]}")
        self.server = serve
        self.processes = [Process("learner", *learner)]
        self.processes += [Process(f"actor{i}", "drover-actor", here, f"--name=actor{i}", "--slots=4") for i in (1, 2)]
        self.processes += [Process("rewarder1", "drover-rewarder", here, "--name=rewarder1")]
        self.named = {p.name: p for p in self.processes}
        self.sent = 0

    # ---- honest

    def from_member(self, bulk, now):
        route, *parts = self.router[bulk].recv_multipart()
        c = self.all.get((bulk, route))
        if not c:
            c = self.all[bulk, route] = Connection(self, route, bulk)
            self.poller.register(c.socket, zmq.POLLIN)
            self.by_socket[c.socket] = c
        head = msgpack.unpackb(parts[0])
        if head[1] == KIND["HELLO"]:
            fields = msgpack.unpackb(parts[1])
            c.role = fields["role"]
            c.process = self.named.get(fields.get("name")) or (self.named["learner"] if c.role == 1 else None)
            c.born = c.process and c.process.lives
        if c.process and c.born == c.process.lives and not bulk:
            c.process.heard = now
        COUNT["heard", NAMES[head[1]]] += 1
        try:
            c.socket.send_multipart(parts, zmq.NOBLOCK)
        except zmq.Again:
            COUNT["lost", "to the broker"] += 1

    def from_broker(self, c):
        parts = c.socket.recv_multipart()
        head, fields = msgpack.unpackb(parts[0]), msgpack.unpackb(parts[1], strict_map_key=False) if len(parts) > 1 else {}
        kind, c.run, c.epoch = head[1], head[2], head[3]
        if kind == KIND["WELCOME"] and not c.bulk:
            fields["bulk"] = self.front[1]
            parts = pack((kind, head[4], head[5], fields, parts[2:]), c)
        self.known[c.bulk, c.role, kind].append((kind, head[4], head[5], fields, parts[2:]))
        rng = c.process.random if c.process else random
        if rng.random() > .02:  # else it is lost
            self.put(c, parts)

    # ---- not honest

    def put(self, c, parts):
        try:
            self.router[c.bulk].send_multipart([c.route, *parts], zmq.NOBLOCK)
            return True
        except zmq.Again:
            return False
        except zmq.ZMQError:  # gone
            if self.all.pop((c.bulk, c.route), None):
                self.poller.unregister(c.socket)
                self.by_socket.pop(c.socket)
                c.socket.close()
            return False

    def lie(self, c):
        p = c.process
        rng = p.random
        own = [k for k in self.known if k[0] == c.bulk and (k[1] == c.role or rng.random() < .1)]
        if not own or rng.random() < .15:
            message = rng.choice(self.seeds)
        else:
            message = rng.choice(self.known[rng.choice(own)])
        kind = message[0]
        if kind in ENDS and rng.random() > .003:
            return
        if kind == KIND["WELCOME"] and not c.bulk and not message[3].get("bulk") and rng.random() > .01:
            return  # a bulk port's: who hears it where he dialled a control port ends
        if sum(map(len, message[4])) > LARGE and rng.random() > .03:
            return
        if kind == KIND["WELCOME"] and rng.random() > .3:
            return  # each begins much again
        twisted = rng.random() < .8
        if twisted:
            message = twist(rng, message, p.gentle)
        elif p.gentle and kind == KIND["WELCOME"]:
            return
        if message[3].get("bulk") and not twisted:
            message = (*message[:3], {**message[3], "bulk": self.front[1]}, message[4])
        try:
            parts = pack(message, c, rng if rng.random() < .02 else None)
        except (OverflowError, ValueError, UnicodeEncodeError, TypeError):
            return
        if self.put(c, parts):
            p.told.append(message)
            p.said_end |= kind in ENDS
            self.sent += 1
            COUNT[ROLES[c.role] + (" bulk" if c.bulk else ""), NAMES[kind]] += 1

    def flood(self, c, leases):
        """The largest lease of all, of one task after another."""
        kind, _, _, fields, columns = max(leases, key=lambda m: len(m[4][0]))
        task = {**fields["task"], "samples": 1024}
        parts = pack((kind, 0, 0, {**fields, "count": 1024, "task": task}, columns), c)
        head = msgpack.unpackb(parts[0])
        for _ in range(50):
            head[4] = c.process.random.randrange(1 << 40)
            if not self.put(c, [msgpack.packb(head), *parts[1:]]):
                break
            self.sent += 1
            COUNT["actor", "LEASE"] += 1

    def round(self, now):
        for socket_, _ in self.poller.poll(2):
            for _ in range(50):
                if socket_.closed or not socket_.poll(0):
                    break
                if socket_ in self.router:
                    self.from_member(self.router.index(socket_), now)
                else:
                    self.from_broker(self.by_socket[socket_])
        for c in list(self.all.values()):
            if c.process and c.role in ROLES and c.born == c.process.lives and now - c.process.born > 1.5 and not c.process.ending:
                leases = self.known.get((0, 2, KIND["LEASE"])) if c.role == 2 and not c.bulk and c.process.flood else ()
                if leases:
                    self.flood(c, leases)
                for _ in range(0 if leases else 4):
                    self.lie(c)

    def run(self):
        self.by_socket = {}
        begin = time.monotonic()
        self.server.start(begin)
        for p in self.processes:
            p.start(begin)
        looked, begin = begin, None
        try:
            while True:
                now = time.monotonic()
                self.round(now)
                if begin is None and self.sent:
                    begin = now
                if begin and now - begin > SECONDS:
                    break
                if now - looked > .5:
                    looked = now
                    for p in self.processes:
                        p.look(now)
                    if self.server.process.poll() is not None:
                        self.server.finding("the broker ended")
                        self.server.start(now)
        finally:
            for p in [*self.processes, self.server]:
                if p.process:
                    p.stop()
        self.report(time.monotonic() - begin)
        return sum(p.findings for p in [*self.processes, self.server])

    def report(self, seconds):
        for who in sorted({who for who, _ in COUNT}):
            print(who + ":", " ".join(f"{name} {n}" for (w, name), n in sorted(COUNT.items()) if w == who))
        for key, n in sorted(ENDED.items(), key=str):
            print("ended:", n, *key)
        lives = " ".join(f"{p.name} {p.lives}" for p in self.processes)
        print(f"{self.sent} messages in {seconds:.0f} s, {self.sent / seconds:.0f} a second; lives: {lives}; "
              f"findings: {sum(p.findings for p in [*self.processes, self.server])}")


def pack(message, c, spoil=None):
    kind, task, sample, fields, columns = message
    body = [msgpack.packb(fields), *columns]
    if spoil and body[0]:
        at = spoil.randrange(len(body[0]))
        body[0] = body[0][:at] + bytes([spoil.randrange(256)]) + body[0][at + 1:]
    head = [1, kind, c.run, c.epoch, task, sample, sum(map(len, body)), crc32c(body)]
    return [msgpack.packb(head), *body]


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def prepare():
    def tool(*words):
        subprocess.run([os.path.join(BIN, "drover"), *words], env=ENV, check=True, stdout=subprocess.DEVNULL)
    tool("world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=20", "pairs=10", "train=64", "heldout=4")
    tool("reward", "model=world/model", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=1",
         "per_device_train_batch_size=4", "gradient_checkpointing=false")


def main():
    folder = tempfile.mkdtemp(prefix="drover-hostile-")
    os.chdir(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with open("leaks", "w") as f:
        f.write("leak:child_start\nleak:libzmq\n")
    try:
        prepare()
        findings = Liar().run()
    finally:
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if findings else 0)


main()

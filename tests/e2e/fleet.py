"""Runs of a small configuration on real processes, for the tests here. Standard library only.

Supervised: `drover ppo` and its children. Standing: a broker, workers and a learner of their own,
each connection through a proxy. Both call `act(run, now)` while they run; it may kill, cut, stop."""
import json, os, random, shutil, signal, socket, struct, subprocess, sys, time

ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")
HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.abspath(sys.argv[1])
SEED = int(os.environ.get("DROVER_E2E_SEED", "1"))
SIZES = {"short": 12, "long": 60, "halt": 12}  # iterations of 16 answers
COMPUTE = os.environ.get("DROVER_E2E_COMPUTE", "float32")
GENERATION = os.environ.get("DROVER_E2E_GENERATION")  # what answers are written in, where that is another
MORE = {"halt": ['stop_if={episode: "> 40"}']}  # which is so after the third


def program(name):
    return os.path.join(BIN, name)


def tool(*words, **more):
    return subprocess.run([program(words[0]), *words[1:]], env=ENV, check=True, text=True,
                          stdout=subprocess.PIPE, **more).stdout


def new_keys(folder):
    """A keys folder of its own, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    tool("drover", "keys", "new", folder)
    return os.path.abspath(folder)


def new_key(folder, role, name):
    """The file of one worker's key; the same one when it is asked for again."""
    path = os.path.join(folder, f"{name}.key")
    if not os.path.exists(path):
        tool("drover", "keys", "add", folder, name, f"role={role}")
    return path


def prepare():
    tool("drover", "world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=400",
         "pairs=300", "train=96", "heldout=8")
    quick = ["per_device_train_batch_size=32", "gradient_checkpointing=false", "logging_steps=50"]
    tool("drover", "sft", "model=world/model", "dataset=world/sft.jsonl", "output_dir=sft", "max_steps=60",
         "learning_rate=3e-3", *quick)
    tool("drover", "reward", "model=sft", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=15",
         "learning_rate=5e-4", *quick)


def arguments(name, size, lag, extra=()):
    overlap = "overlap=none" if lag == "none" else f"overlap.lag={lag}"
    return ["ppo", "model=sft", "reward_model_path=rm", "dataset=world/prompts.jsonl", f"output_dir={name}",
            f"total_episodes={16 * SIZES[size]}", "per_device_train_batch_size=8",
            "gradient_accumulation_steps=2", "num_ppo_epochs=2", "num_mini_batches=2", "response_length=40",
            "temperature=1", "learning_rate=1e-3", "kl_coef=0.05", "missing_eos_penalty=1",
            "gradient_checkpointing=false", "eval_prompts=4", "save_steps=3", overlap, f"compute={COMPUTE}",
            *([f"generation={GENERATION}"] if GENERATION else []), *MORE.get(size, []), *extra]


def hash_of(name):
    return json.loads(tool("drover", "inspect", f"{name}/model", "json=true"))["hash"]


def accounting(run):
    """Ids 0..N-1 once each, counted from the journal's bytes; nothing piles up in the folder."""
    script = os.path.join(HERE, "..", "..", "examples", "journal.py")
    if subprocess.run([sys.executable, script, f"{run.name}/journal"], stdout=run.log, stderr=run.log).returncode:
        run.fail("the journal does not add up")
    images, checkpoints = run.folder.files("images"), run.folder.files("checkpoints")
    if len(images) > 2 * (0 if run.lag == "none" else int(run.lag)) or len(checkpoints) > 2:
        run.fail(f"left behind: {sorted(images)} {sorted(checkpoints)}")


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            pids = [int(p) for p in f.read().split()]
    except OSError:
        return {}
    found = {}
    for p in pids:
        try:
            with open(f"/proc/{p}/cmdline", "rb") as f:
                role = os.path.basename(f.read().split(b"\0")[0].decode()).replace("drover-", "")
        except OSError:
            continue
        found.setdefault(role, []).append(p)
    return found


class Folder:
    """What a run's output folder says while somebody else writes it."""
    START, SAMPLE, DROPPED, STEP, ATTEMPT, END, REFUSED, HALT = range(1, 9)

    def __init__(self, name):
        self.name, self.at, self.count = name, 8, {}

    def records(self, kind):
        try:
            with open(f"{self.name}/journal", "rb") as f:
                f.seek(self.at)
                data = f.read()
        except OSError:
            data = b""
        while len(data) >= 24 and data[:4] == b"JREC":
            length, _, found, _ = struct.unpack_from("<IQII", data, 4)
            if len(data) < 24 + length:
                break
            self.count[found] = self.count.get(found, 0) + 1
            self.at, data = self.at + 24 + length, data[24 + length:]
        return self.count.get(kind, 0)

    def files(self, folder):
        try:
            return set(os.listdir(f"{self.name}/{folder}"))
        except OSError:
            return set()

    def has(self, path):
        return os.path.exists(f"{self.name}/{path}")


class Run:
    """One run to its end. Raises SystemExit, with the end of the log, when it does not get there."""
    ENV = ENV

    def __init__(self, name, act=None, size="short", lag="none", extra=(), limit=400, pace=.1, last=None, **more):
        shutil.rmtree(name, ignore_errors=True)
        self.name, self.size, self.lag, self.extra = name, size, lag, extra
        self.log, self.done = open(f"{name}.log", "w+"), {}
        self.random, self.folder = random.Random(f"{SEED}/{name}"), Folder(name)
        self.process = None
        begin = time.monotonic()
        try:
            self.start(**more)
            while not self.over():
                time.sleep(pace)
                if time.monotonic() - begin > limit:
                    self.fail(f"not done after {limit} s")
                if act:
                    act(self, time.monotonic() - begin)
            self.check()
            if last:
                last(self)
        finally:
            self.stop()
            self.log.flush()

    def start(self, **more):
        self.process = self.spawn("drover", *arguments(self.name, self.size, self.lag, self.extra))

    def spawn(self, *words, **more):
        return subprocess.Popen([program(words[0]), *words[1:]], env=self.ENV, stdout=self.log,
                                stderr=subprocess.STDOUT, **more)

    def over(self):
        return self.process.poll() is not None

    def check(self):
        if self.process.returncode:
            self.fail(f"exit status {self.process.returncode}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def fail(self, words):
        self.log.flush()
        with open(self.log.name, errors="replace") as f:
            raise SystemExit(f"{self.name}: {words}; in {os.getcwd()}, seed {SEED}\n" + f.read()[-3000:])

    def did(self, what, n=1):
        self.done[what] = self.done.get(what, 0) + n

    def pids(self, role):
        return children(self.process.pid).get(role, [])

    def kill(self, role, note=None, every=False):
        """SIGKILL to one process of the role, or to all; the supervisor starts it again."""
        pids = self.pids(role)
        for pid in pids if every else pids and [self.random.choice(pids)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.did(note or role)
        return pids


def free_ports(n):
    """Below those that the kernel gives to whoever asks for any, so that no other test gets one before it is used here."""
    ports = []
    while len(ports) < n:
        port = random.SystemRandom().randrange(10000, 30000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def free_row():
    """Of control, bulk and dashboard, as a broker lays them out that is told the first alone."""
    while True:
        port, = free_ports(1)
        row = [port, port + 1, port + 5]
        try:
            for p in row:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", p))
        except OSError:
            continue
        return row


class Proxy:
    def __init__(self, address, port):
        self.process = subprocess.Popen([program("test_proxy"), f"{address}:{port}", str(port)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if not self.process.stdout.readline().startswith("port "):
            raise SystemExit(f"no proxy at {address}:{port}")

    def say(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def cuts(self):
        self.say("count")
        return int(self.process.stdout.readline().split()[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)


class Wired(Run):
    """Weights go over the wire, as between machines."""
    ENV = dict(ENV, DROVER_HANDOVER="off")


class Standing(Wired):
    """Broker, two actors, a rewarder and a learner without a supervisor: each role dials a loopback
    address of its own, where two proxies stand before the broker's control and bulk ports."""
    HOSTS = {"actor": "127.0.0.11", "rewarder": "127.0.0.12", "learner": "127.0.0.13"}

    def start(self, proxies=True):
        self.keys = new_keys(f"{self.name}.keys")
        self.control, self.bulk, board = free_ports(3)
        # 0.0.0.0 is what nobody can dial: each peer takes the host by which it reached control
        self.others = [self.spawn("drover-broker", f"--bind=tcp://127.0.0.1:{self.control}",
                                  f"--bulk=tcp://127.0.0.1:{self.bulk}", f"--dashboard=tcp://127.0.0.1:{board}",
                                  "--advertise=0.0.0.0", f"--keys={self.keys}")]
        self.proxy = {}
        for role, host in self.HOSTS.items() if proxies else []:
            self.proxy[role] = Proxy(host, self.control)
            self.proxy[role + "-bulk"] = Proxy(host, self.bulk)
        for i in (1, 2):
            self.others.append(self.spawn("drover-actor", self.broker("actor"),
                                          f"--key={new_key(self.keys, 'actor', f'actor-{i}')}", f"--name=actor-{i}"))
        self.others.append(self.spawn("drover-rewarder", self.broker("rewarder"),
                                      f"--key={new_key(self.keys, 'rewarder', 'rewarder')}"))
        self.process = self.learner(self.name)

    def broker(self, role):
        host = self.HOSTS[role] if self.proxy else "127.0.0.1"
        return f"--broker=tcp://{host}:{self.control}"

    def learner(self, name):
        return self.spawn("drover-learner", *arguments(name, self.size, self.lag, self.extra),
                          self.broker("learner")[2:], f"broker_key={new_key(self.keys, 'learner', 'learner')}")

    def check(self):
        super().check()
        for one in self.others:
            if one.poll() is not None:
                self.fail(f"{one.args[0]} ended with status {one.returncode}")
        for name, proxy in self.proxy.items():
            if proxy.cuts():
                self.did("cut " + name, proxy.cuts())

    def stop(self):
        super().stop()
        for one in reversed(getattr(self, "others", [])):
            if one.poll() is None:
                one.terminate()
        for one in reversed(getattr(self, "others", [])):
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        for proxy in getattr(self, "proxy", {}).values():
            proxy.close()

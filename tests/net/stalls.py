#!/usr/bin/env python3
"""Every stall of a fleet on hosts of their own network is named, with what would help, within 5 s: a learner's, one host's, all hosts'
slow link; a cable pulled; a stopped actor, rewarder, learner, broker; a killed worker; no actor; a revoked key; a full and a slow disk of
the learner's. Before that a healthy run names none for `healthy` seconds. What a person reads (`drover status`) is what is looked at.
Stalls that need a host's supervisor (full disk, no memory, killed supervisor) are those of hosts.py.

usage: stalls.py BIN_FOLDER [healthy=60] [only=NAME,NAME] [megabytes=3]      status 77: no namespaces here"""
import os, pty, re, select, shutil, signal, subprocess, sys, tempfile, time
from fleet import ENV, Fleet, make_model, tool
from net import Net

BIN = os.path.abspath(sys.argv[1])
CONF = dict({"healthy": "60", "only": "", "megabytes": "3"}, **dict(a.split("=", 1) for a in sys.argv[2:]))
NAMED_S, PATIENCE_S = 5, 20
SLOW = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static int slow(const char *name, int fd)
{
    while (getenv("SLOW_DISK") && !access(getenv("SLOW_DISK"), F_OK))
        usleep(50000);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}
int fsync(int fd) { return slow("fsync", fd); }
int fdatasync(int fd) { return slow("fdatasync", fd); }
"""


def keys(world):
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl",
            "rewards=[{name: length, rule: length, unit: characters, target: 40}]", "num_generations=4",
            "per_device_train_batch_size=4", "gradient_accumulation_steps=2", "max_completion_length=64", "max_steps=1000000",
            "eval_prompts=0", "gradient_checkpointing=false", "learning_rate=1e-5", "beta=0", "save_steps=1000000"]


class Stalls:
    def __init__(self, net, fleet, folder):
        self.net, self.fleet, self.folder, self.bad = net, fleet, folder, []
        self.head, self.train, self.a, self.b, self.scores = (net.host(n) for n in ("head", "train", "a", "b", "scores"))
        self.slow, self.disk = f"{folder}/slow", f"{folder}/disk"
        self.filler = f"{self.disk}/filler"

    def begin(self, world):
        fleet = self.fleet
        fleet.broker(self.head)
        self.watcher = fleet.key("watcher")
        self.rewarder = fleet.rewarder(self.scores)
        self.actors = [fleet.actor(host, "--slots", "4") for host in (self.a, self.a, self.b)]
        source = f"{self.folder}/slow.c"
        with open(source, "w", encoding="utf-8") as f:
            f.write(SLOW)
        env = {}
        if subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{self.folder}/slow.so", source, "-ldl"], check=False).returncode == 0:
            env = {"LD_PRELOAD": f"{self.folder}/slow.so", "SLOW_DISK": self.slow}
        self.can_slow = bool(env)
        words = [*keys(world), f"output_dir={self.disk}/run", "broker_wait=120", f"broker=tcp://{self.head.ip4}:5555",
                 f"broker_key={fleet.key('learner')}"]
        self.learner = fleet.start("learner", self.train, ["grpo", *words], env)
        self.healthy("at the start", 90)

    def status(self):
        try:
            return subprocess.run(["nsenter", f"--net=/run/netns/{self.head.space}", f"{BIN}/drover", "status",
                                   "broker=tcp://127.0.0.1:5555", f"key={self.watcher}"], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=20, env=ENV).stdout
        except subprocess.TimeoutExpired:
            return ""

    @staticmethod
    def stands(text):
        """Waits that have lasted: what comes with each version is gone before that."""
        return [line for line in text.splitlines() if line.startswith("waits") and float(re.search(r"for ([0-9.]+) s", line)[1]) >= 2.5]

    def healthy(self, what, limit=60):
        """Until it works again, and names nothing."""
        until = time.monotonic() + limit
        while True:
            text = self.status()
            if text.startswith("running") and not self.stands(text) and re.search(r"rates +[1-9]", text):
                return
            if time.monotonic() > until:
                raise SystemExit(f"FAILED: {what}: not well after {limit} s; {self.folder}\n{text}\n{self.fleet.tails()}")
            time.sleep(.5)

    def calm(self, seconds):
        begun, looks = time.monotonic(), 0
        refused = re.findall(r"^refused.*", self.status(), re.M)  # a key that was made after the broker's last look at its folder
        while time.monotonic() - begun < seconds:
            text = self.status()
            wrong = self.stands(text) + [line for line in text.splitlines()
                                          if line.startswith("died") or (line.startswith("refused") and line not in refused)]
            holds = re.search(r"^holds +(.*)", text, re.M)
            if holds and not re.match(r"the learner is \d|actors are \d|actors and learner wait|actors were without", holds[1]):
                wrong.append(holds[0])
            if wrong:
                self.bad.append(f"healthy: {wrong}")
                print(f"   healthy, and yet: {wrong}", flush=True)
            looks += 1
            time.sleep(.5)
        print(f"   healthy: {looks} looks in {seconds:.0f} s", flush=True)

    def version(self):
        found = re.search(r"version (\d+)", self.status())
        return found and int(found[1])

    def stall(self, name, begin, end, named, advice="", published=False):
        """`published`: a link is stalled from the moment on at which there is something to send, the next version."""
        if CONF["only"] and name not in CONF["only"].split(","):
            return
        at = time.monotonic()
        begin()
        before = self.version() if published else None
        while published and self.version() == before and time.monotonic() < at + 60:
            time.sleep(.1)
        begun = time.monotonic()
        took, text = None, ""
        while time.monotonic() - begun < PATIENCE_S and took is None:
            text = self.status()
            line = next((x for x in text.splitlines() if re.search(named, x)), None)
            if line and re.search(advice, text):
                took = time.monotonic() - begun
            else:
                time.sleep(.2)
        if took is None or took > NAMED_S:
            self.bad.append(name)
        shown = line or "NOT NAMED: " + " | ".join(x for x in text.splitlines() if x.startswith(("waits", "holds", "advice", "died")))
        print(f"   {name:24} {'-' if took is None else f'{took:4.1f} s'}  {shown.strip()[:150]}", flush=True)
        end()
        self.healthy(f"after {name} ({time.monotonic() - at:.0f} s)")

    def signal(self, process, number):
        return lambda: process.signal(number)

    def stopped(self, name, process, named, advice=""):
        self.stall(name, self.signal(process, signal.SIGSTOP), self.signal(process, signal.SIGCONT), named, advice)

    def broker_stops(self, broker):
        """Its own dashboard cannot say so: `drover top` does."""
        if CONF["only"] and "stopped broker" not in CONF["only"].split(","):
            return
        pid, screen = pty.fork()
        if not pid:
            os.execvpe("nsenter", ["nsenter", f"--net=/run/netns/{self.head.space}", f"{BIN}/drover", "top", "broker=tcp://127.0.0.1:5555",
                                   f"key={self.watcher}"], dict(ENV, TERM="xterm", LINES="24", COLUMNS="80"))

        def until(words, seconds):
            begun, seen = time.monotonic(), ""
            while time.monotonic() - begun < seconds:
                if select.select([screen], [], [], .1)[0]:
                    seen += os.read(screen, 65536).decode(errors="replace")
                if words in seen:
                    return time.monotonic() - begun
            return None

        until("q quits  ? keys", 20)
        broker.signal(signal.SIGSTOP)
        took = until("no snapshot for 4 s: the broker is gone, stopped, or the line to it is cut", 20)
        broker.signal(signal.SIGCONT)
        print(f"   {'stopped broker (top)':24} {'-' if took is None else f'{took:4.1f} s'}", flush=True)
        if took is None or took > NAMED_S:
            self.bad.append("stopped broker")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(screen)
        self.healthy("after the broker stood")

    def again(self, *processes):
        def do():
            for p in processes:
                if p.died is not None:
                    p.again()
        return do

    def revoke(self):
        name = os.path.basename(self.revoked.words[self.revoked.words.index("--key") + 1])[:-4]
        tool(BIN, "drover", "keys", "revoke", self.fleet.keys, name)

    def fill(self):
        subprocess.run(["dd", "if=/dev/zero", f"of={self.filler}", "bs=1M"], check=False, stderr=subprocess.DEVNULL)

    def empty(self):
        os.unlink(self.filler)
        until = time.monotonic() + 10
        while self.learner.died is None and time.monotonic() < until:
            time.sleep(.1)
        self.again(self.learner)()

    def rates(self, *hosts):
        """(host, up, down): what is given back at the end."""
        return (lambda: [h.rate(up, down) for h, up, down in hosts]), (lambda: [h.rate(None, None) for h, _, _ in hosts])

    def all(self):
        s, a = self, self.actors
        s.calm(float(CONF["healthy"]))
        s.stall("killed worker", a[0].kill, s.again(a[0]), rf"^ *(died +)?actor {a[0].words[a[0].words.index('--name') + 1]} at a")
        s.stopped("stopped actor", a[2], r"nothing is heard of .*\bb\b", r"is it stopped")
        s.stopped("stopped rewarder", s.rewarder, r"nothing is heard of the rewarder .* at scores", r"is it stopped")
        s.stopped("stopped learner", s.learner, r"holds +nothing is heard of the learner", r"is it stopped")
        s.broker_stops(self.fleet.processes("broker")[0])
        s.stall("cable of a host", lambda: s.a.link(False), lambda: s.a.link(True), r"nothing is heard of a: 2 processes", r"its cable")
        s.stall("no actor", lambda: [p.kill() for p in a], s.again(*a), r"waits +no actor", r"advice +add an actor")
        s.stall("learner's uplink", *s.rates((s.train, .4e6, None)), r"the learner's link: weights leave it at",
                r"a faster link for the learner")
        for rate in 5e6, 1e6, .5e6:
            s.stall(f"link of b, {rate / 1e6:g} Mbit/s", *s.rates((s.b, rate, rate)), r"weights to b(,| at) .*does not hold the others", published=True)
        s.stall("nobody has the weights", *s.rates((s.a, .4e6, .4e6), (s.b, .4e6, .4e6)), r"weights on their way to 3 actors|holds +the link to",
                r"a faster link (to|there|for)", published=True)
        if s.can_slow:
            s.stall("learner's disk slow", lambda: open(s.slow, "w", encoding="ascii").close(), lambda: os.unlink(s.slow),
                    r"holds +the learner: its disk has not taken", r"a faster disk")
        s.stall("learner's disk full", s.fill, s.empty, r"the learner is away: .*No space left", r"mend that")
        s.revoked = a[2]
        s.stall("key revoked", s.revoke, lambda: self.fleet.kept.remove(a[2]), r"at b .*this key was revoked")


def main():
    folder = tempfile.mkdtemp(prefix="drover-net-")
    mounted = None
    with Net() as net:
        try:
            world = f"{folder}/world"
            make_model(BIN, world, float(CONF["megabytes"]))
            with Fleet(net, BIN, f"{folder}/fleet") as fleet:
                stalls = Stalls(net, fleet, folder)
                os.makedirs(stalls.disk)
                subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "drover-net", stalls.disk], check=True)
                mounted = stalls.disk
                stalls.begin(world)
                stalls.all()
        finally:
            if mounted:
                subprocess.run(["umount", "-l", mounted], check=False)
    if stalls.bad:
        raise SystemExit(f"FAILED: {', '.join(stalls.bad)}; {folder}")
    shutil.rmtree(folder)


main()

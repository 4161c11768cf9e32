#!/usr/bin/env python3
"""`drover ppo` with machines over ssh, each a network namespace with an sshd of its own: one command to a training run, one to
scale a machine; a killed worker, a killed supervisor, a pulled cable (for each of `unplug` seconds), a full disk, a worker that
memory runs out for: each is named in `drover status` within 5 s, and the run ends in the hash of one machine. Then a standing
fleet on all of them is taken down by one command, and nothing is left.

usage: hosts.py BIN_FOLDER [hosts=5] [unplug=5,30] [iterations=400]      status 77: no namespaces, or no sshd"""
import contextlib, os, shutil, signal, subprocess, sys, tempfile, time
from fleet import make_model, tool
from machines import SSHD, Machines as Reached
from net import Net, SKIP

BIN = os.path.abspath(sys.argv[1])
CONF = dict({"hosts": "5", "unplug": "5,30", "iterations": "400"}, **dict(a.split("=", 1) for a in sys.argv[2:]))
DROVER = f"{BIN}/drover"
NAMED_S = 5


def keys(world):
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl", "rewards=[{name: length, rule: length, target: 10}]",
            "num_generations=4", "per_device_train_batch_size=4", "gradient_accumulation_steps=2", "max_completion_length=48",
            f"max_steps={CONF['iterations']}", "eval_prompts=0", "gradient_checkpointing=false",
            "learning_rate=1e-4", "beta=0", "logging_steps=50", "save_steps=100"]


class Machines(Reached):
    """Whose processes are found by the folder that drover keeps there."""

    def find(self, name, word):
        """Pids of that machine whose command line has the word."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    line = f.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if word in line and self.state(name) in line and "ssh" not in line.split()[0]:
                found.append(int(pid))
        return found

    def left(self):
        return {name: self.find(name, "") for name in self.hosts if self.find(name, "")}


late = []  # what was named too late: the run goes on, and fails at its end


def took_too_long(what, took):
    if took > NAMED_S:
        late.append(f"{what}: {took:.1f} s")


def fail(words):
    raise SystemExit(f"FAILED: {words}")


def wait_for(what, test, seconds, words=lambda: ""):
    """How long it took."""
    begun = time.monotonic()
    while not test():
        if time.monotonic() - begun > seconds:
            fail(f"{what}: not within {seconds} s\n{words()}")
        time.sleep(.1)
    return time.monotonic() - begun


class Run:
    def __init__(self, head, folder, name, words):
        self.head, self.name, self.folder = head, name, folder
        self.log = f"{folder}/{name}.log"
        self.process = head.start([DROVER, *words], self.log, dict(os.environ, XDG_CACHE_HOME=f"{folder}/here"))

    def say(self, *words):
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.head.space}", DROVER, *words, f"run={self.folder}/{self.name}"],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout

    def host(self, name):
        """Its line in the table of hosts; it leaves that once it counts as dead."""
        lines = [line for line in self.say("status").splitlines() if f" {name} " in line and " processes " in line]
        return lines[0] if lines else "silent for ever"

    def named(self, what, words, since):
        """Until the status names it; the bound is the point of it."""
        wait_for(what, lambda: any(w in self.say("status") for w in words), NAMED_S + 5, lambda: self.say("status"))
        took = time.monotonic() - since
        print(f"   {what}: named after {took:.1f} s", flush=True)
        took_too_long(what, took)


def kills():
    with open("/proc/vmstat", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("oom_kill "))


def memory_runs_out(pids):
    """A group whose limit is below what they have: the kernel ends whoever asks for more first, which of two actors is the one
    that pulls the next weights. None where groups have no memory."""
    root = "/sys/fs/cgroup/memory" if os.path.isdir("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"
    group = f"{root}/drover-net-{os.getpid()}"
    limit = "memory.limit_in_bytes" if root.endswith("memory") else "memory.max"
    try:
        os.makedirs(group, exist_ok=True)
        with open(f"{group}/{limit}", "w", encoding="ascii") as f:
            f.write(str(1 << 20))
        for pid in pids:
            with open(f"{group}/cgroup.procs", "w", encoding="ascii") as f:
                f.write(str(pid))
    except OSError as e:
        print(f"   no memory groups here ({e}): out of memory is left out")
        return None
    return group


def no_memory(run, machines, name):
    before = kills()
    group = memory_runs_out(machines.find(name, "--name=actor-"))
    until = time.monotonic() + 60
    while group and kills() == before and time.monotonic() < until:
        time.sleep(.1)
    if group and kills() == before:
        fail("the kernel ended nobody")
    if group:
        run.named("out of memory", ["memory ran out"], time.monotonic())
        inside = lambda: open(f"{group}/cgroup.procs", encoding="ascii").read().split()
        for pid in inside():
            with contextlib.suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
        wait_for("the group is empty", lambda: not inside(), 20)
        os.rmdir(group)


def trouble(run, machines):
    names = list(machines.hosts)
    victim = machines.find(names[0], "--name=actor-1")[0]
    begun = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    run.named("a killed worker", ["killed by another process"], begun)
    wait_for("another in its place", lambda: machines.find(names[0], "--name=actor-1") not in ([], [victim]), 20)

    no_memory(run, machines, names[0])

    victim = machines.find(names[1], " join folder=")[0]
    begun = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    run.named("a killed supervisor", [f"{names[1]}: its supervisor died"], begun)
    took = wait_for("another in its place", lambda: machines.find(names[1], " join folder=") not in ([], [victim]), 40)
    print(f"   a killed supervisor: started again after {took:.1f} s")

    for seconds in map(float, CONF["unplug"].split(",")):
        host, name = machines.hosts[names[2]], names[2]
        before = machines.find(name, " join folder=")
        begun = time.monotonic()
        host.link(False)
        if seconds >= NAMED_S:
            wait_for("its silence is named", lambda: "silent for" in run.host(name), NAMED_S + 5, lambda: run.say("status"))
            took = time.monotonic() - begun
            print(f"   unplugged: its silence named after {took:.1f} s", flush=True)
            took_too_long("an unplugged machine", took)
        time.sleep(max(0, begun + seconds - time.monotonic()))
        host.link(True)
        took = wait_for("it comes back by itself", lambda: "silent for" not in run.host(name), 40)
        print(f"   unplugged for {seconds:.0f} s: back after {took:.1f} s", flush=True)
        if machines.find(name, " join folder=") != before:
            fail("its supervisor is another one")

    state = machines.state(names[3 % len(names)])
    filler = f"{state}/filler"
    begun = time.monotonic()
    subprocess.run(["fallocate", "-l", "90M", filler], check=True)
    run.named("a full disk", ["the disk is full"], begun)
    os.unlink(filler)


def one_run(net, machines, head, folder):
    world = f"{folder}/world"
    make_model(BIN, world, 1)
    tool(BIN, "drover", "grpo", *keys(world), f"output_dir={folder}/alone", "fleet.actors=1", cwd=folder)
    with open(f"{folder}/run.yaml", "w", encoding="utf-8") as f:
        f.write(f"fleet:\n  actors: 0\n  rewarders: 1\n  ssh_config: {folder}/config\n  hosts:\n" +
                "".join(f"    - {{ssh: {name}, actors: 1, threads: 1}}\n" for name in machines.hosts))
    begun = time.monotonic()
    run = Run(head, folder, "many", ["grpo", f"{folder}/run.yaml", *keys(world), f"output_dir={folder}/many"])
    took = wait_for("actors everywhere", lambda: all(machines.find(n, "--name=actor-1") for n in machines.hosts), 240)
    print(f"   one command to {len(machines.hosts)} machines: {took:.0f} s", flush=True)
    if "1 -> 2" not in run.say("scale", "h1", "actors=2"):
        fail("scale")
    wait_for("the second actor", lambda: machines.find("h1", "--name=actor-2"), 20)
    trouble(run, machines)
    if run.process.died is not None:
        fail("the run was over before everything happened: more iterations")
    wait_for("the run's end", lambda: run.process.died is not None, 900)
    if run.process.died != 0:
        fail(f"the run: status {run.process.died}, see {run.log}")
    hashes = [tool(BIN, "drover", "inspect", f"{folder}/{name}/model", "json=true") for name in ("alone", "many")]
    if hashes[0].split('"hash"')[1][:80] != hashes[1].split('"hash"')[1][:80]:
        fail("another hash than on one machine")
    wait_for("nothing left there", lambda: not machines.left(), 40)
    print(f"   {time.monotonic() - begun:.0f} s, the hash of one machine, nothing left", flush=True)
    if late:
        fail(f"named after more than {NAMED_S} s: {', '.join(late)}")


def main():
    if not SSHD:
        print("skipped: no sshd")
        return SKIP
    folder = tempfile.mkdtemp(prefix="drover-net-")
    mounted = []
    with Net() as net:
        head = net.host("head")
        try:
            machines = Machines(folder, [net.host(f"h{i}") for i in range(1, int(CONF["hosts"]) + 1)])
            disk = machines.state(list(machines.hosts)[3 % len(machines.hosts)])
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m", "drover-net", disk], check=False).returncode == 0:
                mounted.append(disk)
            one_run(net, machines, head, folder)
        finally:
            for name in (machines.hosts if "machines" in locals() else ()):
                for pid in machines.find(name, ""):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(.5)
            for path in mounted:
                subprocess.run(["umount", path], check=False)
    if not any(os.path.ismount(path) for path in mounted):
        shutil.rmtree(folder)
    return 0


sys.exit(main())

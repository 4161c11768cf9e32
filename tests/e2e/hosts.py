"""A fleet on three machines, started by one command: usage: hosts.py FOLDER-OF-PROGRAMS [run|fleet|pod]

The machines are this one: a real sshd on the loopback, with a key of its own, answers for two of
them. What is different between machines (folders, names, bundles, sessions) is so here; what is
not, their networks, tests/net has.

  run     a supervised run with two hosts, while one is scaled, a worker and a supervisor are
          killed and a connection is cut, ends in the hash of the run on one machine
  fleet   `up` in the background, the file changed, `plan`, `scale`, `drain`, `logs`, `doctor`,
          `down`; nothing is left running
  pod     the commands at the head of the Kubernetes file, and a broker with what they make"""
import getpass, json, os, shutil, signal, socket, subprocess, sys, tempfile, time

import fleet

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
DROVER = fleet.program("drover")
bad = []


def true(what, holds, words=""):
    print(f"   {'ok' if holds else 'BAD'}  {what}", flush=True)
    if not holds:
        bad.append(what)
        print(str(words)[-3000:])


def wait_for(what, test, seconds, words=lambda: ""):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if test():
            return True
        time.sleep(0.2)
    true(f"{what} within {seconds} s", False, words())
    return False


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def say(*words, env=None):
    return subprocess.run([DROVER, *words], env=env or fleet.ENV, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)


class Sshd:
    """One sshd for all hosts; what they are called is for our ssh's configuration alone."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, mode=0o700)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{key}"], check=True)
        shutil.copy(f"{folder}/user.pub", f"{folder}/authorized")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        home = os.path.abspath("there")
        os.makedirs(home, exist_ok=True)
        with open(f"{folder}/sshd_config", "w") as f:
            f.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
                    f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
                    f"PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
                    f"SetEnv XDG_CACHE_HOME={home}/cache OMP_WAIT_POLICY=passive\nAcceptEnv XDG_STATE_HOME\n")
        with open(f"{folder}/host.pub") as f, open(f"{folder}/known", "w") as known:
            known.write(f"[127.0.0.1]:{self.port} {' '.join(f.read().split()[:2])}\n")
        with open(f"{folder}/config", "w") as f:
            f.write(f"Host h1 h2 h3\n  SetEnv XDG_STATE_HOME={home}/state\nHost h4\n  SetEnv XDG_STATE_HOME={home}/state4\n"
                    f"Host h1 h2 h3 h4\n  HostName 127.0.0.1\n  Port {self.port}\n  User {getpass.getuser()}\n"
                    f"  IdentityFile {folder}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known\n"
                    f"Host stranger\n  HostName 127.0.0.1\n  Port {self.port}\n  UserKnownHostsFile /dev/null\n")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.process = subprocess.Popen([SSHD, "-D", "-f", f"{folder}/sshd_config", "-E", f"{folder}/log"])

    def works(self):
        for _ in range(20):
            done = subprocess.run(["ssh", "-F", f"{self.folder}/config", "-o", "BatchMode=yes", "h1", "echo", "ok"],
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if done.stdout.strip() == "ok":
                return True
            time.sleep(0.25)
        print(done.stderr, read(f"{self.folder}/log"))
        return False

    def close(self):
        self.process.terminate()
        self.process.wait(10)


def processes(word):
    """Pids whose command line has that word and belongs to this test's folder there."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line and int(pid) != os.getpid():
            found[int(pid)] = line
    return found


def there():
    return processes(os.path.abspath("there"))


def supervisor(host):
    return [p for p, line in there().items() if " join folder=" in line and line.rstrip().endswith(f"/{host}")]


def actor(host, number):
    return [p for p, line in there().items() if f"--name=actor-{number}" in line and f"/{host}/keys/" in line]


def hosts(run):
    """What `doctor` says, by host."""
    return say("doctor", f"run={run}").stdout


def run_with_hosts(ssh):
    fleet.prepare()
    plain = fleet.arguments("one", "long", "none")
    alone = say(*plain, "fleet.actors=2", "fleet.rewarders=1")
    true("the run on one machine ends", alone.returncode == 0, alone.stdout)
    with open("run.yaml", "w") as f:
        f.write(f"fleet:\n  actors: 0\n  rewarders: 1\n  ssh_config: {ssh.folder}/config\n  hosts:\n"
                "    - {ssh: h1, actors: 1, threads: 1}\n    - {ssh: h2, actors: 1, threads: 1, nice: 5}\n")
    with open("many.log", "w") as log:
        run = subprocess.Popen([DROVER, "ppo", "run.yaml", *fleet.arguments("many", "long", "none")[1:]],
                               env=fleet.ENV, stdout=log, stderr=log)
    words = lambda: read("many.log") + "".join(read(os.path.join(d, n)) for d, _, names in os.walk("there/state")
                                               for n in names if n.endswith(".log"))
    try:
        wait_for("actors on both hosts", lambda: actor("h1", 1) and actor("h2", 1), 120, words)
        scaled = say("scale", "h1", "actors=2", "run=many")
        true("a host is scaled", scaled.returncode == 0 and "h1: actor: 1 -> 2" in scaled.stdout, scaled.stdout)
        wait_for("second actor", lambda: actor("h1", 2), 30, words)
        victim = actor("h2", 1)
        os.kill(victim[0], signal.SIGKILL)
        wait_for("another actor in its place", lambda: actor("h2", 1) not in ([], victim), 30, words)
        wait_for("its cause in the status", lambda: "killed by another process" in say("status", "run=many").stdout,
                 10, lambda: say("status", "run=many").stdout)
        old = supervisor("h1")
        true("one supervisor a host", len(old) == 1 and len(supervisor("h2")) == 1, there())
        os.kill(old[0], signal.SIGKILL)
        wait_for("another supervisor in its place", lambda: supervisor("h1") not in ([], old), 60, words)
        before = supervisor("h2")
        for pid, line in processes(f"{ssh.folder}/config").items():
            if line.startswith("ssh") and " h2 " in line:
                os.kill(pid, signal.SIGKILL)
        wait_for("the connection is made again", lambda: read("many.log").count("name=h2 state=up") >= 2, 30, words)
        true("a cut connection leaves the supervisor as it is", supervisor("h2") == before, there())
        true("the run ends", run.wait(240) == 0, words())
    finally:
        if run.poll() is None:
            run.kill()
            run.wait()
    true("in the hash of one machine", fleet.hash_of("one") == fleet.hash_of("many"))
    wait_for("nothing runs there any more", lambda: not there(), 30, lambda: json.dumps(there(), indent=1))
    left = [n for d, _, names in os.walk("there/state") for n in names if n.endswith(".key") or n == "host.json"]
    true("no key is left there", not left, left)


def by_ticket():
    """Machines that nobody reaches by ssh: a supervisor's ticket, and an actor's from standard input."""
    broker = "broker=" + json.loads(read("standing/fleet.json"))["control"]
    for role in ("supervisor", "actor"):
        with open(f"{role}.ticket", "w") as f:
            f.write(fleet.tool("drover", "keys", "ticket", "standing/keys", f"role={role}", broker))
    joined = say("join", "supervisor.ticket", "name=byhand", "actors=1", "threads=1", "folder=there/byhand", "background=true")
    true("joined by a ticket", joined.returncode == 0, joined.stdout)
    again = say("join", "supervisor.ticket", "name=again", "actors=1", "folder=there/again")
    true("a used ticket is none", again.returncode == 1 and "used" in again.stdout, again.stdout)
    wait_for("its actor", lambda: "byhand: " in hosts("standing") and processes("there/byhand/keys/actor-1"), 30,
             lambda: hosts("standing") + read("there/byhand/supervisor.log"))
    with open("actor.ticket") as ticket, open("joined.log", "w") as log:
        single = subprocess.Popen([DROVER, "join", "-", "name=single"], stdin=ticket, stdout=log, stderr=log,
                                  env=dict(fleet.ENV, DROVER_HOST="elsewhere"))
    try:
        wait_for("an actor by its own ticket", lambda: "elsewhere: 1 actors" in hosts("standing"), 30,
                 lambda: hosts("standing") + read("joined.log"))
    finally:
        single.terminate()
        single.wait(20)
    secret = [line for line in processes("drover1:").values() if "hosts.py" not in line]
    true("no ticket on any command line", not secret, secret)


def revoked_while_away():
    """A host that joined, was switched off, and whose key was revoked meanwhile: it is not let in, and ends."""
    broker = "broker=" + json.loads(read("standing/fleet.json"))["control"]
    with open("away.ticket", "w") as f:
        f.write(fleet.tool("drover", "keys", "ticket", "standing/keys", "role=supervisor", broker))
    words = ("join", "away.ticket", "name=away", "actors=1", "threads=1", "folder=there/away", "background=true")
    log = lambda: read("there/away/supervisor.log")
    said = say(*words)
    true("another host joins", said.returncode == 0, said.stdout)
    wait_for("its actor", lambda: processes("there/away/keys/actor-1"), 30, log)
    for pid in processes("folder=there/away"):
        os.kill(pid, signal.SIGKILL)
    wait_for("all of it is gone", lambda: not processes("there/away"), 30, lambda: processes("there/away"))
    said = say(*words)
    true("the same command once more goes on with the key that it has", said.returncode == 0 and
         "joined before" in said.stdout, said.stdout)
    wait_for("its actor again", lambda: processes("there/away/keys/actor-1"), 30, log)
    for pid in processes("folder=there/away"):
        os.kill(pid, signal.SIGKILL)
    wait_for("all of it is gone again", lambda: not processes("there/away"), 30, lambda: processes("there/away"))
    listed = fleet.tool("drover", "keys", "list", "standing/keys")
    name = [line.split()[0] for line in listed.splitlines() if "away" in line and "supervisor" in line.split()]
    say("keys", "revoke", "standing/keys", *name)
    say(*words)
    true("it runs", processes("folder=there/away"), log())
    wait_for("a host whose key was revoked while it was away ends", lambda: not processes("there/away"), 60, log)
    said = say(*words)
    true("its ticket does not bring it back", said.returncode == 1 and "used" in said.stdout, said.stdout)


def moves(write):
    """A name that goes to another machine, and a host that comes back while it still ends."""
    on = lambda state: [p for p in supervisor("moved") if f"/{state}/" in there().get(p, "")]
    write(["{ssh: h3, name: moved, actors: 0}"])
    say("up", "fleet.yaml")
    wait_for("a supervisor on h3", lambda: on("state"), 60, there)
    write(["{ssh: h4, name: moved, actors: 0}"])
    say("up", "fleet.yaml")
    wait_for("its name is on h4, and nothing on h3", lambda: on("state4") and not on("state"), 60, there)
    write([])
    say("up", "fleet.yaml")
    write(["{ssh: h4, name: moved, actors: 0}"])
    wait_for("a host that ended comes back", lambda: say("up", "fleet.yaml").returncode == 0, 40)
    time.sleep(2)
    wait_for("and runs", lambda: on("state4") and not on("state"), 30, there)
    write([])
    say("up", "fleet.yaml")
    wait_for("it ends again", lambda: not supervisor("moved"), 40, there)


def standing(ssh):
    def write(entries, more=""):
        with open("fleet.yaml", "w") as f:
            f.write(f"folder: standing\nactors: 1\nrewarders: 0\nssh_config: {ssh.folder}/config\n{more}hosts:\n" +
                    "".join(f"  - {e}\n" for e in entries))

    h1 = "{ssh: h1, actors: 1, threads: 1, workers: {mine: {command: 'echo here; exec sleep 100000', count: 1}}}"
    write([h1])
    planned = say("up", "fleet.yaml", "plan=true")
    true("a plan starts nothing", "h1 (ssh h1): 1 actors, 0 rewarders, 1 mine" in planned.stdout and
         not os.path.exists("standing"), planned.stdout)
    up = say("up", "fleet.yaml", "background=true")
    true("up returns", up.returncode == 0, up.stdout)
    words = lambda: read("standing/run.log")
    try:
        wait_for("an actor on h1", lambda: actor("h1", 1), 90, words)
        wait_for("the user's worker", lambda: "mine-1 up" in hosts("standing"), 20, lambda: hosts("standing"))
        write([h1.replace("count: 1", "count: 2"), "{ssh: h2, actors: 1, threads: 1}",
               "{ssh: stranger, actors: 1}"])
        planned = say("up", "fleet.yaml", "plan=true")
        true("what would change is said", "h2: new: 1 actors" in planned.stdout and
             "h1: starts again" in planned.stdout and not actor("h2", 1), planned.stdout)
        say("up", "fleet.yaml")
        wait_for("an actor on h2", lambda: actor("h2", 1), 90, words)
        wait_for("the changed host", lambda: "mine-2 up" in hosts("standing"), 60, lambda: hosts("standing"))
        wait_for("the unknown host key, and what to do", lambda: "name=stranger state=failed" in words() and
                 "`ssh stranger` once by hand" in words(), 30, words)
        logs = say("logs", "h1/mine-1", "run=standing")
        true("logs of a worker there", "here" in logs.stdout, logs.stdout)
        scaled = say("scale", "h1", "mine=1", "actors=2", "run=standing", "force=true")
        true("a worker by its name", "mine: 2 -> 1" in scaled.stdout and "actor: 1 -> 2" in scaled.stdout, scaled.stdout)
        refused = say("scale", "h1", "rm=1", "run=standing")
        true("no worker that its file has not", refused.returncode == 1 and "no worker 'rm'" in refused.stdout,
             refused.stdout)
        spread = say("scale", "actors=3", "run=standing", "force=true")
        true("actors are spread", spread.returncode == 0 and spread.stdout.count("actor:") == 3 and
             spread.stdout.count("-> 1") == 3, spread.stdout)
        drained = say("drain", "h2", "run=standing")
        true("a host is drained", drained.returncode == 0, drained.stdout)
        wait_for("its actor leaves", lambda: not actor("h2", 1), 20, words)
        true("its supervisor stays", len(supervisor("h2")) == 1, there())
        write([h1.replace("count: 1", "count: 2")])
        say("up", "fleet.yaml")
        wait_for("a host that left the file ends", lambda: not supervisor("h2"), 30, words)
        moves(lambda more: write([h1.replace("count: 1", "count: 2"), *more]))
        by_ticket()
        text = hosts("standing")
        true("doctor knows all machines", "h1: " in text and "byhand: " in text and "(head)" in text, text)
        listed = fleet.tool("drover", "keys", "list", "standing/keys")
        name = [line.split()[0] for line in listed.splitlines() if "byhand" in line and "supervisor" in line.split()]
        true("its key is in the list", len(name) == 1, listed)
        say("keys", "revoke", "standing/keys", *name)
        wait_for("a host whose key is revoked ends, its workers too", lambda: not processes("there/byhand"), 30,
                 lambda: read("there/byhand/supervisor.log"))
        revoked_while_away()
    finally:
        down = say("down", "run=standing")
        true("down", down.returncode == 0, down.stdout)
    wait_for("nothing runs there any more", lambda: not there(), 40, lambda: json.dumps(there(), indent=1))
    wait_for("nor what joined by hand", lambda: not processes("there/byhand"), 20, lambda: processes("there/byhand"))
    wait_for("nor here", lambda: not processes(os.path.abspath("standing")) and
             not processes(" up fleet.yaml"), 20, lambda: processes("standing"))


def pod(ssh):
    """What the head of the Kubernetes file says to do gives a folder that a broker's pod starts with."""
    say("deploy", "kubernetes", "out=pod")
    lines = [line[2:].strip() for line in read("pod/drover.yaml").splitlines() if line.startswith("#     ")]
    lines = [line for line in lines if not line.startswith("kubectl")]
    true("commands are there", len(lines) == 3, lines)
    done = subprocess.run(["sh", "-ec", "umask 077; PATH=$0:$PATH; " + "; ".join(lines) + "; mkdir inside; "
                           "tar -C inside -xzf keys.tar.gz", os.path.dirname(DROVER)], text=True, env=fleet.ENV,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    true("they are done", done.returncode == 0, done.stdout)
    folder = os.path.abspath("podfleet")
    up = ["up", f"folder={folder}", "keys=inside", "actors=0", "rewarders=0", "background=true"]
    for killed in (False, True):
        started = say(*up)
        true("a broker starts with that folder", started.returncode == 0, started.stdout)
        if killed:
            for pid, line in processes("drover-broker").items():
                if folder in line or parent(pid) in processes(f"folder={folder}"):
                    os.kill(pid, signal.SIGKILL)
        ends(folder, "at once" if not killed else "also while its broker starts again")
    workers_anywhere()


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def ends(folder, when):
    """A `down` that comes right behind `up`: it reaches the supervisor, and nothing is left."""
    down = say("down", f"run={folder}")
    true(f"down reaches it {when}", down.returncode == 0, down.stdout + read(f"{folder}/run.log"))
    if not wait_for("its end", lambda: not processes(f"folder={folder}"), 20, lambda: read(f"{folder}/run.log")):
        for pid in processes(f"folder={folder}"):
            os.kill(pid, signal.SIGKILL)


def workers_anywhere():
    """A command that no file format likes, as Kubernetes, compose and Slurm start it: it is the same one in each."""
    command = """printf '%s\\n' "$DROVER_WORKER {a}: it's \\"ok\\"" >>done; exec sleep 1000"""
    with open("odd.yaml", "w") as f:
        json.dump({"actors": 3, "rewarders": 0, "listen": "0.0.0.0:7100", "advertise": "head.example:7200",
                   "workers": {"mine": {"command": command, "count": 1}},
                   "hosts": [{"ssh": "far", "workers": {"mine": {"command": command, "count": 1}}}]}, f)
    want = {"mine": {"command": command, "count": 2}}
    for kind, name in (("kubernetes", "drover.yaml"), ("compose", "compose.yaml")):
        say("deploy", kind, "odd.yaml", f"out=odd-{kind}", "share=/srv/a b")
        text = read(f"odd-{kind}/{name}")
        line = next(line for line in text.splitlines() if line.lstrip().startswith('command: ["drover", "up"'))
        words = [word.replace("$$", "$") for word in json.loads(line.split("command: ")[1])]
        true(f"{kind} has the workers", json.loads(words[-1].split("=", 1)[1]) == want, line)
        true(f"{kind} has the ports", "listen=0.0.0.0:7100" in words and "advertise=head.example:7200" in words and
             "5555" not in "".join(line for line in text.splitlines() if "fleet.yaml:" not in line), text)
    true("and a node's folder", 'hostPath: {path: "/srv/a b", type: Directory}' in read("odd-kubernetes/drover.yaml"))
    say("deploy", "slurm", "odd.yaml", "out=odd-slurm")
    lines = [line for line in read("odd-slurm/control.sbatch").splitlines() if line.startswith(("workers=", "advertise="))]
    shell = subprocess.run(["sh", "-c", "\n".join(lines) + '\nprintf "%s" "$workers"; [ $advertise = head.example:7200 ]'],
                           text=True, stdout=subprocess.PIPE)
    true("slurm has the workers", shell.returncode == 0 and json.loads(shell.stdout) == want, shell.stdout)
    up = say("up", *[w for w in words[2:] if w.startswith(("actors=", "rewarders=", "workers="))],
             f"folder={os.path.abspath('odd')}", "background=true")
    wait_for("they run", lambda: read("done").splitlines() == ["""mine {a}: it's "ok\""""] * 2, 20, lambda: up.stdout + read("done"))
    ends(os.path.abspath("odd"), "with workers")


def main():
    if not SSHD or not shutil.which("ssh"):
        print("no ssh or sshd: skipped")
        return 77
    folder = tempfile.mkdtemp(prefix="drover-hosts-")
    os.chdir(folder)
    fleet.ENV["XDG_CACHE_HOME"] = f"{folder}/here"
    ssh = Sshd(f"{folder}/ssh")
    try:
        if not ssh.works():
            print("an sshd of its own does not let this user in: skipped")
            return 77
        for name, part in (("pod", pod), ("fleet", standing), ("run", run_with_hosts)):
            if sys.argv[2:] in ([], [name]):
                part(ssh)
    finally:
        ssh.close()
        for pid in there():
            os.kill(pid, signal.SIGKILL)
        os.chdir("/")
        if bad:
            print("kept:", folder)
        else:
            shutil.rmtree(folder)
    return 1 if bad else 0


sys.exit(main())

"""A standing fleet on the hosts of net.py: `drover up` at the head brings over real ssh a supervisor to each of the others, and these
start the workers; nobody here does. What runs is found in the kernel's list: a process belongs to the host in whose network namespace
it is, so that supervisors, the broker, ssh's sessions and whoever was started again are among those that a test may kill.

The head's own supervisor is started again when it dies, as systemd does it (Restart=always), and so is the learner."""
import os, signal, subprocess, time
from fleet import Fleet
from machines import Machines
from net import footprint

PROGRAMS = {"drover-broker": "broker", "drover-actor": "actor", "drover-rewarder": "rewarder", "drover-learner": "learner"}


def stat_of(pid):
    """State and start of a process, None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return None


class Found:
    """A process that somebody else started. Its number alone may be another's by now: when it began is part of who it is."""

    def __init__(self, pid, host, role, name, begun):
        self.pid, self.host, self.role, self.name, self.begun, self.stopped = pid, host, role, name, begun, False

    @property
    def died(self):
        now = stat_of(self.pid)
        return None if now and now[0] not in "ZX" and now[1] == self.begun else -signal.SIGKILL

    def signal(self, number):
        if self.died is None:
            os.kill(self.pid, number)
            self.stopped = number == signal.SIGSTOP or (self.stopped and number != signal.SIGCONT)

    def kill(self):
        self.signal(signal.SIGKILL)

    def footprint(self):
        return footprint(self.pid)


def role_of(words):
    """Role and name by a command line: a program may stand behind the loader of its bundle."""
    for i, word in enumerate(words[:5]):
        base = os.path.basename(word)
        if base in PROGRAMS:
            name = next((w[7:] for w in words if w.startswith("--name=")), PROGRAMS[base])
            return PROGRAMS[base], name
        if base == "drover" and words[i + 1:i + 2] == ["up"]:
            return "head", "supervisor"
        if base == "drover" and words[i + 1:i + 2] == ["join"]:
            here = any(w.startswith("folder=") for w in words)
            return ("supervisor", "supervisor") if here else ("session", "session")
    return None


class Standing(Fleet):
    """`entries`: host -> what of it stands in fleet.yaml ({"actors": 2, ...})."""

    def __init__(self, net, folder, where, head, entries, backoff=.4):
        super().__init__(net, folder, where, backoff)
        self.head, self.standing, self.known = head, os.path.join(self.where, "standing"), {}
        self.machines = Machines(os.path.join(self.where, "ssh"), entries)
        self.spaces = {os.stat(f"/run/netns/{h.space}").st_ino: h for h in net.hosts.values()}
        path = os.path.join(self.where, "fleet.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"folder: {self.standing}\nkeys: {self.keys}\nlisten: 0.0.0.0:5555\nactors: 0\nrewarders: 0\n"
                    f"ssh_config: {self.machines.folder}/config\nhosts:\n")
            for host, entry in entries.items():
                f.write("  - {" + ", ".join(f"{k}: {v}" for k, v in {"ssh": host.name, **entry}.items()) + "}\n")
        self.up = head.start([os.path.join(self.bin, "drover"), "up", path], os.path.join(self.where, "up.log"),
                             dict(os.environ, XDG_CACHE_HOME=os.path.join(self.where, "cache")))
        self.up.role = "head"
        self.kept.append(self.up)

    def broker_log(self):
        return f"{self.standing}/logs/broker.log"

    def again(self, process):
        """systemd starts it whatever it ended with: the port may be the old broker's for a moment."""
        return process is self.up or super().again(process)

    def able(self):
        """Whoever of the fleet runs now, but the learner, which tend() knows."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                host = self.spaces.get(os.stat(f"/proc/{pid}/ns/net").st_ino)
                if not host:
                    continue
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    who = role_of(f.read().decode(errors="replace").split("\0"))
            except OSError:
                continue
            now = stat_of(pid)
            if who and now and now[0] not in "ZX":
                key = int(pid), now[1]
                role, name = who
                name = host.name if role == "supervisor" else name  # so a host's supervisor calls itself
                found[key] = self.known.get(key) or Found(int(pid), host, role, name, now[1])
        self.known = found
        return [p for p in found.values() if not p.stopped and p.host.up]

    def tails(self):
        with open(self.up.log, encoding="utf-8", errors="replace") as f:
            return super().tails() + f"--- drover up: {f.read()[-1500:]}\n"

    def count_of(self, role):
        return sum(p.role == role for p in self.able())

    def down(self, seconds=60):
        """Takes it down by its one command. Who is left after that is a fault, and is ended."""
        said = subprocess.run(["nsenter", f"--net=/run/netns/{self.head.space}", os.path.join(self.bin, "drover"), "down",
                               f"run={self.standing}"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              check=False).stdout
        self.kept.remove(self.up)
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.able():
            time.sleep(.2)
        left = [f"{p.role} {p.name} on {p.host.name}" for p in self.able()]
        if left:
            raise SystemExit(f"FAILED: `drover down` leaves {', '.join(left)}; {self.where}\n{said}")

    def __exit__(self, *_):
        if self.watcher:
            self.watcher.close()
        if self.trainer and self.trainer.died is None:
            self.trainer.end()
        self.up.kill()
        for p in self.known.values():  # stopped ones too
            p.signal(signal.SIGCONT)
        for p in self.able():
            p.kill()

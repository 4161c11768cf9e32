"""Hosts that are not there: network namespaces with own addresses on a bridge, for tests of a fleet across machines.

The bridge lives in a namespace of its own, so nothing of this is seen, or reached, from the machine's own network. A host is a
namespace, a veth pair into the bridge, one IPv4 and one IPv6 address; what it may send and receive is held by a token bucket at
either end of the pair (tbf: the kernels that we test on have no netem), its processor by a cgroup (v1 or v2). Bytes are the
kernel's own counters of the pair's bridge side: what left the bucket, headers and retransmissions with it.

    with Net() as net:
        a = net.host("a", up=100e6, down=100e6, cores=.2)     # bits/s; None: as fast as it goes
        p = a.start(["drover-actor", ...], log="a.log")
        a.link(False)                                         # the cable is out; True: in again
        a.bytes()                                             # Bytes(came, left)

Whatever ends the test, exceptions and SIGTERM too, ends the processes by their ids and takes the namespaces away; a SIGKILL of
the test ends its processes (the kernel sends them one) and leaves namespaces, which `python3 net.py sweep` removes.
Needs root, `ip` and `tc`. Standard library only."""
import collections, ctypes, json, os, re, signal, subprocess, sys, time

Bytes = collections.namedtuple("Bytes", "came left")  # of a host since it was made
LIBC = ctypes.CDLL(None, use_errno=True)
PREFIX = "dn"          # of every namespace and cgroup made here: PREFIX + process id + "-" + name
SKIP = 77              # ctest's SKIP_RETURN_CODE


def sh(*words, check=True):
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def missing():
    """What this machine lacks for Net, in words; empty: nothing."""
    if os.geteuid():
        return "not root"
    name = f"{PREFIX}{os.getpid()}-try"
    try:
        sh("ip", "netns", "add", name)
    except OSError as e:
        return str(e)
    try:
        sh("ip", "-n", name, "link", "add", "br0", "type", "bridge")
        sh("ip", "-n", name, "link", "add", "name", "v0", "type", "veth", "peer", "name", "v1")
        sh("tc", "-n", name, "qdisc", "add", "dev", "v0", "root", *bucket(1e8))
        return ""
    except OSError as e:
        return str(e)
    finally:
        sh("ip", "netns", "del", name, check=False)


def bucket(rate):
    """A token bucket of `rate` bits/s. Its burst is 10 ms (at least three packets, or it never lets a large one go), its queue a
    quarter of a second, as a home router's: a longer one would hide loss, a shorter one would be all loss."""
    burst = max(int(rate / 8 * .01), 4800)
    return "tbf", "rate", f"{int(rate)}bit", "burst", str(burst), "limit", str(burst + max(int(rate / 8 * .25), 32000))


class Cgroup:
    """A share of the processor for whoever joins. Without the controller it is a word to the person, once."""
    told = False

    def __init__(self, name, cores):
        self.path, self.v1 = None, os.path.exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        root = "/sys/fs/cgroup/cpu" if self.v1 else "/sys/fs/cgroup"
        path = os.path.join(root, name)
        try:
            if not self.v1:
                with open(os.path.join(root, "cgroup.subtree_control"), "w", encoding="ascii") as f:
                    f.write("+cpu")
            os.makedirs(path, exist_ok=True)
            self.path = path
            self.cores(cores)
            self.write(*(("cpu.shares", 65536) if self.v1 else ("cpu.weight", 10000)))  # it gets its quota on a busy machine, too
        except OSError as e:
            self.close()
            if not Cgroup.told:
                print(f"no processor quota here ({e}): hosts share the whole machine", flush=True)
            Cgroup.told = True

    def cores(self, cores):
        period = max(20000, int(1200 / cores))  # us: short, so that a quota slows and does not stutter; the least quota is 1 ms
        quota = int(period * cores)
        if self.v1:
            self.write("cpu.cfs_period_us", period)
        self.write(*(("cpu.cfs_quota_us", quota) if self.v1 else ("cpu.max", f"{quota} {period}")))

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as f:
            f.write(str(value))

    def join(self):
        if self.path:
            with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="ascii") as f:
                f.write(str(os.getpid()))

    def close(self):
        for _ in range(50):  # the kernel lets go of the dead a little later than wait() says
            try:
                if self.path:
                    os.rmdir(self.path)
                self.path = None
                return
            except OSError:
                time.sleep(.02)


def footprint(pid):
    """Resident bytes and open descriptors; None when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) * 1024, len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, TypeError):
        return None


class Process:
    """A process of a host. `died` is how it ended: None while it lives."""

    def __init__(self, host, words, env, log):
        self.host, self.words, self.env, self.log = host, list(words), env, log
        self.stopped, self.popen, self.begun = False, None, 0
        self.again()

    def again(self):
        """Starts it (once more)."""
        parent, cgroup = os.getpid(), self.host.cgroup

        def before():
            LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)
            if cgroup:
                cgroup.join()

        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.host.space}", *self.words], env=self.env,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=before)
        self.begun, self.stopped = time.monotonic(), False

    @property
    def pid(self):
        return self.popen.pid

    @property
    def died(self):
        return self.popen.poll()

    def signal(self, number):
        """Tells it; a stopped one is remembered, so that an end is not waited for in vain."""
        if self.died is None:
            os.kill(self.pid, number)
            self.stopped = number == signal.SIGSTOP or (self.stopped and number != signal.SIGCONT)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def end(self, patience=10):
        """Asks it to go, and no longer asks after `patience` seconds. Its status."""
        if self.stopped:
            self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.died

    def footprint(self):
        return footprint(self.pid)

    def seconds(self):
        """Processor time so far, with that of its threads."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            return 0


class Host:
    """One of Net.host's. `ip4` and `ip6` are how the others reach it."""

    def __init__(self, net, name, index, up, down, cores):
        self.net, self.name, self.space, self.port = net, name, f"{net.tag}-{name}", f"p{index}"
        self.ip4, self.ip6, self.up, self.processes = f"10.77.{index >> 8}.{index & 255}", f"fd77::{index:x}", True, []
        self.cgroup = Cgroup(self.space, cores) if cores else None
        sh("ip", "netns", "add", self.space)
        sh("ip", "-n", net.switch, "link", "add", "name", self.port, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        sh("ip", "-n", net.switch, "link", "set", self.port, "master", "br0", "up")
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{self.ip4}/16", "dev", "eth0"),
                      ("-6", "addr", "add", f"{self.ip6}/64", "dev", "eth0", "nodad"), ("link", "set", "eth0", "up")):
            sh("ip", "-n", self.space, *words)
        self.rate(up, down)

    def rate(self, up, down):
        """Bits/s that it may send and receive from now on; None: without a limit."""
        for space, device, rate in ((self.space, "eth0", up), (self.net.switch, self.port, down)):
            if rate:
                sh("tc", "-n", space, "qdisc", "replace", "dev", device, "root", *bucket(rate))
            else:
                sh("tc", "-n", space, "qdisc", "del", "dev", device, "root", check=False)

    def link(self, up):
        """Pulls its cable, or plugs it in again."""
        sh("ip", "-n", self.net.switch, "link", "set", self.port, "up" if up else "down")
        self.up = up

    def bytes(self):
        return self.net.bytes()[self.name]

    def start(self, words, log, env=None):
        """Starts a program here. It lives until it ends, end() or the test's end."""
        process = Process(self, words, dict(env or os.environ, DROVER_HOST=self.name), log)
        self.processes.append(process)
        return process

    def run(self, *words, limit=60):
        """Runs a short command here and gives what it printed."""
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.space}", *words], check=True, text=True, timeout=limit,
                              stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout


class Net:
    """A bridge and its hosts. Use it with `with`."""

    def __init__(self):
        self.tag = f"{PREFIX}{os.getpid()}"
        self.switch, self.hosts = f"{self.tag}-switch", {}

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        why = missing()
        if why:
            print(f"skipped: no network namespaces here: {why}")
            sys.exit(SKIP)
        sh("ip", "netns", "add", self.switch)
        sh("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge", "forward_delay", "0")
        sh("ip", "-n", self.switch, "link", "set", "br0", "up")
        return self

    def host(self, name, up=None, down=None, cores=None):
        host = self.hosts[name] = Host(self, name, len(self.hosts) + 1, up, down, cores)
        return host

    def bytes(self):
        """Every host's Bytes, of one moment. What the bridge's side sends is what comes to the host."""
        links = json.loads(sh("ip", "-n", self.switch, "-j", "-s", "link", "show", "type", "veth"))
        found = {link["ifname"]: link["stats64"] for link in links}
        return {h.name: Bytes(found[h.port]["tx"]["bytes"], found[h.port]["rx"]["bytes"]) for h in self.hosts.values()}

    def processes(self):
        return [p for h in self.hosts.values() for p in h.processes]

    def __exit__(self, *_):
        living = [p for p in self.processes() if p.died is None]
        for p in living:
            if p.stopped:
                p.signal(signal.SIGCONT)
            p.signal(signal.SIGTERM)
        until = time.monotonic() + 8
        while time.monotonic() < until and any(p.died is None for p in living):
            time.sleep(.05)
        for p in living:
            p.kill()
        for h in self.hosts.values():
            sh("ip", "netns", "del", h.space, check=False)
            if h.cgroup:
                h.cgroup.close()
        sh("ip", "netns", "del", self.switch, check=False)


def sweep():
    """Removes what tests left that were killed: namespaces and cgroups whose process is gone."""
    listed = [line.split()[0] for line in sh("ip", "netns", "list").splitlines()]
    for root in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup"):
        listed += os.listdir(root) if os.path.isdir(root) else []
    for name in sorted(set(listed)):
        found = re.fullmatch(PREFIX + r"(\d+)-.+", name)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            sh("ip", "netns", "del", name, check=False)
            for root in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup"):
                if os.path.isdir(os.path.join(root, name)):
                    os.rmdir(os.path.join(root, name))
            print("removed", name)


if __name__ == "__main__":
    if sys.argv[1:] == ["sweep"]:
        sweep()
    else:
        sys.exit(missing() and f"cannot: {missing()}")

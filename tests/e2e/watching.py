#!/usr/bin/env python3
"""Who watches a fleet, on a real broker with keys and peers that speak its protocol: `drover metrics`
is read as Prometheus, Kubernetes and KEDA read it, over a restart of the broker.

usage: watching.py BIN_FOLDER        needs pyzmq and msgpack, else it is skipped; promtool is asked if it is there"""
import json, os, re, shutil, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request

sys.dont_write_bytecode = True
try:
    import msgpack, zmq
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from fleet import ENV, free_ports, new_keys, program, tool
from wire import ACTOR, Peer

SUPERVISOR = 4
MACHINE = json.dumps({"cores": 8, "load": 1.5, "memory": 1 << 34, "memory_free": 1 << 33, "rx": 10, "tx": 20, "disk_free": 1 << 35})


def true(what, so, more=""):
    if not so:
        raise SystemExit(f"FAILED: {what}\n{more}; in {os.getcwd()}")


def until(what, so, seconds=20):
    end = time.monotonic() + seconds
    while True:
        got = so()
        if got:
            return got
        true(f"{what} within {seconds} s", time.monotonic() < end)
        time.sleep(.1)


class Beating(Peer):
    """One that says what comes over the wire to it, or its machine's figures."""
    wire, more = 0, {}

    def beat(self):
        self.said = time.monotonic()
        if not self.welcome:
            self.say(1, self.me)
            return
        self.wire += 1000
        self.say(5, {"progress": self.wire, "wire_bytes": self.wire, "wire_rate": 1000, "idle_ms": self.wire, **self.more})


class Crowd:
    """Peers in one thread, as many hosts as are named."""

    def __init__(self, endpoint, keys, hosts, each):
        self.going, self.peers = True, []
        for host in hosts:
            for i in range(each):
                self.peers.append(Beating(endpoint, f"{keys}/ant.key", ACTOR, f"{host}:{i}", host=host, isa="avx2", threads=4, build="9.9"))
            head = Beating(endpoint, f"{keys}/boss.key", SUPERVISOR, f"{host}:boss", host=host)
            head.more = {"metrics": MACHINE}
            self.peers.append(head)
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def live(self):
        while self.going:
            for peer in self.peers:
                peer.hear(1)

    def end(self):
        self.going = False
        self.thread.join()


class Fleet:
    def __init__(self):
        self.all = []
        self.keys = new_keys("keys")
        for name, role in (("ant", "actor"), ("boss", "supervisor"), ("eye", "watcher")):
            tool("drover", "keys", "add", self.keys, name, f"role={role}")
        self.control, self.bulk, self.board = (f"tcp://127.0.0.1:{p}" for p in free_ports(3))
        self.start()

    def start(self):
        log = open("broker.log", "wb")
        self.broker = self.spawn("drover-broker", f"--bind={self.control}", f"--bulk={self.bulk}", f"--dashboard={self.board}",
                                 f"--keys={self.keys}", out=log)
        until("the broker listens", lambda: b"event=ready" in open("broker.log", "rb").read())

    def spawn(self, name, *words, out=subprocess.DEVNULL):
        self.all.append(subprocess.Popen([program(name), *words], env=ENV, stdout=out, stderr=out, stdin=subprocess.DEVNULL))
        return self.all[-1]

    def end(self):
        for process in self.all:
            if process.poll() is None:
                process.kill()
            process.wait()


def get(port, path, method="GET"):
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method), timeout=10) as r:
            return r.status, r.headers["Content-Type"], r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"], e.read().decode()


def parsed(page):
    """Every line of Prometheus' format, by its rules: HELP and TYPE before the first of a name, each once."""
    figures, kinds, last = {}, {}, None
    for line in page.splitlines():
        if line.startswith("# HELP "):
            true("HELP once", line.split()[2] not in kinds, line)
            last = line.split()[2]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            true("TYPE behind its HELP", name == last and kind in ("gauge", "counter"), line)
            kinds[name] = kind
        else:
            m = re.fullmatch(r'(drover_[a-z0-9_]+)(\{(role|host|run)="((?:[^"\\\n]|\\.)*)"\})? (\S+)', line)
            true("a line of the format", m and m[1] == last, line)
            true("no figure twice", (m[1], m[4]) not in figures, line)
            figures[m[1], m[4]] = float(m[5])
            true("counters, and they alone, end in _total", (kinds[m[1]] == "counter") == m[1].endswith("_total"), line)
    return figures


def metrics(fleet):
    log = open("metrics.log", "wb")
    server = fleet.spawn("drover", "metrics", f"broker={fleet.control}", f"dashboard={fleet.board}", f"key={fleet.keys}/eye.key",
                "listen=127.0.0.1:0", out=log)
    port = until("a port", lambda: re.search(rb"port (\d+)", open("metrics.log", "rb").read()))[1].decode()
    until("ready", lambda: get(port, "/readyz")[0] == 200)
    until("both hosts", lambda: 'host="far"' in get(port, "/metrics")[2] and 'host="ne\\"ar"' in get(port, "/metrics")[2])
    time.sleep(2)
    status, kind, page = get(port, "/metrics")
    true("the page's kind", status == 200 and kind.startswith("text/plain; version=0.0.4"), kind)
    f = parsed(page)
    true("up", f["drover_up", None] == 1)
    true("processes", f["drover_processes", "actor"] == 4 and f["drover_processes", "supervisor"] == 2, page)
    true("a host's", f["drover_host_processes", "far"] == 3 and f["drover_host_weights_bytes_per_second", "far"] == 3000, page)
    true("a machine's", f["drover_host_memory_bytes", "far"] == 1 << 34 and f["drover_host_received_bytes_total", "far"] == 10, page)
    true("idle", f["drover_idle_ratio", "actor"] > .9, page)
    if shutil.which("promtool"):
        check = subprocess.run(["promtool", "check", "metrics"], input=page.encode(), capture_output=True)
        true("promtool check metrics", check.returncode == 0 and not check.stderr, (check.stdout + check.stderr).decode())
        print("promtool check metrics: nothing to say")
    stats = json.loads(get(port, "/v1/stats")[2])
    true("JSON", stats["scale"] == {"actors": 4, "actors_wanted": 4} and stats["holds"] == "learner" and
         {h["name"] for h in stats["hosts"]} == {"far", 'ne"ar'} and stats["hosts"][0]["machine"]["cores"] == 8, stats)
    true("nothing else", get(port, "/etc/passwd")[0] == 404 and get(port, "/metrics", "POST")[0] == 405)
    fleet.broker.kill()
    fleet.broker.wait()
    until("not ready without a broker", lambda: get(port, "/readyz")[0] == 503, 15)
    until("down", lambda: parsed(get(port, "/metrics")[2]) == {("drover_up", None): 0}, 15)
    true("alive", get(port, "/healthz")[0] == 200 and get(port, "/v1/stats")[0] == 503)
    fleet.start()
    until("ready again", lambda: get(port, "/readyz")[0] == 200, 15)
    true("up again", parsed(get(port, "/metrics")[2])["drover_up", None] == 1)
    server.terminate()
    true("a clean end", server.wait(5) == 0)


def main():
    folder = tempfile.mkdtemp(prefix="drover-watching-")
    os.chdir(folder)
    fleet = Fleet()
    crowd = Crowd(fleet.control, fleet.keys, ["far", 'ne"ar'], 2)
    try:
        metrics(fleet)
    finally:
        crowd.end()
        fleet.end()
    shutil.rmtree(folder)
    print("a fleet can be watched")


if __name__ == "__main__":
    main()

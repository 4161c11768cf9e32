#!/usr/bin/env python3
"""Who watches a fleet, on a real broker with keys and peers that speak its protocol: `drover metrics`
is read as Prometheus, Kubernetes and KEDA read it, over a restart of the broker; `drover top` in a terminal.

usage: watching.py BIN_FOLDER        needs pyzmq and msgpack, else it is skipped; promtool is asked if it is there"""
import fcntl, json, os, pty, re, select, shutil, struct, subprocess, sys, tempfile, termios, threading, time, urllib.error, urllib.request

sys.dont_write_bytecode = True
try:
    import msgpack, zmq
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from fleet import ENV, free_row, new_keys, program, tool
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
        self.control, self.bulk, self.board = (f"tcp://127.0.0.1:{p}" for p in free_row())
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
            m = re.fullmatch(r'(drover_[a-z0-9_]+)(\{(role|host|run|reason)="((?:[^"\\\n]|\\.)*)"\})? (\S+)', line)
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


def seen(fleet):
    """Who of the folder came, and when last; of two addresses at the first nobody is. The broker has just come back: each finds it in its own time."""
    tool("drover", "keys", "add", fleet.keys, "never", "role=actor")

    def rows():
        listed = tool("drover", "keys", "list", fleet.keys, f"broker=tcp://127.0.0.1:1,{fleet.control}").splitlines()
        at = next(line for line in listed if line.startswith("NAME")).index("SEEN")
        return {line.split()[0]: line[at:].split("  ")[0].strip() for line in listed if " actor " in line or " supervisor " in line}

    until("who is here", lambda: (rows()["ant"], rows()["boss"]) == ("now", "now"))
    true("who never was", rows()["never"] == "-", rows())
    said = subprocess.run([program("drover"), "drain", "nobody", f"broker=tcp://127.0.0.1:1,{fleet.control}",
                           f"key={fleet.keys}/operator.key"], env=ENV, text=True, capture_output=True)
    true("an order to the second of two", said.returncode == 1 and "no supervisor of that host is connected" in said.stderr, said.stderr)


class Screen:
    """`drover top` in a terminal of its own, as far as ncurses uses one: cursor, erasing, repeating."""

    def __init__(self, fleet, lines, columns):
        self.pid, self.master = pty.fork()
        if not self.pid:
            os.execve(program("drover"), ["drover", "top", f"broker={fleet.control}", f"dashboard={fleet.board}",
                                          f"key={fleet.keys}/eye.key"], dict(ENV, TERM="xterm-256color"))
        self.rest, self.coloured = "", False
        self.size(lines, columns)

    def size(self, lines, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.lines, self.columns, self.x, self.y, self.last = lines, columns, 0, 0, " "
        self.cell, self.region = [[" "] * columns for _ in range(lines)], (0, lines)

    def put(self, c, n=1):
        self.last = c
        for _ in range(n):
            if self.x < self.columns and self.y < self.lines:
                self.cell[self.y][self.x] = c
            self.x += 1

    def control(self, words, what):
        n = [int(w) if w.isdigit() else 0 for w in words.split(";")]
        first = n[0] or 1
        row = self.cell[min(self.y, self.lines - 1)]
        if what == "H":
            self.y, self.x = first - 1, (n[1] if len(n) > 1 and n[1] else 1) - 1
        elif what in "dG":
            self.y, self.x = (first - 1, self.x) if what == "d" else (self.y, first - 1)
        elif what in "ABCD":
            self.y += {"A": -first, "B": first}.get(what, 0)
            self.x += {"C": first, "D": -first}.get(what, 0)
        elif what == "b":
            self.put(self.last, first)
        elif what == "K":
            row[self.x:] = [" "] * len(row[self.x:])
        elif what == "X":
            row[self.x:self.x + first] = [" "] * len(row[self.x:self.x + first])
        elif what == "J":
            for y in range(0 if n[0] == 2 else self.y + 1, self.lines):
                self.cell[y] = [" "] * self.columns
            if n[0] != 2:
                row[self.x:] = [" "] * len(row[self.x:])
        elif what == "P":
            row[self.x:] = row[self.x + first:] + [" "] * (len(row[self.x:]) - len(row[self.x + first:]))
        elif what == "@":
            row[self.x:] = ([" "] * first + row[self.x:])[:len(row[self.x:])]
        elif what == "r":
            self.region, self.x, self.y = (first - 1, n[1] if len(n) > 1 and n[1] else self.lines), 0, 0
        elif what in "STLM":
            top, end = self.region[0] if what in "ST" else self.y, self.region[1]
            gone, new = self.cell[top:end], [[" "] * self.columns for _ in range(min(first, end - top))]
            self.cell[top:end] = gone[len(new):] + new if what in "SM" else new + gone[:len(gone) - len(new)]
        elif what == "m":
            self.coloured |= any(30 < c < 38 for c in n)
        else:
            true(f"a known control, not {words}{what}", what in "hlt")

    def feed(self, text):
        text = self.rest + text
        at = 0
        while at < len(text):
            m = re.compile(r"\x1b(?:\[([0-9;?]*)([@-~])|[()].|[=>78M])").match(text, at)
            if m:
                if m[2]:
                    self.control(m[1], m[2])
                elif m[0] == "\x1bM" and self.y == self.region[0]:
                    self.control("1", "T")
                elif m[0] == "\x1bM":
                    self.y -= 1
                at = m.end()
                continue
            if text[at] == "\x1b":
                break
            c, at = text[at], at + 1
            if c == "\r":
                self.x = 0
            elif c == "\n" and self.y == self.region[1] - 1:
                self.control("1", "S")
            elif c == "\n":
                self.y += 1
            elif c == "\b":
                self.x -= 1
            elif c >= " ":
                self.put(c)
        self.rest = text[at:]

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cell)

    def shows(self, so, what, seconds=20):
        """Until the screen is as it should be."""
        end = time.monotonic() + seconds
        while not so(self.text()):
            true(f"{what} on the screen", time.monotonic() < end, self.text())
            if select.select([self.master], [], [], .2)[0]:
                self.feed(os.read(self.master, 65536).decode(errors="replace"))
        return self.text().split("\n")

    def press(self, keys):
        os.write(self.master, keys.encode())


def top(fleet):
    """Sixty actors on twenty hosts: a table that scrolls, sorts, folds, and grows with the terminal."""
    more = Crowd(fleet.control, fleet.keys, [f"host-{i:02}" for i in range(15)], 3)
    screen = Screen(fleet, 24, 80)
    try:
        rows = screen.shows(lambda t: "rows 1-" in t and " of 66 " in t, "sixty")
        true("what matters in 80 columns", any(r.startswith("HOST            ROLE       STATE    TOK/S BUSY  VERS.  WAITS FOR") for r in rows), rows)
        true("colours", screen.coloured)
        true("the whole of it", len(rows) == 24 and rows[-1].startswith("q quits") and rows[0].startswith("no run"), rows)
        true("sorted by host", [r for r in rows if " actor " in r][0].startswith("far"), rows)
        for _ in range(6):
            screen.press("\x1b[6~")  # PgDn
        screen.shows(lambda t: "-66 of 66 " in t and 'ne\\"ar' not in t and 'ne"ar' in t, "the end")
        screen.press("f")
        screen.shows(lambda t: "rows 1-" in t and " of 17 " in t and "PROC  ACT" in t, "hosts")
        screen.press("fw")
        screen.shows(lambda t: "(w)" in t and " of 66 " in t, "another order")
        screen.size(50, 200)  # the system tells the program
        rows = screen.shows(lambda t: "MEMORY" in t and "WIRE MB" in t and "avx2" in t and t.split("\n")[-1].startswith("q quits"), "more")
        true("more rows", sum(" actor " in r or " supervisor " in r for r in rows) > 35, rows)
        true("curves", any(r.startswith("curves   tokens/s ") for r in rows), rows)
        screen.press("?")
        screen.shows(lambda t: "fold: a row a machine" in t and "HOST  " not in t, "the keys")
        screen.press("?")
        screen.shows(lambda t: "HOST  " in t, "the table again")
        screen.press("q")
        until("the end", lambda: os.waitpid(screen.pid, os.WNOHANG)[0])
        screen.pid = 0
    finally:
        if screen.pid:
            os.kill(screen.pid, 9)
            os.waitpid(screen.pid, 0)
        os.close(screen.master)
        more.end()


def main():
    folder = tempfile.mkdtemp(prefix="drover-watching-")
    os.chdir(folder)
    fleet = Fleet()
    crowd = Crowd(fleet.control, fleet.keys, ["far", 'ne"ar'], 2)
    try:
        metrics(fleet)
        seen(fleet)
        top(fleet)
    finally:
        crowd.end()
        fleet.end()
    shutil.rmtree(folder)
    print("a fleet can be watched")


if __name__ == "__main__":
    main()

"""A page of `drover annotate` for tests: its server over a store of a few items, and people who talk to it by HTTP."""
import atexit
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import uuid

PAIRS = [{"mode": "pair", "prompt": f"Question {i}?", "candidates": [f"First answer to {i}.", f"Another one to {i}, longer."]} for i in range(6)]


def check(holds, *words):
    if not holds:
        raise SystemExit("FAILED: " + " ".join(str(word) for word in words)[:2000])


class Server:
    """items: lines of make_store; words: further keys of the command."""

    def __init__(self, bins, items=PAIRS, overlap=1, *words, store=None):
        self.bins, self.words = bins, words
        self.folder = tempfile.TemporaryDirectory()
        self.store = store or os.path.join(self.folder.name, "prefs.db")
        if items:
            lines = "".join(json.dumps(item) + "\n" for item in items)
            subprocess.run([os.path.join(bins, "..", "tests", "bin", "make_store"), self.store, str(overlap)], input=lines, text=True, check=True)
        self.start()

    def start(self):
        self.log = open(os.path.join(self.folder.name, f"log-{uuid.uuid4().hex}"), "w+")
        self.process = subprocess.Popen([self.bins + "/drover", "annotate", "store=" + self.store, "open=false", "name=owner", *self.words], stdout=subprocess.DEVNULL, stderr=self.log)
        atexit.register(self.process.kill)  # a test that fails leaves nobody behind
        until = time.monotonic() + 60
        found = None
        while not found and time.monotonic() < until and self.process.poll() is None:
            found = re.search(r"^open (https?)://([^/]+)/#token=(\w+)$", self.said(), re.M)
            time.sleep(0.01)
        check(found, "no address:", self.said())
        self.scheme, self.host, self.token = found.groups()
        self.port = int(re.search(r":(\d+)$", self.host).group(1)) if ":" in self.host else None

    def said(self):
        with open(self.log.name) as log:
            return log.read()

    def address(self):
        """The newest one-time address."""
        return re.findall(r"https?://\S+#token=\w+", self.said())[-1]

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(60)
        check(number == signal.SIGKILL or status == 0, "ends with", status, self.said())
        return self.said()


class Person:
    """A browser of somebody: a cookie, the page's token."""

    def __init__(self, server, **how):
        self.server, self.cookie, self.csrf, self.me = server, None, "", None
        if how:
            path = "/api/enter" if "token" in how else "/api/join" if "invite" in how else "/api/login"
            self.me = self.ask(path, how)
            self.csrf = self.me["csrf"]

    def raw(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        sent = {"Host": self.server.host}
        if self.cookie:
            sent["Cookie"] = self.cookie
        if method == "POST":
            sent |= {"Origin": f"{self.server.scheme}://{self.server.host}", "Content-Type": "application/json", "X-CSRF-Token": self.csrf}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        connection.putrequest(method, path, skip_host=True)
        body = body.encode() if isinstance(body, str) else body
        for key, value in sent.items():
            if value is not None:
                connection.putheader(key, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        for value in answer.headers.get_all("Set-Cookie") or []:
            self.cookie = value.split(";")[0]
            self.cookie_words = value
        connection.close()
        return answer.status, data, answer.headers

    def status(self, method, path, body=None, **headers):
        return self.raw(method, path, json.dumps(body) if method == "POST" and not isinstance(body, (str, bytes)) else body, **headers)[0]

    def ask(self, path, body=None, want=200):
        status, data, _ = self.raw("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
        check(status == want, path, body, "is answered", status, data[:300])
        return json.loads(data)

    def next(self):
        return self.ask("/api/next", {})

    def judge(self, assignment, want=200, name=None, **said):
        said = said or {"verdict": "chosen", "place": 0}
        return self.ask("/api/judge", {"id": name or uuid.uuid4().hex, "assignment": assignment["id"], "shown_ms": 900, **said}, want)

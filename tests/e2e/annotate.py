#!/usr/bin/env python3
"""drover annotate over HTTP: every route for every role, what is refused and how, and that a judgement is there once
whatever people and networks do. usage: annotate.py BIN_FOLDER"""
import concurrent.futures
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from annotate_stand import PAIRS, Person, Server, check  # noqa: E402

BIN = sys.argv[1]


def invite(admin, role):
    link = admin.ask("/api/admin/invite", {"role": role, "label": "test", "hours": 1})["link"]
    return link.split("#invite=")[1]


def everyone(server):
    owner = Person(server, token=server.token)
    people = {"admin": owner, "anyone": Person(server)}
    for role in ("annotator", "reviewer"):
        people[role] = Person(server, invite=invite(owner, role), name=role, password="a password of " + role)
    return people


def routes(people):
    """Each row of the server's own table, by each role: as far as the role reaches, 403 beyond."""
    order = ["anyone", "annotator", "reviewer", "admin"]
    table = people["admin"].ask("/api/admin/routes")["routes"]
    check(len(table) > 30 and {row["role"] for row in table} == set(order), "the table of routes:", table)
    for row in table:
        if row["path"] == "/api/logout":
            continue  # tried below
        for role, person in people.items():
            status = person.status(row["method"], row["path"], {})
            may = order.index(role) >= order.index(row["role"])
            # an empty body is refused by what it lacks, never by who sends it
            right = status in (200, 400, 404, 409) or (status == 403 and row["path"] in ("/api/enter", "/api/login")) if may else status == 403
            check(right and (row["method"] == "POST" or not may or status == 200), role, row, "is answered", status)
            other = person.status("POST" if row["method"] == "GET" else "GET", row["path"], {} if row["method"] == "GET" else None)
            check(other == 405, role, row, "by the other method is answered", other)
    for role, person in people.items():
        for path in ("/api", "/api/", "/api/next/", "//", "/../etc/passwd", "/%2e%2e/etc/passwd", "/style.css/..", "/page/main.js", "/index.html", "/."):
            check(person.status("GET", path) == 404, role, path)
    for path in ("/api/admin/state", "/api/admin/state%00", "/api/admin%2fstate", "/%61pi/admin/state"):  # as the library decodes it
        people["annotator"].ask(path, want=403)


def forged(server, person, admin):
    """What a page of elsewhere, or a form, could send in somebody's browser."""
    body = {}
    own = "http://" + server.host
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": None}, {"Origin": own + ".evil.example"},
                    {"Origin": own.replace("http:", "https:")}, {"X_CSRF_Token": None}, {"X_CSRF_Token": "0" * 64}, {"X_CSRF_Token": admin.csrf},
                    {"Host": "evil.example"}, {"Host": None}, {"Host": "127.0.0.1.evil.example"}, {"Cookie": None}, {"Cookie": "x=" + "0" * 64},
                    {"Cookie": person.cookie.split("=")[0] + "=" + "0" * 64}):
        status = person.status("POST", "/api/next", body, **headers)
        check(status in ((400, 403) if headers.get("Host", 1) is None else (403,)), headers, "is answered", status)
    check(person.status("POST", "/api/next", body, Content_Type="text/plain") == 415, "a form's body is taken")
    check(person.status("GET", "/", Host="evil.example") == 403, "DNS rebinding")
    _, _, headers = person.raw("GET", "/")
    check("default-src 'self'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"]
          and "frame-ancestors 'none'" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff", headers)
    check("HttpOnly" in person.cookie_words and "SameSite=Strict" in person.cookie_words, person.cookie_words)
    for bad in ("", "x", "[]", "{", "1", '{"a":1,"a":2}', "[" * 100000, '{"a":' * 5000, "\xff", '{"assignment":1e999}'):
        status = person.status("POST", "/api/judge", bad.encode("latin1"))
        check(status == 400, bad[:20], status)
    for odd in (None, "1", -1, 0, 10**17, 1.5, [1], 2**62):
        check(person.status("POST", "/api/judge", {"assignment": odd, "verdict": "tie", "id": "abcdefgh"}) == 404, odd)
    check(person.status("POST", "/api/judge", b" " * (3 << 20)) == 413, "a body of 3 MiB")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:  # a head without an end
        raw.sendall(b"GET / HTTP/1.1\r\n" + b"a: " + b"x" * 100000)
        raw.settimeout(30)
        try:
            while raw.recv(4096):
                pass
        except ConnectionResetError:
            pass
    person.ask("/api/me")


def doors(server, people):
    """One-time things are good once; passwords; who leaves is out."""
    check(Person(server).status("POST", "/api/enter", {"token": server.token}) == 403, "the address lets two in")
    owner = people["admin"]
    one = invite(owner, "annotator")
    check(Person(server).ask("/api/invited", {"invite": one})["role"] == "annotator", "an invite")
    joined = Person(server, invite=one, name="Zoë <b>", password="12345678")
    check(Person(server).status("POST", "/api/join", {"invite": one, "name": "other"}) == 404, "an invite lets two in")
    check(Person(server).status("POST", "/api/join", {"invite": invite(owner, "annotator"), "name": "Zoë <b>"}) == 409, "a name is taken twice")
    check(Person(server, name="Zoë <b>", password="12345678").me["role"] == "annotator", "a password")
    for said in ({"name": "Zoë <b>", "password": "12345679"}, {"name": "nobody", "password": "12345678"}, {"name": "Zoë <b>"}, {"name": "owner", "password": ""}):
        check(Person(server).status("POST", "/api/login", said) == 403, said)
    tries = [Person(server).status("POST", "/api/login", {"name": "owner", "password": str(i)}) for i in range(7)]
    check(tries.count(429) >= 1 and set(tries) == {403, 429}, "guessing a password:", tries)
    check(owner.status("POST", "/api/admin/person", {"id": owner.me["id"], "role": "annotator"}) == 409, "the last admin goes")
    check(owner.status("POST", "/api/admin/person", {"id": joined.me["id"], "standing": "forgotten"}) == 409, "forgotten by a click")
    joined.ask("/api/me")
    owner.ask("/api/admin/person", {"id": joined.me["id"], "standing": "closed"})
    check(joined.status("POST", "/api/next", {}) == 403, "who was closed out is in")
    check(Person(server).status("POST", "/api/login", {"name": "Zoë <b>", "password": "12345678"}) == 403, "who was closed out comes in")
    guest = Person(server, invite=invite(owner, "annotator"), name="guest")
    old = guest.cookie
    guest.ask("/api/logout", {})
    guest.cookie = old
    check(guest.status("POST", "/api/next", {}) == 403, "logged out, and in")
    audit = owner.ask("/api/admin/audit")["audit"]
    check({"enter", "join", "invite", "login", "logout", "person"} <= {row["action"] for row in audit} and "127.0.0.1" not in json.dumps(audit), audit)


def judging(people):
    """The same item until it is judged; twice is once; two tabs; undo; others' things are not there."""
    a, other = people["annotator"], people["reviewer"]
    first = a.next()
    check(first["offer"] == "given" and len(first["assignment"]["places"]) == 2, first)
    check(a.next()["assignment"]["id"] == first["assignment"]["id"], "a reload shows another item")
    check(not {"why", "order", "model", "gold", "chance", "key", "item"} & set(first["assignment"]), first)
    check(other.status("POST", "/api/judge", {"assignment": first["assignment"]["id"], "verdict": "tie", "id": "abcdefgh"}) == 404, "another's assignment")
    check(other.status("POST", "/api/extend", {"assignment": first["assignment"]["id"]}) == 404, "another's lease")
    for said in ({"verdict": "chosen"}, {"verdict": "chosen", "place": 2}, {"verdict": "ranking", "ranking": [[0], [1]]}, {"verdict": "undo"},
                 {"verdict": "tie", "strength": 9}, {"verdict": "tie", "strength": "2"}, {"verdict": "tie", "reason": ["x"]}, {"verdict": "tie", "flags": "x"}, {"verdict": "tie", "criteria": {"a": 2}}, {"verdict": "tie", "reason": "x" * 20000}, {"verdict": "tie", "criteria": [{"a": 9}]}, {"verdict": "step", "step": 0}):
        a.judge(first["assignment"], want=400, **said)
    check(a.ask("/api/extend", {"assignment": first["assignment"]["id"]})["expires"] >= first["assignment"]["expires"], "a lease")
    name = uuid.uuid4().hex
    saved = a.judge(first["assignment"], name=name)
    check(saved["saved"] and not saved["again"] and saved["progress"]["done"] == 1, saved)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # lost answers, double clicks: the same eight times
        again = list(pool.map(lambda _: a.judge(first["assignment"], name=name), range(8)))
    check(all(one["again"] and one["progress"]["done"] == 1 for one in again), again)
    a.judge(first["assignment"], want=409, name=name, verdict="tie")
    a.judge(first["assignment"], want=409)  # another tab, another id
    second = a.next()["assignment"]
    check(second["id"] != first["assignment"]["id"], "the next item")
    back = a.ask("/api/undo", {"id": uuid.uuid4().hex})
    check(back["assignment"]["id"] == first["assignment"]["id"] and back["assignment"]["places"] == first["assignment"]["places"], "undo shows other sides")
    check(back["progress"]["done"] == 0, back["progress"])
    a.judge(first["assignment"], verdict="both_bad", reason="<script>", flags=["unsafe"])
    a.judge(a.next()["assignment"], verdict="skip", flags=["broken"])
    a.ask("/api/pause", {"paused": True})
    check(a.next()["offer"] in ("paused", "given"), "a pause")
    a.ask("/api/pause", {"paused": False})
    for _ in range(len(PAIRS)):
        offer = a.next()
        if offer["offer"] != "given":
            break
        a.judge(offer["assignment"])
    check(offer["offer"] in ("finished", "later"), offer)
    check(Person(a.server).status("POST", "/api/undo", {"id": "abcdefgh"}) == 403, "a stranger takes back")


def held(server, people):
    """A pause of one's own is one's own to end, an admin's is not; what is open may be finished."""
    admin, other = people["admin"], people["reviewer"]
    given = other.next()
    admin.ask("/api/admin/person", {"id": other.me["id"], "standing": "held"})
    for paused in (False, True, False):
        check("admin" in other.ask("/api/pause", {"paused": paused}, want=409)["error"], "an admin's pause is ended")
    if given["offer"] == "given":
        other.judge(other.next()["assignment"])
    check(other.next()["offer"] == "held" and other.ask("/api/me")["standing"] == "held", "who is held gets something")
    check(other.status("POST", "/api/review/take", {"item": 1}) == 409, "who is held decides")
    other.ask("/api/pause", {"paused": True}, want=409)
    admin.ask("/api/admin/person", {"id": other.me["id"], "standing": "active"})
    other.ask("/api/pause", {"paused": True})
    other.ask("/api/pause", {"paused": False})
    check(other.next()["offer"] in ("given", "finished", "later"), "who is let go on gets nothing")


def half_made():
    """What cannot be filled is not there: by the page's command and by the import's; what somebody has is."""
    with tempfile.TemporaryDirectory() as folder:
        bad, good, store = (os.path.join(folder, name) for name in ("bad.jsonl", "good.jsonl", "prefs.db"))
        for path, lines in ((bad, '{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"prompt": 1\n'), (good, '{"prompt": "a", "chosen": "b", "rejected": "c"}\n')):
            with open(path, "w") as file:
                file.write(lines)
        for words in (["annotate", "store=" + store, "open=false", "data=" + bad], ["annotate", "store=" + store, "open=false", "data=" + good, "purpose=" + folder + "/none"],
                      ["prefs", "import", store, bad], ["prefs", "import", store, folder + "/none"]):
            ended = subprocess.run([BIN + "/drover", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60)
            left = sorted(set(os.listdir(folder)) - {"bad.jsonl", "good.jsonl"})
            check(ended.returncode == 1 and not left, words, "leaves", left, ended.stderr)
        ended = subprocess.run([BIN + "/drover", "prefs", "import", store, good, bad], stderr=subprocess.PIPE, text=True, timeout=60)
        check(ended.returncode == 1 and os.path.exists(store), "the file before the bad one is lost", ended.stderr)
        subprocess.run([BIN + "/drover", "prefs", "check", store], stdout=subprocess.DEVNULL, check=True, timeout=60)
        subprocess.run([BIN + "/drover", "prefs", "import", store, bad], stderr=subprocess.DEVNULL, timeout=60)
        check(os.path.exists(store), "a store that was there is taken away")


def agreeing():
    """Two people on every item: how far they agree, live and as `drover agreement` says it of a snapshot; what they differ on is
    decided by a reviewer; what is exported can be judged anew."""
    server = Server(BIN, PAIRS, 2)
    owner = Person(server, token=server.token)
    people = [owner, Person(server, invite=invite(owner, "reviewer"), name="second")]
    differs = 0
    for i in range(len(PAIRS)):
        for k, person in enumerate(people):
            given = person.next()["assignment"]
            asked = given["prompt"]["parts"][0]["text"]
            longer = next(p for p, place in enumerate(given["places"]) if "longer" in place["parts"][0]["text"])
            odd = k == 1 and asked in ("Question 1?", "Question 4?")
            differs += odd
            person.judge(given, verdict="chosen", place=1 - longer if odd else longer)
    check(differs == 2, differs)
    until = time.monotonic() + 30
    while not (live := owner.ask("/api/admin/agreement"))["fresh"] and time.monotonic() < until:
        time.sleep(0.05)
    check(live["fresh"] and "percent" in live["agreement"], live)
    check(abs(live["agreement"]["percent"]["value"] - 4 / 6) < 1e-9, live)
    snapshot = os.path.join(server.folder.name, "copy.db")
    with open(snapshot, "wb") as file:
        file.write(owner.raw("GET", "/api/admin/snapshot")[1])
    named = os.path.join(server.folder.name, "by-any.name")
    os.link(snapshot, named)  # a store is what begins like one
    told = json.loads(subprocess.run([BIN + "/drover", "agreement", named, "json=-"], capture_output=True, text=True, check=True, timeout=60).stdout)
    for key in ("percent", "krippendorff_alpha"):
        check(abs(told[key]["value"] - live["agreement"][key]["value"]) < 1e-8, key, told[key], live["agreement"][key])
    check({one["name"] for one in live["agreement"]["by_annotator"]} == {"owner", "second"} and live["agreement"]["cohen_kappa"]["pairs"], live)
    check(all(one["longer"]["n"] == 6 for one in live["agreement"]["by_annotator"]), live)  # lengths go along
    reviewer = people[1]
    queue = reviewer.ask("/api/review/queue")
    check(queue["n"] == 2, queue)
    for row in queue["items"]:
        taken = reviewer.ask("/api/review/take", {"item": row["item"]})
        check(len(taken["said"]) == 2 and {one["place"] for one in taken["said"]} == {0, 1} and "second" not in json.dumps(taken), taken["said"])
        check(owner.status("POST", "/api/review/take", {"item": row["item"]}) == 409, "two reviewers have one item")
        reviewer.judge(taken["assignment"], verdict="chosen", place=1)
    check(reviewer.ask("/api/review/queue")["n"] == 0 and owner.ask("/api/admin/state")["progress"]["adjudicated"] == 2, "decided")
    status, exported, headers = owner.raw("GET", "/api/admin/export?format=preference&labels=majority")
    rows = [json.loads(line) for line in exported.decode().splitlines()]
    check(status == 200 and len(rows) == 6 and {"prompt", "chosen", "rejected"} <= set(rows[0]) and "preference.jsonl" in headers["Content-Disposition"], status, exported[:300])
    check("second" not in exported.decode() and "owner" not in exported.decode(), "names in an export")
    for words, want in (("format=exe", 400), ("labels=best", 400), ("format=csv", 200)):
        status, data, _ = owner.raw("GET", "/api/admin/export?" + words)
        check(status == want, words, status, data[:200])
    kept = {server.store + end: "a person's own" for end in (".export", ".download")}
    for name, text in kept.items():
        with open(name, "w") as file:
            file.write(text)
    for path in ("export?format=csv", "snapshot"):
        check(owner.status("GET", "/api/admin/" + path) == 200, path)
    there = [os.path.join(server.folder.name, name) for name in os.listdir(server.folder.name) if name.endswith((".export", ".download"))]
    check({name: open(name).read() for name in there} == kept, "files beside the store:", there)
    other = Person(server, token=server.address().split("=")[1])  # the same person from elsewhere
    check(owner.status("POST", "/api/password", {"password": "a new password"}) == 200 and owner.ask("/api/me")["name"], "who sets a password stays")
    check(other.ask("/api/me")["name"] is None, "a session outlives a new password")
    server.end()
    subprocess.run([BIN + "/drover", "prefs", "forget", server.store, "annotator=second"], stderr=subprocess.DEVNULL, check=True, timeout=60)
    server.start()  # what is refused has changed nothing, also of two changes the first
    owner = Person(server, token=server.token)
    gone = next(one for one in owner.ask("/api/admin/state")["people"] if one["standing"] == "forgotten")
    owner.ask("/api/admin/person", {"id": gone["id"], "role": "annotator", "standing": "active"}, want=404)
    check(gone["role"] == "reviewer" and gone in owner.ask("/api/admin/state")["people"], "half a change")
    server.end()
    given = os.path.join(server.folder.name, "rows.jsonl")
    with open(given, "wb") as file:
        file.write(exported)
    anew = Server(BIN, None, 1, "data=" + given)
    anew.end()
    check("6 items of 6 rows" in anew.said(), anew.said())
    anew.start()
    check("0 items of 6 rows, 6 were there" in anew.said(), anew.said())
    check(Person(anew, token=anew.token).next()["offer"] == "given", "nothing to judge")
    anew.end()


def killed():
    """kill -9 while people judge: what was acknowledged is there, once; what was not may be sent again."""
    items = [dict(PAIRS[0], prompt=f"Item {i}") for i in range(400)]
    server = Server(BIN, items, 1)
    owner = Person(server, token=server.token)
    people = [owner] + [Person(server, invite=invite(owner, "annotator"), name=f"p{i}", password="12345678") for i in range(3)]
    acknowledged, waiting = [], {}

    def work(person):
        while True:
            try:
                assignment = person.next()["assignment"]
                name = uuid.uuid4().hex
                waiting[name] = (person, assignment)
                person.judge(assignment, name=name)
                acknowledged.append(name)
                del waiting[name]
            except (OSError, ValueError):  # the server is gone, in the middle of anything
                return

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for person in people:
            pool.submit(work, person)
        until = time.monotonic() + 20
        while len(acknowledged) < 40 and time.monotonic() < until:
            time.sleep(0.01)
        server.end(signal.SIGKILL)
    check(len(acknowledged) >= 40, "too few judged:", len(acknowledged))
    after = Server(BIN, None, 1, store=server.store)
    owner = Person(after, token=after.token)
    done = sum(person["judged"] for person in owner.ask("/api/admin/state")["people"])
    check(len(acknowledged) <= done <= len(acknowledged) + len(waiting), len(acknowledged), len(waiting), done)
    people[0] = owner
    for name, (person, assignment) in waiting.items():
        person = owner if person.me["name"] == "owner" else Person(after, name=person.me["name"], password="12345678")
        check(person.judge(assignment, name=name)["saved"], "what was on its way")
    total = sum(person["judged"] for person in owner.ask("/api/admin/state")["people"])
    check(total == len(acknowledged) + len(waiting), "each once:", total, len(acknowledged), len(waiting))
    status, data, headers = owner.raw("GET", "/api/admin/snapshot")
    check(status == 200 and data[:15] == b"SQLite format 3" and "attachment" in headers["Content-Disposition"], "a snapshot", status)
    check(not os.path.exists(server.store + ".download"), "the snapshot's file stays")
    after.end()


def refused(*words):
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "prefs.db")
        subprocess.run([os.path.join(BIN, "..", "tests", "bin", "make_store"), store, "1"], input=json.dumps(PAIRS[0]), text=True, check=True)
        ended = subprocess.run([BIN + "/drover", "annotate", "store=" + store, "open=false", *words], stderr=subprocess.PIPE, text=True, timeout=60)
    check(ended.returncode == 1, words, "is not refused")
    return ended.stderr


def made_for_nothing():
    """What cannot be is refused before a model works, and the store that was to be made is not there; one that was there stays."""
    with tempfile.TemporaryDirectory() as folder:
        store, pairs, prompts = (os.path.join(folder, name) for name in ("prefs.db", "pairs.jsonl", "prompts.jsonl"))
        with open(pairs, "w") as file:
            file.write(json.dumps({"prompt": "q", "chosen": "a", "rejected": "b"}) + "\n")
        with open(prompts, "w") as file:
            file.write(json.dumps({"prompt": "q"}) + "\n")

        def run(*words):
            ended = subprocess.run([BIN + "/drover", "annotate", *words], cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60)
            check(ended.returncode == 1, words, "is not refused")
            return ended.stderr

        for words, says in (((pairs, "listen=0.0.0.0:0"), "plain HTTP"), ((pairs, "tls_cert=x"), "tls_key"), ((pairs, "guideline=no.md"), "guideline"), ((pairs, "criteria=helpful"), "expected a list of names"),
                            ((folder + "/no.jsonl",), "no.jsonl"), ((prompts,), "nothing to judge"), (("model=nowhere", "prompts=" + prompts), "nowhere"), (("model=nowhere",), "needs prompts"), ((store,), "there is no")):
            check(says in run(*words), words, "does not say", says)
            check(not os.path.exists(store), words, "left a store")
        subprocess.run([BIN + "/drover", "prefs", "import", store, pairs], stderr=subprocess.DEVNULL, check=True)
        check("tls_key" in run(store, "tls_cert=x") and os.path.exists(store), "a store that was there")
        run(store, "model=nowhere", "prompts=" + prompts)
        check(os.path.exists(store), "a store that was there is gone")


def outside():
    """Where others can dial: TLS or a proxy, and the page's name."""
    check("plain HTTP" in refused("listen=0.0.0.0:0"), "plain HTTP beyond this machine")
    check("host" in refused("listen=127.0.0.1:0", "behind_proxy=127.0.0.1"), "a proxy without the page's name")
    check("behind_proxy" in refused("behind_proxy=proxy", "host=a.example"), "a proxy by name")
    check("tls_key" in refused("tls_cert=/dev/null"), "half of a certificate")
    server = Server(BIN, PAIRS, 1, "behind_proxy=127.0.0.1", "host=a.example", "listen=127.0.0.1:0")
    check((server.scheme, server.host) == ("https", "a.example"), server.scheme, server.host)
    server.port = int(next(line.split(":")[1].split()[0] for line in server.said().splitlines() if line.startswith("port:")))
    person = Person(server)
    check(person.status("GET", "/") == 403, "what did not come over TLS")
    check(person.status("GET", "/", X_Forwarded_Proto="https", Host="127.0.0.1") == 403, "past the proxy")
    check(person.status("GET", "/", X_Forwarded_Proto="https") == 200, "through the proxy")
    person.status("POST", "/api/enter", {"token": server.token}, X_Forwarded_Proto="https")
    check(person.cookie_words.startswith("__Host-") and "Secure" in person.cookie_words, person.cookie_words)
    server.end()
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", folder + "/key", "-out", folder + "/cert"], stderr=subprocess.DEVNULL) if any(
            os.access(os.path.join(part, "openssl"), os.X_OK) for part in os.environ["PATH"].split(":")) else None
        if not made or made.returncode:
            print("no openssl: TLS is not tried")
            return
        os.chmod(folder + "/key", 0o600)
        server = Server(BIN, PAIRS, 1, "tls_cert=" + folder + "/cert", "tls_key=" + folder + "/key", "host=localhost")
        context = ssl.create_default_context(cafile=folder + "/cert")
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw, context.wrap_socket(raw, server_hostname="localhost") as talk:
            talk.sendall(f"GET / HTTP/1.1\r\nHost: {server.host}\r\nConnection: close\r\n\r\n".encode())
            text = b""
            while piece := talk.recv(65536):
                text += piece
        check(b" 200 " in text and b"Strict-Transport-Security" in text, text[:300])
        server.end()
        os.chmod(folder + "/key", 0o644)
        check("tls_key" in refused("tls_cert=" + folder + "/cert", "tls_key=" + folder + "/key"), "a key that anybody reads")


def main():
    server = Server(BIN, PAIRS, 1)
    people = everyone(server)
    judging(people)
    held(server, people)
    forged(server, people["annotator"], people["admin"])
    doors(server, people)
    routes(people)
    said = server.end()
    check("planned judgements are in" in said and server.token not in said.split("\n", 1)[1], said)
    half_made()
    agreeing()
    killed()
    made_for_nothing()
    outside()
    print("ok")


main()

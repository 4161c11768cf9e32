"""What people say of a run's pairs: from the page of `drover annotate broker=` to the run and back, over a real broker,
while each of the three is killed. The run is pairs_run.py. Needs pyzmq and msgpack."""
import atexit, json, os, sqlite3, sys, tempfile, threading, time, uuid

sys.dont_write_bytecode = True
from annotate_stand import Person, Server, check
from fleet import BIN, tool
from keyed import BYE, Fleet, true
from pairs_run import Run

os.chdir(tempfile.mkdtemp(prefix="pairs"))
fleet = Fleet("pairs")
atexit.register(fleet.close)  # a test that fails leaves nobody behind
KEY = fleet.key("annotator")
run = Run(fleet.control, fleet.key("learner"), newest=5)


class Ticking:
    """The run lives while the test speaks to the page."""

    def __init__(self):
        self.on, self.lock = True, threading.Lock()
        self.thread = threading.Thread(target=self.go, daemon=True)
        self.thread.start()

    def go(self):
        while self.on:
            with self.lock:
                run.turn(5)
            time.sleep(.005)


ticking = Ticking()


def until(what, so, limit=30):
    end = time.monotonic() + limit
    while not so():
        true(f"not within {limit} s: {what}", time.monotonic() < end, server.said()[-3000:] + fleet.tails()[-2000:])
        time.sleep(.05)


def give(*pairs):
    with ticking.lock:
        names = [run.pair(*words, **more) for words, more in pairs]
        run.give(*names)
    until("the store has the pairs", lambda: set(names) <= run.kept)
    return names


def fleet_state():
    return owner.ask("/api/admin/state")["fleet"]


def start():
    global server, owner
    server = Server(BIN, None, 1, f"broker={fleet.control}", f"key={KEY}", store=os.path.abspath("people.db"))
    owner = Person(server, token=server.token)


def rows(query):
    with sqlite3.connect(f"file:{os.path.abspath('people.db')}?mode=ro", uri=True) as db:
        return db.execute(query).fetchall()


def places(item):
    return [json.dumps(place) for place in item["assignment"]["places"]]


def choose(item, words):
    """The answer that has these words, wherever it stands; its judgement's id."""
    at = next(i for i, html in enumerate(places(item)) if words in html)
    name = uuid.uuid4().hex
    check(owner.judge(item["assignment"], name=name, verdict="chosen", place=at)["saved"], "saved")
    return name


def newest():
    return list(run.judged.values())[-1]


# ---- there and back
start()
until("it is the run's annotator", lambda: run.annotator)
sides = set()
for i in range(6):
    (name,) = give(((i, f"{i} + {i}?", (f"right {i}", f"wrong {i}")), {}))
    item = owner.next()
    true("the pair is on the page", item["offer"] == "given" and f"{i} + {i}?" in json.dumps(item), item)
    sides.add("right" in places(item)[0])
    n = len(run.judged)
    choose(item, "right" if i % 2 else "wrong")
    until("the run hears it", lambda: len(run.judged) > n)
    said = newest()
    true("the verdict in the pair's order, whatever the sides were", said["verdict"] == (1 if i % 2 else 2) and said["pair"] == name, said)
    fields = run.pairs[name][1]
    true("the rollouts that were shown", said["a"] == fields["a"]["hash"] and said["b"] == fields["b"]["hash"])
    true("a pseudonym", said["annotator"].startswith("p-") and len(said["annotator"]) == 14, said["annotator"])
true("sides differ", sides == {True, False}, sides)
until("the outbox empties", lambda: fleet_state()["outbox"] == 0)
state = fleet_state()
true("the page says which run", state["run"] == run.mine.hex() and state["state"] == "here" and state["pairs"] == 6 and state["newest"] == 5, state)
true("the page of items says it", owner.ask("/api/me")["run"] == run.mine.hex())
true("the terminal says it", f"run {run.mine.hex()[:8]} is here" in server.said(), server.said())

# ---- ties, bad ones, what is taken back
(name,) = give(((10,), {}))
n = len(run.judged)
owner.judge(owner.next()["assignment"], verdict="tie")
until("a tie", lambda: len(run.judged) == n + 1 and newest()["verdict"] == 3)
tie = newest()["id"]
item = {"assignment": owner.ask("/api/undo", {"id": uuid.uuid4().hex})["assignment"]}
until("it is taken back", lambda: len(run.judged) == n + 2)
true("by name", newest()["undo"] == tie and newest()["verdict"] == 0 and newest()["pair"] == name and newest()["id"] != tie, newest())
owner.judge(item["assignment"], verdict="both_bad")
until("both bad", lambda: len(run.judged) == n + 3 and newest()["verdict"] == 4)
(name,) = give(((11,), {}))
n = len(run.judged)
owner.judge(owner.next()["assignment"], verdict="skip")
time.sleep(1)
true("a skip is no judgement", len(run.judged) == n)
give(((12, "changed minds?"), {}))
item = owner.next()
for verdict in ("tie", "both_bad", "tie"):  # faster than anything is acknowledged
    owner.judge(item["assignment"], verdict=verdict)
    owner.ask("/api/undo", {"id": uuid.uuid4().hex})
owner.judge(item["assignment"], verdict="both_bad")
until("each in its turn", lambda: len(run.judged) == n + 7)
true("in order", [s["verdict"] for s in list(run.judged.values())[n:]] == [3, 0, 4, 0, 3, 0, 4])

# ---- what a run may say, and what it may not
before = rows("SELECT count(*) FROM item")[0][0]
with ticking.lock:
    run.give(name)
    run.pairs[name][1]["a"]["text"] = "another answer under the same name"
    run.kept.discard(name)
    run.give(name)
until("answered all the same", lambda: name in run.kept)
give(((15, "no list of messages"), {"chat": True}), ((13, "[1, 2]"), {"chat": True}))
true("neither twice, nor what is no pair", rows("SELECT count(*) FROM item")[0][0] == before)
true("told once", server.said().count("passed-over") == 1, server.said())
give(((14, json.dumps([{"role": "user", "content": "<b>bold</b> & 1 < 2?"}]), ("<script>alert(1)</script>", "x" * 200_000)), {"chat": True}))
item = owner.next()
html = [part["html"] for one in [item["assignment"]["prompt"], *item["assignment"]["places"]] for part in one["parts"]]
true("messages, harmless", "&lt;b&gt;" in html[0] and not any("<script" in one or "<b>" in one for one in html), html[0])
n = len(run.judged)
owner.judge(item["assignment"], verdict="tie")
until("taken", lambda: len(run.judged) == n + 1)

# ---- killed with judgements on their way
with ticking.lock:
    run.hold = True
give(*[((20 + i,), {}) for i in range(4)])
n = len(run.judged)
for i in range(3):
    owner.judge(owner.next()["assignment"], verdict="tie")
until("said", lambda: len(run.judged) == n + 3)
true("they wait", fleet_state()["outbox"] == 3, fleet_state())
mine = list(run.judged)[n:]
server.end(9)
start()
until("said again after a kill", lambda: all(run.times[name] >= 2 for name in mine))
true("under the same names", len(run.judged) == n + 3)
true("in the order in which they were said", [name for name in run.judged if name in mine] == mine)
with ticking.lock:
    run.hold = False
    run.acknowledge(*mine[:1])
until("one is off the list", lambda: fleet_state()["outbox"] == 2)
with ticking.lock:
    run.answer = 2  # it does not know them
    run.acknowledge(*mine[1:])
until("off the list as well", lambda: fleet_state()["outbox"] == 0)
true("and told", server.said().count("would not have a judgement") == 1, server.said())
run.answer = 1

# ---- a broker that comes back at once: what is not answered is said again on the new connection
with ticking.lock:
    run.hold = True
(name,) = give(((25,), {}))
n = len(run.judged)
owner.judge(owner.next()["assignment"], verdict="tie")
until("said", lambda: len(run.judged) == n + 1)
mine = list(run.judged)[-1]
fleet.broker.kill()
fleet.broker.wait()
os.remove("pairs-broker.log")
fleet.start()
until("said again", lambda: run.times[mine] >= 2)
with ticking.lock:
    run.hold = False
    run.acknowledge(mine)
until("off the list", lambda: fleet_state()["outbox"] == 0)

# ---- no broker: people judge on
fleet.broker.kill()
fleet.broker.wait()
until("the page says so", lambda: fleet_state()["state"] == "away")
true("the terminal, too", "does not answer" in server.said(), server.said())
n = len(run.judged)
owner.judge(owner.next()["assignment"], verdict="tie")
true("saved, and waits", fleet_state()["outbox"] == 1, fleet_state())
said = server.end()
true("told at the end", "1 of them the run has not acknowledged" in said, said)
start()
true("a page without a broker", fleet_state()["outbox"] == 1 and fleet_state()["state"] in ("joining", "away"), fleet_state())
until("told", lambda: "does not answer" in server.said())
os.remove("pairs-broker.log")
fleet.start()
until("back", lambda: len(run.judged) == n + 1 and fleet_state()["outbox"] == 0)

# ---- one at a time
until("here", lambda: fleet_state()["state"] == "here")
other = Server(BIN, None, 1, f"broker={fleet.control}", f"key={fleet.key('annotator', 'annotator2')}", store=os.path.abspath("other.db"))
until("the second one is told", lambda: "has another annotator" in other.said())
other.end()

# ---- newest first; what is too old comes last, and is told once
with ticking.lock:
    run.at[0] = 20
time.sleep(1.5)
give(*[((30 + v, f"of version {v}"), {"version": [v, bytes(32)]}) for v in (19, 12, 18, 20, 3)])
until("told: two, and the one that was skipped", lambda: "3 pairs are older than the 2 versions" in server.said())
order = []
for _ in range(5):
    item = owner.next()
    order.append(int(json.dumps(item).split("of version ")[1].split("<")[0].split('"')[0].split("\\")[0]))
    owner.judge(item["assignment"], verdict="tie")
true("in this order", order[:3] == [20, 19, 18] and sorted(order[3:]) == [3, 12], order)
until("all of them go back", lambda: fleet_state()["outbox"] == 0)

# ---- exports say whose answers they are
snapshot = os.path.abspath("copy.db")
with open(snapshot, "wb") as f:
    f.write(owner.raw("GET", "/api/admin/snapshot")[1])
for format in ("preference", "judgements", "csv"):
    text = tool("drover", "prefs", "export", snapshot, f"format={format}")
    true("run and version", run.mine.hex() in text and ("version" in text), text[:500])

# ---- who is forgotten is taken back from the run
server.end()
n = len(run.judged)
tool("drover", "prefs", "forget", "people.db", "annotator=owner", "judgements=drop")
start()
until("all that stood is taken back", lambda: len(run.judged) > n and fleet_state()["outbox"] == 0)
undone = {said["undo"] for said in list(run.judged.values()) if said["verdict"] == 0}
true("by names it had heard", undone <= set(run.judged) and len(undone) == len(run.judged) - sum(1 for s in run.judged.values() if s["verdict"] == 0),
     f"{len(undone)} of {len(run.judged)}")

# ---- another run at this broker: what the first has not heard waits for it
with ticking.lock:
    run.hold = True
give(((50,), {}))
n = len(run.judged)
owner.judge(owner.next()["assignment"], verdict="tie")
until("said, and not answered", lambda: len(run.judged) == n + 1)
waits = list(run.judged)[-1]
first = run


def instead(one):
    """Another learner in the place of the one that is there, which says BYE."""
    global run, ticking
    ticking.on = False
    ticking.thread.join()
    run.say(BYE, {"reason": "done"})
    run.socket.close()
    run = one()
    ticking = Ticking()


instead(lambda: Run(fleet.control, fleet.key("learner"), newest=1))
until("the other run is here", lambda: fleet_state()["run"] == run.mine.hex(), 40)
true("nothing of the first goes to it", fleet_state()["others"] == 1 and fleet_state()["outbox"] == 0 and not run.judged, fleet_state())
instead(lambda: Run(fleet.control, fleet.key("learner"), run=first.mine, newest=20))
until("the first is back, and hears it", lambda: list(run.judged) == [waits] and fleet_state()["outbox"] == 0, 40)
server.end()
print(f"pairs: {len(first.judged)} judgements and undos of {len(first.kept)} pairs, each under one name")

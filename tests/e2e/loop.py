#!/usr/bin/env python3
"""The loop whole: a run of online-dpo in the small world, its page, and people who judge over HTTP by the world's hidden utility.
A third of them leave in the middle of an item without a word; the page's process and the learner are killed (-9) at random.
Then, from the bytes of the journal and of the store: each judgement is in the journal once and as the store has it, learnt at most
once, never what was taken back; nothing is lost between the two. The run waits for nobody: its iterations stand beside those of the
same run without people. The journal alone gives the same weights.

usage: loop.py BIN_FOLDER [long|pace]     long: people think 2 to 20 seconds; pace: nobody dies, and the seconds of iterations alone are
told: without people, with people who never answer, with people. DROVER_E2E_SEED. Needs pyzmq and msgpack"""
import hashlib, json, os, random, shutil, signal, sqlite3, statistics, struct, sys, tempfile, time

sys.dont_write_bytecode = True
try:
    import msgpack, zmq  # noqa: F401  people.py's
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from annotate_stand import Person, Server
from fleet import BIN, SEED, Run, free_ports, hash_of, prepare
from keyed import true
from loop_people import Human, Worth, invited
from people import read

LONG = sys.argv[2:] == ["long"]
PEOPLE, LEAVE = 12, 4
PAIRS = 8
AGE = 32 if LONG else 8  # iterations of this world are over in a second, and people are not; short: in less than the page's own clocks ask for
# long: people as slow as people, seconds; short: a think is a share of an iteration, whatever the machine makes of that
STEPS, BATCH, THINK, KILLS, LIMIT = (60, 256, (2, 20), 8, 3000) if LONG else (24, 96, (.3, 3), 4, 400)


def words(name, people, steps=STEPS, batch=BATCH, seed=42):
    return ["online-dpo", "model=sft", "reward_model_path=rm", "dataset=world/prompts.jsonl", f"output_dir={name}",
            f"max_steps={steps}", f"per_device_train_batch_size={batch}", f"seed={seed}", "max_new_tokens=40", "temperature=1", "learning_rate=5e-4",
            "beta=0.1", "missing_eos_penalty=1", "gradient_checkpointing=false", "eval_prompts=0", "save_steps=5",
            *([f"people.per_iteration={PAIRS}", f"people.max_age={AGE}"] if people else [])]


class Loop(Run):
    """The run alone, or with people."""

    def __init__(self, name, people=False, plan=None, **how):
        self.words = words(name, people, **plan or {})
        super().__init__(name, limit=LIMIT, **how)

    def start(self):
        self.process = self.spawn("drover", *self.words)


class Page:
    """The page's process, killed and started again at the same port; the people go on."""

    def __init__(self, run, seed=SEED, think=THINK, leave=LEAVE, undo=.03, patience=3):
        self.run, self.port, self.kills, self.left = run, free_ports(1)[0], 0, []
        self.store = os.path.abspath(f"{run.name}.db")
        self.server = self.begin()
        self.owner = Person(self.server, token=self.server.token)
        self.tempo = 1.0  # seconds that a think of 1 is
        self.worth = Worth(os.path.join(BIN, "..", "tests", "bin", "world_utility"))
        people = invited(self.owner, self.server, PEOPLE)
        self.people = [Human(one, self.worth, f"{seed}/{i}", think, lambda: self.tempo, undo, patience + i if i < leave else None) for i, one in enumerate(people)]

    def begin(self):
        return Server(BIN, None, 1, f"run={self.run.name}", f"listen=127.0.0.1:{self.port}", store=self.store)

    def keep_time(self, now):
        """A think of 1 is an iteration's time, as it was so far; of the long test it is a second."""
        self.begun = getattr(self, "begun", now)
        steps = self.run.folder.records(self.run.folder.STEP)
        self.tempo = 1.0 if LONG else (now - self.begun) / steps if steps else .1

    def kill(self):
        self.server.end(signal.SIGKILL)
        self.kills += 1
        self.server = self.begin()

    def fleet(self):
        return self.owner.ask("/api/admin/state")["fleet"]

    def end(self):
        """The last words are on their way: the outbox empties, or the run is over."""
        for one in self.people:
            one.going = False
        for one in self.people:
            one.join(60)
            true("a person was lost", one.trouble is None, repr(one.trouble))
        self.last = self.fleet()
        said = self.server.end()
        self.worth.end()
        return said


def chaos():
    """Kills at random moments between the first STEP and the last but a few."""
    chance, state = random.Random(f"{SEED}/loop"), {"page": None, "kills": 0}
    moments = sorted(chance.sample(range(3, STEPS - 4), KILLS))

    def act(run, now):
        if not state["page"]:
            if os.path.exists(f"{run.name}/fleet.json"):
                state["page"] = Page(run)
            return
        state["page"].keep_time(now)
        if moments and run.folder.records(run.folder.STEP) >= moments[0]:
            moments.pop(0)
            time.sleep(chance.uniform(0, .3))
            if len(moments) % 2:
                state["page"].kill()
            else:
                state["kills"] += bool(run.kill("learner"))
    run = Loop("loop", people=True, act=act)
    true("there were kills", state["kills"] + state["page"].kills >= KILLS - 1, str(state))
    return run, state["page"], state["kills"]


# ---- what the store says, by its own bytes

def digest(data):
    once = hashlib.blake2b(data, digest_size=32).digest()
    return hashlib.blake2b(once, digest_size=32).digest()


class Store:
    """Judgements for a run, named as the store names them: prefs/outbox.c."""

    def __init__(self, path):
        with sqlite3.connect(path) as db:
            self.secret, = db.execute("SELECT value FROM secret").fetchone()
            rows = db.execute("SELECT j.seq, j.id, j.verdict, j.choice, j.undoes, o.pair, o.version FROM judgement j JOIN assignment a"
                              " ON a.id = j.assignment JOIN origin o ON o.item = a.item WHERE a.why <> 'repeat' ORDER BY j.seq").fetchall()
            self.waits = {seq for seq, in db.execute("SELECT judgement FROM outbox")}
            self.pairs = {pair for pair, in db.execute("SELECT pair FROM origin")}
        names = {seq: self.name(seq, one) for seq, one, *_ in rows}
        skips = {seq for seq, _, verdict, *_ in rows if verdict == "skip"}
        self.said = {}  # name: (pair, verdict, what is undone, seq)
        for seq, _, verdict, choice, undoes, pair, _ in rows:
            if verdict == "skip" or undoes in skips:
                continue
            word = {"tie": 3, "both_bad": 4, "undo": 0}.get(verdict, choice + 1)
            self.said[names[seq]] = pair, word, names[undoes] if undoes else bytes(16), seq

    def name(self, seq, one):
        return digest(self.secret + struct.pack("<Q", seq) + digest(one.encode())[:8] + b"judgement".ljust(32, b"\0"))[:16]


def compare(run, page):
    """The journal and the store say the same, but for what was on its way at the end."""
    pairs, judged, learnt, counts, bad = read(f"{run.name}/journal", AGE)
    true("the journal adds up", not bad, "\n".join(bad[:10]))
    store = Store(page.store)
    true("pairs of the store are the journal's", store.pairs <= set(pairs), f"{len(store.pairs)} {len(pairs)}")
    true("nobody else spoke", set(judged) <= set(store.said), f"{len(set(judged) - set(store.said))}")
    for one, (pair, word, undo) in judged.items():
        true("as it was said", store.said[one][:3] == (pair, word, undo), f"{store.said[one]} {pair, word, undo}")
    missing = {store.said[one][3] for one in store.said if one not in judged}
    true("what the run does not have is in the outbox", missing <= store.waits, f"{len(missing)} are missing, {len(store.waits)} wait")
    true("learnt are judgements of the store, each once (the journal's reader counts)", set(learnt) <= set(store.said))
    exported, heard, trained, old, unknown, waiting, back = counts[-1]
    true("figures", exported == len(pairs) and trained == len(learnt) and unknown == 0, str(counts[-1]))
    humans = page.people
    saved, taken = sum(h.saved for h in humans), sum(h.undone for h in humans)
    true("what people were told is saved is there", len(store.said) == saved + taken, f"{len(store.said)} rows, {saved} + {taken} said")
    true("some were learnt", len(learnt) > STEPS / 4, f"{len(learnt)} of {len(judged)}")
    return pairs, judged, learnt, old, taken, store


def seconds(name):
    """Of each iteration: all of it, and what of it was no training."""
    with open(name) as f:
        rows = [json.loads(line) for line in f]
    return [row["step_time"] for row in rows if "step_time" in row], [row["drover_wait_seconds"] for row in rows if "drover_wait_seconds" in row]


class Kept(Loop):
    """A run that is there already: its folder is back before it starts."""

    def start(self):
        shutil.move("kept", self.name)
        super().start()


def replay(run):
    """On no checkpoint: the journal alone."""
    was = hash_of(run.name)
    for name in "checkpoints", "images", "model":
        shutil.rmtree(f"{run.name}/{name}", ignore_errors=True)
    os.remove(f"{run.name}/run.json")
    shutil.copy(f"{run.name}/metrics.jsonl", "metrics.was")
    shutil.move(run.name, "kept")
    Kept(run.name, people=True)
    true("the journal gives the same weights", hash_of(run.name) == was, f"{was} {hash_of(run.name)}")
    return was


def pace():
    """What people cost a run: none; those who take an item each and never say a word; those who judge."""
    told = {}
    for name, how in {"alone": None, "silent": {"leave": PEOPLE, "patience": -PEOPLE}, "judging": {"leave": 0}}.items():
        state = {}

        def act(run, now):
            if how and not state and os.path.exists(f"{run.name}/fleet.json"):
                state["page"] = Page(run, **how)
            if state:
                state["page"].keep_time(now)
        Loop(name, people=how is not None, act=act)
        if state:
            state["page"].end()
        told[name] = seconds(f"{name}/metrics.jsonl")
    alone = told["alone"]
    for name, (whole, waiting) in told.items():
        print(f"pace: {name}: an iteration {statistics.median(whole):.3f} s, {statistics.median(whole) / statistics.median(alone[0]):.2f} of alone; waiting "
              f"{statistics.median(waiting):.3f} s, {statistics.median(waiting) / statistics.median(alone[1]):.2f} of alone")


def whole():
    Loop("alone")
    run, page, kills = chaos()
    page.end()
    pairs, judged, learnt, old, taken, store = compare(run, page)
    weights = replay(run)
    calm, busy = seconds("alone/metrics.jsonl"), seconds("metrics.was")
    print(f"loop: {len(pairs)} pairs, {sum(h.saved for h in page.people)} judgements by {PEOPLE} people ({LEAVE} left without a word), {taken} taken "
          f"back, {len(judged)} rows in the journal, {len(learnt)} learnt, each once, {old} too old, {len(store.waits)} on their way at the end; "
          f"{kills} kills of the learner, {page.kills} of the page; replay {weights[:16]}")
    print(f"loop: an iteration {statistics.median(busy[0]) / statistics.median(calm[0]):.2f} of the same run's alone (median; some of its pairs are "
          "people's, who compute on the same machine)")


def main():
    folder = tempfile.mkdtemp(prefix="drover-loop-")
    os.chdir(folder)
    prepare()
    pace() if sys.argv[2:] == ["pace"] else whole()
    os.chdir("/")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()

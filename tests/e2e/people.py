#!/usr/bin/env python3
"""People in the loop, the fleet's side: a run of online-dpo with an annotator that judges by a known utility, dies and comes
back, while the learner is killed at random. What it said is journaled once, learnt at most once, never when it is too
old; the run does not wait; the journal alone gives the same weights. And an annotator that lies.

usage: people.py BIN_FOLDER      needs python3 with zmq and msgpack; without them it ends with status 77 (skipped)"""
import hashlib, json, os, random, shutil, signal, struct, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
try:
    import msgpack, zmq
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from fleet import HERE, Folder, hash_of, tool
from keyed import (EXPORT, EXPORT_OK, JUDGED, JUDGEMENT, NAMES, REFUSE, WELCOME, WHO, Fleet, joined, prepare_world, true)
from wire import Peer

SEED = int(os.environ.get("DROVER_E2E_SEED", "1"))
STEPS, PAIRS, AGE, KILLS = 160, 4, 3, 3
A, B, TIE, BAD = 1, 2, 3, 4
KEPT, UNKNOWN, OTHER, MANY = 1, 2, 3, 4
NOBODY = bytes(16)


def new_id():
    return os.urandom(16)


class Annotator(Peer):
    """Takes pairs into its store, which outlives it; says what is in its outbox until that is answered."""

    def __init__(self, fleet, store):
        super().__init__(fleet.control, fleet.key("annotator"), NAMES["annotator"], "annotator", credit=0)
        self.store, self.sent, self.refused = store, set(), 0

    def turn(self, wait_ms=20):
        got = self.hear(wait_ms)
        if got and got[0] in (WHO, WELCOME):
            self.sent.clear()
        if got and got[0] == REFUSE:
            self.refused += 1
        if got and got[0] == EXPORT:
            self.store.take(got[1], got[3])
            self.say(EXPORT_OK, {"pair": 1}, got[3]["pair"])
        if got and got[0] == JUDGED:
            n = got[3]["id"]
            for i, code in enumerate(struct.unpack(f"<{n}I", self.columns[1])):
                one = self.columns[0][16 * i:16 * i + 16]
                self.store.answers.setdefault(one, []).append(code)
                self.store.outbox.pop(one, None)
                self.sent.discard(one)
        for one, fields in list(self.store.outbox.items()) if self.welcome else []:
            if len(self.sent) >= 64:
                break
            if one not in self.sent:
                self.sent.add(one)
                self.say(JUDGEMENT, fields)
        return got


class Store:
    def __init__(self, chance):
        self.pair, self.outbox, self.answers, self.said, self.random = {}, {}, {}, {}, chance
        self.twice = 0

    def take(self, task, fields):
        self.twice += fields["pair"] in self.pair
        true("the same pair is the same", self.pair.setdefault(fields["pair"], fields) == fields)
        true("two answers that read otherwise", fields["a"]["text"] != fields["b"]["text"], str(fields))
        true("max_age is said", fields["max_age"] == AGE)

    def judge(self, pair, verdict, annotator, undo=NOBODY, **other):
        one = new_id()
        fields = {"id": one, "pair": pair["pair"], "a": pair["a"]["hash"], "b": pair["b"]["hash"],
                  "verdict": 0 if undo != NOBODY else verdict, "undo": undo, "annotator": annotator, **other}
        self.outbox[fields["id"]] = self.said[fields["id"]] = fields
        return fields["id"]


def utility(text):
    """Known: few different letters are better."""
    return -len(set(text))


def verdict(pair):
    a, b = utility(pair["a"]["text"]), utility(pair["b"]["text"])
    return A if a > b else B if b > a else TIE


def records(path):
    with open(path, "rb") as f:
        data = f.read()
    at = 8
    while len(data) - at >= 24:
        length, _, kind, _ = struct.unpack_from("<IQII", data, at + 4)
        if data[at:at + 4] != b"JREC" or len(data) < at + 24 + length:
            break
        yield kind, data[at + 24:at + 24 + length]
        at += 24 + length


def read(path, age=AGE):
    """Pairs, judgements and what was learnt, again from the journal's bytes."""
    run, pairs, judged, learnt, counts, bad = None, {}, {}, {}, [], []
    for kind, p in records(path):
        if kind == 1:
            run = p[8:24]
        elif kind == 9:
            iteration, n = struct.unpack_from("<QI", p)
            for i in range(n):
                task, a, b = struct.unpack_from("<QII", p, 12 + 120 * i)
                hashes = p[28 + 120 * i:92 + 120 * i]
                version, = struct.unpack_from("<Q", p, 92 + 120 * i)
                name = hashlib.blake2b(run + struct.pack("<QII", task, a, b) + hashes, digest_size=32).digest()[:16]
                bad += [f"pair of task {task} twice"] * (name in pairs)
                pairs[name] = iteration, version
        elif kind == 10:
            one, pair, undo = p[:16], p[16:32], p[36:52]
            word, = struct.unpack_from("<I", p, 32)
            bad += ["a judgement twice"] * (one in judged) + ["a judgement of no pair"] * (pair not in pairs)
            judged[one] = pair, word, undo
        elif kind == 11:
            iteration, n = struct.unpack_from("<QI", p)
            for i in range(n):
                pair, one = p[12 + 32 * i:28 + 32 * i], p[28 + 32 * i:44 + 32 * i]
                bad += [f"iteration {iteration} learns what is not there"] * (judged.get(one, [0])[0] != pair)
                bad += [f"iteration {iteration} learns again"] * (one in learnt)
                bad += [f"iteration {iteration} learns a tie"] * (judged.get(one, (0, 0))[1] not in (A, B))
                bad += [f"iteration {iteration} learns what is too old"] * (iteration - pairs[pair][1] > age)
                learnt[one] = iteration
            counts.append(struct.unpack_from("<7Q", p, 12 + 32 * n))
    return pairs, judged, learnt, counts, bad


class Bed:
    """A broker with keys, an actor, a rewarder; the learner as often as it is started."""

    def __init__(self, name, steps, rewards='[{"name": "a", "rule": "length", "min": 1, "max": 9}]', more=()):
        self.fleet, self.out = Fleet(name), f"{name}-run"
        shutil.rmtree(self.out, ignore_errors=True)
        f = self.fleet
        self.actor = f.spawn("drover-actor", f"--broker={f.control}", f"--key={f.key('actor')}", "--slots=8", log=f"{name}-actor")
        f.spawn("drover-rewarder", f"--broker={f.control}", f"--key={f.key('rewarder')}", log=f"{name}-rewarder")
        self.words = ["online-dpo", "model=world/model", "dataset=world/prompts.jsonl", f"output_dir={self.out}",
                      f"rewards={rewards}", "eval_prompts=0", "ties=first",
                      "per_device_train_batch_size=4", f"max_steps={steps}", "max_new_tokens=12", "learning_rate=1e-3",
                      "gradient_checkpointing=false", "save_steps=7", "reference=learner", f"broker={f.control}",
                      f"broker_key={f.key('learner')}", f"people.per_iteration={PAIRS}", f"people.max_age={AGE}", *more]
        self.folder, self.starts, self.learner = Folder(self.out), 0, None

    def start(self):
        self.starts += 1
        self.learner = self.fleet.spawn("drover-learner", *self.words, log=f"{self.fleet.name}-learner")

    def kill(self):
        self.learner.kill()
        self.learner.wait()

    def said(self):
        return self.fleet.said("learner")

    def journal(self):
        pairs, judged, learnt, counts, bad = read(f"{self.out}/journal")
        true("the journal adds up", not bad, "\n".join(bad[:10]))
        script = os.path.join(HERE, "..", "..", "examples", "journal.py")
        done = subprocess.run([sys.executable, script, f"{self.out}/journal"], stdout=subprocess.PIPE, text=True)
        true("examples/journal.py says so, too", done.returncode == 0 and (not learnt or f"{len(learnt)} of them learnt" in done.stdout), done.stdout)
        return pairs, judged, learnt, counts

    def steps(self):
        return self.folder.records(Folder.STEP)

    def replay(self):
        """The journal alone, on no checkpoint: every hash that was announced, and END, come out again."""
        was = hash_of(self.out)
        for name in "checkpoints", "images", "model":
            shutil.rmtree(f"{self.out}/{name}", ignore_errors=True)
        os.remove(f"{self.out}/run.json")
        shutil.copy(f"{self.out}/metrics.jsonl", "metrics.was")
        self.start()
        self.fleet.until("it is trained again", lambda: self.learner.poll() is not None, 120)
        true("trained again", self.learner.returncode == 0 and hash_of(self.out) == was, self.said()[-2000:])
        old, new = ([{k: v for k, v in json.loads(line).items() if "people/" in k or k == "step"} for line in open(path)]
                    for path in ("metrics.was", f"{self.out}/metrics.jsonl"))
        true("the same figures of people", old == new, f"{old[:3]}\n{new[:3]}")


def honest():
    """Judges, some of it too late, changes its mind, dies; the learner dies; pairs and judgements are what the journal says.
    Each death waits until something was learnt since the one before: so none of it depends on how fast this machine is."""
    bed, chance = Bed("honest", STEPS), random.Random(f"{SEED}/honest")
    store, due, kills, deaths, undone, seen, last = Store(chance), [], 0, 0, 0, 0, 0
    bed.start()
    annotator, asked = Annotator(bed.fleet, store), set()
    begin = time.monotonic()
    while bed.learner.poll() is None:
        true("it ends", time.monotonic() - begin < 240, bed.fleet.tails())
        annotator.turn()
        steps = bed.steps()
        for pair in set(store.pair) - asked:  # some take long: what they say is too old by then
            asked.add(pair)
            due.append((steps + (0 if chance.random() < .8 else AGE + 2 + chance.randrange(4)), pair))
        for at, pair in [d for d in due if d[0] <= steps]:
            due.remove((at, pair))
            fields = store.pair[pair]
            one = store.judge(fields, verdict(fields), "5ea1")
            if chance.random() < .15:
                store.judge(fields, BAD, "0ther")
            if chance.random() < .15:  # on second thoughts
                store.judge(fields, 0, "5ea1", undo=one)
                undone += 1
        if steps > seen and kills + deaths < KILLS + 2:
            seen, learnt = steps, len(read(f"{bed.out}/journal")[2])
            if learnt < last + 6:
                continue
            last = learnt
            if (kills + deaths) % 2:  # another process with the same store
                annotator.socket.close()
                annotator, deaths = Annotator(bed.fleet, store), deaths + 1
            else:
                time.sleep(chance.uniform(0, .2))
                bed.kill()
                kills += 1
                bed.start()
    true("the learner ended well", bed.learner.returncode == 0, bed.fleet.tails())
    pairs, judged, learnt, counts = bed.journal()
    kept = {one for one, codes in store.answers.items() if KEPT in codes}
    true("kills", kills == KILLS and deaths == 2, f"{kills} {deaths}")
    true("each pair is of the journal", set(store.pair) <= set(pairs), f"{len(store.pair)} {len(pairs)}")
    true("what was answered is in the journal", kept <= set(judged), f"{len(kept)} {len(judged)}")
    true("nobody else spoke", set(judged) <= set(store.said))
    true("nothing honest is refused", all(set(codes) == {KEPT} for codes in store.answers.values()),
         str([c for c in store.answers.values() if set(c) != {KEPT}][:5]))
    for one in judged:
        pair, word, undo = judged[one]
        said = store.said[one]
        true("as it was said", (pair, word, undo) == (said["pair"], said["verdict"], said["undo"]))
    true("people were learnt from", len(learnt) >= 6 * (KILLS + 2), f"{len(learnt)} of {len(judged)} in {STEPS}")
    exported, heard, trained, old, unknown, waiting, back = counts[-1]
    true("figures", exported == len(pairs) and trained == len(learnt) and unknown == 0 and old > 0, str(counts[-1]))
    last = json.loads([line for line in open(f"{bed.out}/metrics.jsonl") if "people/trained" in line][-1])
    true("metrics.jsonl has them", last["people/trained"] == trained and last["people/exported"] == exported, str(last))
    run = json.load(open(f"{bed.out}/run.json"))
    true("the run says what it is", "not a function of its seed alone" in run["people"] and run["people"] in bed.said())
    print(f"honest: {len(pairs)} pairs, {len(judged)} rows, {undone} undone, {len(learnt)} learnt, {old} too old, "
          f"{store.twice} pairs came again, {kills} kills of the learner")
    annotator.socket.close()
    bed.replay()
    bed.fleet.close()


def liar():
    """What it forges gets an answer and nothing else; a flood ends at the broker; the run goes on."""
    bed, chance = Bed("liar", 30), random.Random(f"{SEED}/liar")
    store = Store(chance)
    bed.start()
    annotator = Annotator(bed.fleet, store)
    bed.fleet.until("pairs", lambda: annotator.turn() and False or len(store.pair) >= 4)
    first, second = list(store.pair.values())[:2]
    bed.actor.send_signal(signal.SIGSTOP)  # the run shall not end before all is said

    def answer(what, code, *words, **fields):
        one = store.judge(*words, **fields)
        bed.fleet.until(what, lambda: annotator.turn() and False or one in store.answers, 20)
        true(what, store.answers.pop(one)[-1] == code, str(code))
        return one
    good = answer("a judgement is kept", KEPT, first, A, "5ea1")
    answer("again by the same person", MANY, first, B, "5ea1")
    answer("by another", KEPT, first, B, "0ther")
    answer("its id, another verdict", OTHER, first, B, "5ea1", id=good)
    answer("its id, another person", OTHER, first, A, "0ther", id=good)
    answer("its own words again", KEPT, first, A, "5ea1", id=good)
    answer("a pair that nobody asked about", UNKNOWN, dict(first, pair=new_id()), A, "5ea1")
    answer("other hashes", OTHER, second, A, "5ea1", a=second["b"]["hash"], b=second["a"]["hash"])
    answer("the hashes of another pair", OTHER, second, A, "5ea1", a=first["a"]["hash"], b=first["b"]["hash"])
    answer("takes back what was never said", UNKNOWN, first, 0, "5ea1", undo=new_id())
    answer("takes back another's", OTHER, first, 0, "mallory", undo=good)
    answer("takes back of another pair", UNKNOWN, second, 0, "5ea1", undo=good)
    answer("takes back its own", KEPT, first, 0, "5ea1", undo=good)
    answer("twice", UNKNOWN, first, 0, "5ea1", undo=good)
    for i in range(80):  # a pair is not a diary
        store.judge(second, A, f"n{i}")
    bed.fleet.until("more than is kept", lambda: annotator.turn() and False or not store.outbox, 30)
    codes = [c for one in list(store.said)[-80:] for c in store.answers.get(one, [])[-1:]]
    true("64 rows of a pair", codes.count(KEPT) == 64 and codes.count(MANY) == 16, str(codes))
    other, got = joined(bed.fleet, "annotator", bed.fleet.key("annotator", "second"))
    true("one annotator at a time", got and got[0] == REFUSE and got[3]["code"] == 4, str(got))
    other.socket.close()
    junk = {"pair": new_id(), "a": bytes(32), "b": bytes(32), "verdict": A, "annotator": "x"}
    for i in range(4000):  # no answer is waited for
        annotator.say(JUDGEMENT, dict(junk, id=new_id()))
    for i in range(400):
        annotator.say(EXPORT_OK, {"pair": 64}, os.urandom(64 * 16))
    bed.actor.send_signal(signal.SIGCONT)
    bed.fleet.until("it ends", lambda: annotator.turn() and False or bed.learner.poll() is not None, 120)
    true("the learner ended well", bed.learner.returncode == 0, bed.fleet.tails())
    pairs, judged, learnt, counts = bed.journal()
    true("no row too many", len([1 for pair, *_ in judged.values() if pair == second["pair"]]) == 64, str(len(judged)))
    true("nothing forged is there", {pair for pair, *_ in judged.values()} == {first["pair"], second["pair"]})
    true("they are counted", counts[-1][4] >= 8 + 16, str(counts[-1]))
    true("it is said once", bed.said().count("a judgement was not taken") == 1, bed.said()[-2000:])
    print(f"liar: {len(judged)} rows, {len(learnt)} learnt, {counts[-1][4]} refused")
    annotator.socket.close()
    bed.replay()
    bed.fleet.close()


def scored(path):
    """By which scorer each iteration's answers were scored, and after which a refresh stands."""
    of, by, refreshed, images = {}, [], [], []
    for kind, p in records(path):
        if kind == 2:
            task, sample = struct.unpack_from("<QI", p)
            n, = struct.unpack_from("<I", p, 52)
            at = 56 + 9 * n
            spans, = struct.unpack_from("<I", p, at)
            of[task, sample] = p[at + 8 + 44 * spans:at + 40 + 44 * spans]
        elif kind == 4:
            iteration, n = struct.unpack_from("<QI", p)
            by.append({of[struct.unpack_from("<QI", p, 12 + 12 * i)] for i in range(n)})
        elif kind == 12:
            refreshed.append(struct.unpack_from("<Q", p)[0])
            images.append(p[16:48].hex())
    return by, refreshed, images


def refresh():
    """A reward model that people teach: each refresh is another scorer from the next iteration on, whatever dies."""
    rm = '[{"name": "rm", "model": "rm", "people": true}]'
    bed, chance = Bed("refresh", 40, rm, ["people.min=8"]), random.Random(f"{SEED}/refresh")
    store, kills, asked, begin = Store(chance), 0, set(), time.monotonic()
    bed.start()
    annotator = Annotator(bed.fleet, store)
    while bed.learner.poll() is None:
        true("it ends", time.monotonic() - begin < 240, bed.fleet.tails())
        annotator.turn()
        for pair in set(store.pair) - asked:
            asked.add(pair)
            store.judge(store.pair[pair], verdict(store.pair[pair]), "5ea1")
        if kills < bed.folder.records(12) and kills < 2:  # right behind a refresh
            kills += 1
            bed.kill()
            bed.start()
    true("the learner ended well", bed.learner.returncode == 0, bed.fleet.tails())
    pairs, judged, learnt, counts = bed.journal()
    by, refreshed, images = scored(f"{bed.out}/journal")
    true("refreshes", len(refreshed) >= 2 and len(set(images)) == len(images), f"{refreshed} of {len(judged)}")
    true("an iteration has one scorer", all(len(some) == 1 for some in by), str([len(s) for s in by]))
    changed = [i for i in range(1, len(by)) if by[i] != by[i - 1]]
    true("it changes behind each refresh and nowhere else", changed == [i + 1 for i in refreshed], f"{changed} {refreshed}")
    true("no two are the same", len({next(iter(some)) for some in by}) == len(refreshed) + 1)
    kept = [name for name in os.listdir(f"{bed.out}/artifacts") if name in images]
    true("the newest image is kept, older ones are not", kept == images[-1:], f"{kept} {images}")
    last = json.loads([line for line in open(f"{bed.out}/metrics.jsonl") if "people/refreshes" in line][-1])
    true("they are counted", last["people/refreshes"] == len(refreshed), str(last))
    print(f"refresh: {len(judged)} judgements, refreshed after {refreshed}, {kills} kills")
    annotator.socket.close()
    bed.replay()
    bed.fleet.close()


def alone():
    """Without an annotator the run is as long, and pairs wait for nobody."""
    bed = Bed("alone", 12)
    bed.start()
    bed.fleet.until("it ends", lambda: bed.learner.poll() is not None, 120)
    pairs, judged, learnt, counts = bed.journal()
    true("pairs are chosen all the same", len(pairs) > 12 and not judged and not learnt, str(len(pairs)))
    print(f"alone: {len(pairs)} pairs, {counts[-1][5]} of them young enough to be judged")
    bed.fleet.close()


def main():
    os.chdir(tempfile.mkdtemp(prefix="drover-people-"))
    prepare_world()
    tool("drover", "reward", "model=world/model", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=2",
         "per_device_train_batch_size=4", "gradient_checkpointing=false")
    names = sys.argv[2:] or ["alone", "honest", "liar", "refresh"]
    for name in names:
        globals()[name]()
    folder = os.getcwd()
    os.chdir("/")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()

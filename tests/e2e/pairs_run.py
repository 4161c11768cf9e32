"""A run that sends pairs to people, over a broker, for tests: what it would journal it keeps in memory. Needs pyzmq and msgpack."""
import hashlib, os, struct, time

from keyed import EXPORT, EXPORT_OK, HB, JUDGED, JUDGEMENT, WELCOME, Peer, true

ID = 16


def name_of(run, task, a, b):
    """The pair's, as the protocol says it: run, u64 task, u32 sample of a and b, both hashes."""
    body = run + struct.pack("<QII", task, a["sample"], b["sample"]) + a["hash"] + b["hash"]
    once = hashlib.blake2b(body, digest_size=32).digest()
    return hashlib.blake2b(once, digest_size=32).digest()[:ID]


class Run(Peer):
    """newest: the version that it says to be at. `judged` is what it has heard, by id, `times` how often; what it answers to that is
    `answer`, unless it is to `hold` it."""

    def __init__(self, endpoint, key, run=None, newest=0):
        self.mine, self.annotator, self.kept, self.judged, self.times = run or os.urandom(ID), 0, set(), {}, {}
        self.answer, self.pairs, self.hold, self.stands = 1, {}, False, {}
        self.at = [newest, bytes(32)]
        super().__init__(endpoint, key, 1, "python-run", newest=self.at, begun=True, body_max=1 << 20)

    def say(self, kind, fields, *columns, task=0, sample=0):
        self.run, self.epoch = self.mine, 1
        super().say(kind, fields, *columns, task=task, sample=sample)

    def beat(self):
        self.said = time.monotonic()
        self.me["newest"] = self.at
        if self.welcome:
            self.say(HB, {"newest": self.at, "credit_bytes": 1 << 24, "lease_seen": self.seen})
        else:
            self.say(1, self.me)

    def pair(self, task, prompt="2 + 2?", texts=("four", "five"), version=None, **more):
        a, b = ({"sample": i, "hash": hashlib.sha256(f"{task}.{i}".encode()).digest(), "text": text} for i, text in enumerate(texts))
        fields = {"pair": name_of(self.mine, task, a, b), "iteration": task, "version": version or list(self.at), "max_age": 2, "chat": False,
                  "prompt": prompt, "a": a, "b": b, **more}
        self.pairs[fields["pair"]] = (task, fields)
        return fields["pair"]

    def give(self, *names):
        """At most eight at a time, as the protocol has it."""
        for name in names:
            task, fields = self.pairs[name]
            self.say(EXPORT, fields, task=task)

    def turn(self, wait_ms=20):
        heard = self.hear(wait_ms)
        if not heard:
            return
        kind, _, _, fields = heard
        if kind == HB and fields.get("annotator", 0) != self.annotator:
            self.annotator = fields["annotator"]
            if self.annotator:
                self.give(*[name for name in self.pairs if name not in self.kept][:8])
        if kind == EXPORT_OK:
            column = self.columns[0]
            true("as many as it says", len(column) == ID * fields["pair"])
            self.kept |= {column[i:i + ID] for i in range(0, len(column), ID)}
        if kind == JUDGEMENT:
            self.believe(fields)
            self.times[fields["id"]] = self.times.get(fields["id"], 0) + 1
            if not self.hold:
                self.acknowledge(fields["id"])

    def believe(self, fields):
        """Nobody has two words of a pair that stand: the first is taken back before the second comes."""
        who = fields["pair"], fields["annotator"]
        if fields["id"] not in self.judged and fields["verdict"]:
            true("one at a time", self.stands.setdefault(who, fields["id"]) == fields["id"], fields)
        elif fields["id"] not in self.judged:
            true("what is taken back stands", self.stands.pop(who, None) == fields["undo"], fields)
        self.judged[fields["id"]] = fields

    def acknowledge(self, *names):
        self.say(JUDGED, {"id": len(names), "answer": len(names)}, b"".join(names), struct.pack(f"<{len(names)}I", *[self.answer] * len(names)))

    def until(self, what, so, limit=30):
        end = time.monotonic() + limit
        while not so():
            true(f"not within {limit} s: {what}", time.monotonic() < end, f"kept {len(self.kept)} judged {len(self.judged)}")
            self.turn()

#!/usr/bin/env python3
"""The rules by which a false answer is taken back, as a state machine that is searched exhaustively.

One sample; a learner with a journal that survives it; a broker without a disk; an actor that is honest and one that may
lie; scores. Faults, at most N of them anywhere: the learner is killed, the broker restarts, the learner's connection is
cut with what is under way, a lease expires, an actor dies, the honest actor errs. What an old connection still carried may be heard late, or
never. Searched is every order of every step. Nothing may go wrong:

  never   a false answer is trained; an answer is trained twice, or refused after it was trained;
          the broker takes a sample for settled that the journal lacks, once nothing is under way
  always  from every state the right answer can still be trained, without another fault, whatever was lost;
          and the liar cannot keep that from happening for ever: it lies a bounded number of times

usage: protocol.py [FAULTS [-v]]      ends with 0 if no state is wrong, and each rule, taken away, makes one wrong
Each rule has its place in the program; the name here is what `RULES` says of it."""
import sys
from collections import namedtuple

RULES = {
    "compare": "answers are compared before anything of their iteration is kept (iteration_compare.c)",
    "epoch": "what is settled is lowered by a new epoch only (ledger_refuse_start, learner_bind)",
    "group": "REFUSED and START of the next epoch are one group in the journal (ledger_refuse.c)",
    "fence": "a learner's words of an earlier epoch are not heard (broker_take)",
    "again": "whose answers were refused is said again after WELCOME (fleet_refuse_again)",
    "aside": "who lied gets no work while another can do it (suspects.c)",
    "unasked": "nor is anything taken of it that nobody asked for (rollouts_on_rollout)",
    "hands": "what it has in hand goes to others (refused.c)",
}
TRUE, FALSE = 1, 2
MOST = 8  # epochs: more of them than faults and one lie can make means that it never ends

# The journal: newest START, the sample that stands in it (0: none), what a STEP trained, whether REFUSED stands in it.
Journal = namedtuple("Journal", "epoch sample trained refused")
# The learner: alive, its epoch, welcome on its connection, what is being written: "", S, R, P and the answer.
Learner = namedtuple("Learner", "alive epoch welcome writing")
# The broker: epoch, settled, the task's epoch is this one, where the sample is, and whether the liar is set aside.
# Places: "" closed, "wait", "honest" or "liar" has it, then body, scored, sent with the answer behind it.
Broker = namedtuple("Broker", "epoch settled open state answer aside")
# up, down: under way on the learner's connection; old: what a former one may still bring. held: bodies of the actors.
State = namedtuple("State", "journal learner broker up down old honest liar faults")

START = State(Journal(1, 0, 0, False), Learner(True, 1, False, ""), Broker(0, False, False, "", 0, False),
              (("hello", 1, False),), (), (), 0, 0, 0)


def put(s, **more):
    return s._replace(**more)


def hello(s):
    """The learner says what it holds; nothing else goes before WELCOME."""
    learner = s.learner._replace(welcome=False)
    return put(s, learner=learner, up=s.up + (("hello", learner.epoch, s.journal.sample != 0),))


def learner_hears(s, rules):
    kind, epoch, answer = s.down[0]
    s = put(s, down=s.down[1:])
    if kind == "welcome":
        up = s.up
        if s.journal.refused and "again" in rules:
            up += (("refused", s.learner.epoch, 0),)
        if not s.journal.sample:
            up += (("open", s.learner.epoch, 0),)
        return put(s, learner=s.learner._replace(welcome=True), up=up)
    if epoch != s.learner.epoch or s.journal.sample or s.learner.writing or s.journal.trained:
        return s
    return put(s, learner=s.learner._replace(writing=f"S{answer}"))


def learner_writes(s, rules):
    """The group that is pending becomes durable, all of it."""
    kind, answer = s.learner.writing[0], int(s.learner.writing[1])
    s = put(s, learner=s.learner._replace(writing=""))
    if kind == "S":
        s = put(s, journal=s.journal._replace(sample=answer))
        if s.learner.welcome:
            s = put(s, up=s.up + (("settled", s.learner.epoch, True),))
        return s
    if kind == "P":
        return put(s, journal=s.journal._replace(trained=answer))
    more = "epoch" in rules
    s = put(s, journal=s.journal._replace(sample=0, refused=True, epoch=s.journal.epoch + (more and "group" in rules)),
            learner=s.learner._replace(epoch=s.learner.epoch + more),
            up=s.up + ((("refused", s.learner.epoch, 0),) if s.learner.welcome and "again" not in rules else ()))
    return hello(s)


def broker_hears(s, message, rules):
    kind, epoch, settled = message
    b = s.broker
    if kind == "hello":
        if epoch < b.epoch:
            return s
        if epoch > b.epoch:
            b = b._replace(epoch=epoch, open=False, settled=settled)
            if b.state == "settled" and not settled:  # lowered: opened afresh
                b = b._replace(state="", answer=0)
        else:
            b = b._replace(settled=settled)
        if settled:
            b = b._replace(state="settled", answer=0)
        if b.state == "sent":
            b = b._replace(state="scored")
        return put(s, broker=b, down=s.down + (("welcome", epoch, 0),))
    if epoch != b.epoch and "fence" in rules:
        return s
    if kind == "settled" and settled:
        b = b._replace(settled=True, state="settled", answer=0)
    elif kind == "open" and b.state != "settled":
        b = b._replace(open=True, state=b.state or "wait")
    elif kind == "refused":
        b = b._replace(aside=True)
        if b.state == "liar" and "hands" in rules:
            b = b._replace(state="wait")
    return put(s, broker=b)


def takes(s, who, rules):
    """May the broker take this actor's answer now?"""
    if not s.broker.open or s.broker.state not in ("wait", "honest", "liar"):
        return False
    return who == "honest" or not s.broker.aside or not {"unasked", "aside"} <= rules


def steps(s, rules):
    """Everything that may happen next without a fault."""
    j, l, b = s.journal, s.learner, s.broker
    if l.alive and l.writing:
        yield "writes", learner_writes(s, rules)
    if l.alive and s.down:
        yield "hears", learner_hears(s, rules)
    if l.alive and not l.writing and j.sample and not j.trained:
        if j.sample == FALSE and "compare" in rules:
            yield "refuses", put(s, learner=l._replace(writing=f"R{FALSE}"))
        else:
            yield "trains", put(s, learner=l._replace(writing=f"P{j.sample}"))
    if not l.alive:  # START, one more than any in the journal, is durable before anybody hears of it
        again = put(s, journal=j._replace(epoch=j.epoch + 1), learner=Learner(True, j.epoch + 1, False, ""))
        yield "starts", hello(again)
    if l.alive and not l.welcome and not s.up and not s.down:
        yield "asks again", hello(s)
    if s.up:
        yield "broker hears", broker_hears(put(s, up=s.up[1:]), s.up[0], rules)
    if s.old:
        yield "broker hears late", broker_hears(put(s, old=s.old[1:]), s.old[0], rules)
    if b.open and b.state == "wait":
        yield "leases", put(s, broker=b._replace(state="honest"))
        if not b.aside or "aside" not in rules:
            yield "leases to the liar", put(s, broker=b._replace(state="liar"))
    if b.state == "honest" and not s.honest:
        yield "writes truth", put(s, honest=TRUE)
    if not s.liar and (b.state == "liar" or takes(s, "liar", rules)):
        yield "lies", put(s, liar=FALSE)
    if s.honest:
        got = b._replace(state="body", answer=s.honest) if takes(s, "honest", rules) else b
        yield "brings", put(s, broker=got, honest=0)
    if s.liar:
        got = b._replace(state="body", answer=s.liar) if takes(s, "liar", rules) else b
        yield "liar brings", put(s, broker=got, liar=0 if b.state in ("liar", "settled") or got != b else s.liar)
    if b.state == "body":
        yield "scores", put(s, broker=b._replace(state="scored"))
    if b.state == "scored" and b.open and l.welcome:
        yield "delivers", put(s, broker=b._replace(state="sent"), down=s.down + (("sample", b.epoch, b.answer),))


def faults(s):
    l, b = s.learner, s.broker
    more = {"faults": s.faults + 1}
    late = (s.old + s.up)[-2:]
    for old in {late, ()}:
        if l.alive:
            yield "learner killed", put(s, learner=Learner(False, 0, False, ""), up=(), down=(), old=old, **more)
            yield "connection cut", hello(put(s, up=(), down=(), old=old, **more))
    place = b.state if b.state in ("honest", "liar") else ""
    if l.alive:
        yield "broker restarts", put(s, broker=Broker(0, False, False, "", 0, False), up=(), down=(), old=(),
                                     learner=l._replace(welcome=False), **more)
    if place:
        yield "lease expires", put(s, broker=b._replace(state="wait"), **more)
        yield "actor dies", put(s, broker=b._replace(state="wait"), **{**more, place: 0})
    if s.honest == TRUE:
        yield "a bit flips", put(s, honest=FALSE, **more)


def wrong(s):
    j, b = s.journal, s.broker
    if j.trained == FALSE:
        return "a false answer was trained"
    if j.trained and not j.sample:
        return "an answer was refused after it was trained"
    if b.settled and b.epoch == s.learner.epoch and s.learner.alive and not j.sample and not s.up and not s.learner.writing:
        return "the broker takes for settled what the journal lacks"
    if j.refused and s.learner.welcome and not s.up and not s.down and not s.old and not b.aside and b.epoch == s.learner.epoch:
        return "the broker does not know who lied"
    if j.epoch > MOST:
        return "lies without end"
    return None


def search(rules, most):
    """The first wrong state and the way there; or None, and how many states there are."""
    came, order, onward = {START: None}, [START], {}
    for s in order:
        words = wrong(s)
        if words:
            return words, way(came, s), len(came)
        onward[s] = [n for _, n in steps(s, rules)]
        for name, n in list(steps(s, rules)) + (list(faults(s)) if s.faults < most else []):
            if n not in came:
                came[n] = (s, name)
                order.append(n)
    back = {}
    for s, some in onward.items():
        for n in some:
            back.setdefault(n, []).append(s)
    good = [s for s in order if s.journal.trained == TRUE]
    reach = set(good)
    for s in good:
        for p in back.get(s, ()):
            if p not in reach:
                reach.add(p)
                good.append(p)
    for s in order:
        if s not in reach:
            return "nothing leads to the right answer any more", way(came, s), len(came)
    return None, [], len(came)


def way(came, s):
    names = []
    while came[s]:
        s, name = came[s]
        names.append(name)
    return names[::-1]


def main():
    most, bad = int((sys.argv[1:] + ["2"])[0]), 0
    for n in range(most + 1):
        words, names, states = search(set(RULES), n)
        print(f"{n} faults: {states} states, {words or 'none of them wrong'}", *([", ".join(names)] if words else []), flush=True)
        bad += bool(words)
    for rule, where in RULES.items():
        for n in range(most + 1):
            words, names, states = search(set(RULES) - {rule}, n)
            if words:
                break
        print(f"without '{rule}' ({where}): {words or 'NOTHING is wrong: what is it for?'}"
              + (f", with {n} faults, after {len(names)} steps" if words else ""), flush=True)
        if words and "-v" in sys.argv:
            print("   ", ", ".join(names))
        bad += not words
    return bad


sys.exit(main() != 0)

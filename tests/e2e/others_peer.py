"""Peers that do harm, for others.py.
usage: others_peer.py refuser ENDPOINT KEY          an actor that FAILs all it is leased
       others_peer.py own --broker=ENDPOINT --key=KEY ...  the same in the learner's own actor's place
       others_peer.py scorer ENDPOINT KEY PLAN ...  a reward worker `mine`: each PLAN is right, nan, count, frame or die,
                                                    N times as nan:3; the last one for ever"""
import itertools, os, select, sys

sys.dont_write_bytecode = True
from wire import ACTOR, ASK, FAIL, LEASE, REWARDER, SCORE, Peer


def refuser(endpoint, key, **hello):
    peer = Peer(endpoint, key, ACTOR, "refuser", **hello)
    while not hello or not select.select([3], [], [], 0)[0]:  # the learner's pipe at its end
        heard = peer.hear()
        if heard and heard[0] == LEASE:
            _, task, first, fields = heard
            peer.seen = max(peer.seen, fields["lease"])
            peer.say(FAIL, {"lease": fields["lease"], "reason": "not my kind of work"}, task=task, sample=first)
            peer.done += 1
            peer.beat()


def own(*words):
    given = dict(word[2:].split("=", 1) for word in words)
    refuser(given["broker"], given["key"], peer=bytes.fromhex(os.environ["DROVER_PEER_ID"]))


def plans(words):
    for word in words:
        kind, _, n = word.partition(":")
        yield from itertools.repeat(kind, int(n or 1))
    yield from itertools.repeat(kind)


def scorer(endpoint, key, *words):
    peer = Peer(endpoint, key, REWARDER, "python", 1, offer=[{"kind": 3, "name": "mine"}])
    plan = plans(words)
    while True:
        heard = peer.hear()
        if not heard or heard[0] != ASK:
            continue
        ask = heard[3]
        what, n = next(plan), len(ask["item"])
        values = [len(i["text"]) / 100 for i in ask["item"]]
        peer.seen = ask["ticket"]
        if what == "die":
            sys.exit(3)
        if what == "nan":
            values[-1] = float("nan")
        if what == "count":
            peer.score(ask, values[:-1] + [0, 0])
        elif what == "frame":  # says more than it brings
            peer.say(SCORE, {"ticket": ask["ticket"], "score": {"scorer": ask["scorer"], "rollout": n, "value": n}}, b"x")
        else:
            peer.score(ask, values)
        peer.done += n
        peer.beat()


{"refuser": refuser, "own": own, "scorer": scorer}[sys.argv[1]](*sys.argv[2:])

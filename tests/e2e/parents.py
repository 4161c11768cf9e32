#!/usr/bin/env python3
"""Hosts that give weights to others, and one among them that means it ill: as a parent it sends false bytes, another version's,
nothing, or hangs up in the middle; as a child it asks without end. Real workers on two hosts by name, over the wire. The
run ends in the weights that it has in peace, nobody ends, and the broker names the parent.

usage: parents.py BIN_FOLDER [MODE ...]        needs pyzmq and msgpack, else it is skipped"""
import os, re, shutil, struct, subprocess, sys, tempfile, threading, time

sys.dont_write_bytecode = True
try:
    import msgpack, zmq
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from fleet import ENV, free_ports, hash_of, program, tool
from keyed import CONTEXT, HB, HELLO, OFFER, WELCOME, Fleet, learner_words, true
from wire import ACTOR, Peer, crc32c

WREQ, WCHUNK, WNONE, PARENT = 20, 21, 22, 30
DIGESTS, PIECES = 4, 3
PIECE, CHUNK = 1 << 16, 16
NAMED = {"false": "what it sends is not what its name says", "others": "nothing for (5|20) s", "cut": "its connection ended"}
# Of one that gives a little and then nothing the broker sees itself that it is slow: the child is given another, nobody complains.
UNNAMED = ["stall", "flood"]


class Stranger(threading.Thread):
    """A worker with a key of its own. It takes an image as others do, faster than they by what it says."""

    def __init__(self, fleet, mode):
        super().__init__(daemon=True)
        self.fleet, self.mode, self.going, self.images = fleet, mode, True, {}
        self.key = fleet.key("actor", "stranger")
        self.port, = free_ports(1)
        self.at = f"tcp://127.0.0.1:{self.port}"
        self.gave, self.asked, self.whole = 0, 0, False
        self.start()

    def run(self):
        mine = {"peer": os.urandom(16), "incarnation": 77, "host": "stranger"}
        self.control = Peer(self.fleet.control, self.key, ACTOR, "stranger", credit=0, **mine)
        self.bulk = Peer(self.fleet.bulk, self.key, ACTOR, "stranger", serve=self.at, **mine)
        self.door = self.open()
        progress, said = 0, 0
        while self.going:
            self.control.hear(2)
            if self.bulk.welcome and self.control.newest and self.control.newest[1] not in self.images:
                self.pull(self.control.newest[1])
            got = self.bulk.hear(2)
            if got:
                self.hear(*got)
            if time.monotonic() - said > .5 and self.bulk.welcome:
                said, progress = time.monotonic(), progress + (1 << 30)
                self.bulk.say(HB, {"progress": progress})
            if self.mode == "flood":
                self.flood()
            while self.door and self.door.poll(0):
                self.serve(self.door.recv_multipart())

    # ---- as a child of the broker

    def pull(self, name):
        self.images[name] = {"pieces": {}, "total": None}
        self.bulk.say(WREQ, {"hash": name, "kind": DIGESTS, "first": 0, "count": 1})

    def ask(self, name, first):
        """One chunk at a time; the first tells the broker how fast it is."""
        self.bulk.say(WREQ, {"hash": name, "kind": PIECES, "first": first, "count": CHUNK, "have": 1 if first else 0},
                      *([b"\1"] if first else []))

    def hear(self, kind, task, sample, fields):
        image = self.images.get(fields.get("hash"))
        if kind == PARENT and fields["endpoint"]:
            self.parent = fields
        elif kind == WNONE:  # not offered yet: it is asked for again
            self.images.pop(fields["hash"], None)
        elif kind == WCHUNK and image is not None and fields["kind"] == DIGESTS:
            image["digests"], image["total"] = self.bulk.columns[0], fields["total"]
            self.ask(fields["hash"], 0)
        elif kind == WCHUNK and image is not None:
            image["pieces"][fields["index"]] = self.bulk.columns[0]
            pieces = -(-image["total"] // PIECE)
            if len(image["pieces"]) == pieces:
                self.whole = True
                self.bulk.say(OFFER, {"artifact": [{"hash": name, "bytes": i["total"], "kind": 1, "name": "policy", "of": bytes(32),
                                                    "base": bytes(32)} for name, i in self.images.items() if i["total"]]})
            elif len(image["pieces"]) % CHUNK == 0:
                self.ask(fields["hash"], len(image["pieces"]))

    # ---- as a parent

    def open(self):
        keys = dict(re.findall(r'(\w+)-key = "(.{40})"', open(self.key).read()))
        s = CONTEXT.socket(zmq.ROUTER)
        s.linger, s.curve_server, s.curve_secretkey = 0, 1, keys["secret"].encode()
        s.bind(self.at)
        return s

    def answer(self, to, kind, fields, *columns):
        body = [msgpack.packb(fields), *columns]
        self.door.send_multipart([to, msgpack.packb([1, kind, bytes(16), 0, 0, 0, sum(map(len, body)), crc32c(b"".join(body))]), *body])

    def serve(self, frames):
        to, head, fields = frames[:3]
        kind, fields = msgpack.unpackb(head)[1], msgpack.unpackb(fields)
        if kind == HELLO:
            self.answer(to, WELCOME, {})
        elif kind == HB:
            self.answer(to, HB, {})
        elif kind == WREQ and fields["kind"] in (DIGESTS, PIECES) and fields["count"]:
            self.asked += 1
            self.give(to, fields)

    def give(self, to, fields):
        image = self.images[fields["hash"]]
        name = os.urandom(32) if self.mode == "others" else fields["hash"]
        if fields["kind"] == DIGESTS:
            self.answer(to, WCHUNK, {"hash": name, "kind": DIGESTS, "index": 0, "total": image["total"],
                                     "data": len(image["digests"])}, image["digests"])
            return
        for i in range(fields["first"], fields["first"] + fields["count"]):
            piece = image["pieces"][i]
            if self.mode == "stall" and self.gave > 2:
                return
            if self.mode == "cut" and self.gave > 2:
                self.door.close()  # in the middle of a chunk
                self.door = None
                return
            if self.mode == "false":
                piece = piece[:-1] + bytes([piece[-1] ^ 1])
            self.answer(to, WCHUNK, {"hash": name, "kind": PIECES, "index": i, "total": image["total"], "data": len(piece)}, piece)
            self.gave += 1

    # ---- as a child of another

    def flood(self):
        parent = getattr(self, "parent", None)
        if not parent:
            return
        if not hasattr(self, "giver"):
            self.giver = Peer(parent["endpoint"], self.key, ACTOR, "stranger")
            self.giver.socket.close()
            self.giver.key["server"] = parent["key"]
            self.giver.dial()
        self.giver.hear(1)
        for i in range(300 if self.giver.welcome else 0):
            self.giver.say(WREQ, {"hash": parent["hash"] if i % 2 else os.urandom(32), "kind": PIECES, "first": i, "count": 64})
            self.asked += 1


def worker(fleet, name, role="actor", *words, host):
    return fleet.spawn(f"drover-{role}", f"--broker={fleet.control}", f"--key={fleet.key(role, name)}", f"--name={name}", *words,
                       log=f"{fleet.name}-{name}", env=dict(ENV, DROVER_HOST=host, DROVER_HANDOVER="off"))


def run(mode):
    fleet = Fleet(mode)
    try:
        return run_on(fleet, mode)
    finally:
        fleet.close()


def run_on(fleet, mode):
    """Of an image that is large enough to be given from host to host."""
    begin, out = time.monotonic(), f"out-{mode}"
    learner = fleet.spawn("drover-learner", *learner_words(fleet, out, 4), log=f"{mode}-learner",
                          env=dict(ENV, DROVER_HANDOVER="off"))
    workers = [worker(fleet, "scorer", "rewarder", host="scores")]
    if mode == "flood":  # it comes as others do, and finds one that has the image
        workers.append(worker(fleet, "near", "actor", "--serve=tcp://127.0.0.1:0", host="near"))
        fleet.until("one that gives has it", lambda: "event=lease" in fleet.said("near") or fleet.snapshot()["leased"], 60)
    stranger = Stranger(fleet, mode) if mode != "peace" else None
    if stranger and mode != "flood":
        fleet.until("the stranger has the image", lambda: stranger.whole, 60)
    if mode != "flood":
        workers.append(worker(fleet, "near", "actor", "--serve=tcp://127.0.0.1:0", host="near"))
    workers.append(worker(fleet, "far", "actor", host="far"))
    named, end = None, time.monotonic() + 200
    while learner.poll() is None and time.monotonic() < end:
        found = re.search(r'(near|far)@127.0.0.1 takes no weights from stranger@127.0.0.1: [^"]*', fleet.said("broker"))
        named = named or (found and found[0])
        time.sleep(.1)
    true(f"{mode}: the run ends", learner.poll() == 0, fleet.tails())
    true(f"{mode}: nobody ended", all(w.poll() is None for w in workers), fleet.tails())
    if stranger:
        stranger.going = False
        stranger.join()
        true(f"{mode}: it was asked, or asked", stranger.asked > (1000 if mode == "flood" else 0), fleet.tails())
    if mode in NAMED:
        true(f"{mode}: it is named", named and re.search(NAMED[mode], named), str(named) + fleet.tails())
    print(f"{mode}: {time.monotonic() - begin:.1f} s, asked {stranger.asked if stranger else 0}: {named}", flush=True)
    return hash_of(out)


def main():
    folder = tempfile.mkdtemp(prefix="drover-parents-")
    os.chdir(folder)
    tool("drover", "world", "make", "dir=world", "layers=3", "width=256", "heads=4", "demonstrations=20", "pairs=10", "train=64",
         "heldout=4")
    true("an image that hosts give one another", os.path.getsize("world/model/model.safetensors") > 5 << 20)
    want = run("peace")
    for mode in sys.argv[2:] or [*NAMED, *UNNAMED]:
        got = run(mode)
        true(f"{mode}: {got[:16]}, in peace {want[:16]}", got == want)
    shutil.rmtree(folder)


main()

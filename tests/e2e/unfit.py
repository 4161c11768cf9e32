"""A broker of our own offers standing workers a run whose model card nobody can read. An actor and a
rewarder must say why, by FAIL and in their notes, and live. usage: unfit.py BIN_FOLDER"""
import hashlib, os, subprocess, sys, time
import msgpack, zmq

TABLE = list(range(256))
for _ in range(8):
    TABLE = [c >> 1 ^ (0x82F63B78 if c & 1 else 0) for c in TABLE]
HELLO, WELCOME, HB, LEASE, FAIL, ASK, WREQ, WCHUNK, DRAIN, BYE, BYE_OK = 1, 3, 5, 8, 12, 13, 20, 21, 25, 26, 27
RUN = os.urandom(16)
blake = lambda b: hashlib.blake2b(b, digest_size=32).digest()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def pack(kind, fields, *columns, task=0, sample=0):
    body = [msgpack.packb(fields), *columns]
    head = [1, kind, RUN, 1, task, sample, sum(map(len, body)), crc32c(b"".join(body))]
    return [msgpack.packb(head), *body]


card = b'{"this is": "no card\x1b[2J"}'
digest = blake(card)
name = blake(digest)  # one chunk
other = os.urandom(32)
scorer = {"id": 0, "hash": b"s" * 32, "name": "rm", "kind": 1, "unit": 1, "card": name, "image": other, "spec": ""}
context = zmq.Context()
control, bulk = context.socket(zmq.ROUTER), context.socket(zmq.ROUTER)
port = control.bind_to_random_port("tcp://127.0.0.1")
bulk_port = bulk.bind_to_random_port("tcp://127.0.0.1")
welcome = {"incarnation": 7, "run": True, "newest": [0, other], "table": 1, "scorer": [scorer],
           "artifact": [{"hash": name, "bytes": len(card), "kind": 2, "name": "policy"},
                        {"hash": other, "bytes": 64, "kind": 1, "name": "image"}],
           "body_max": 1 << 20, "credit_max": 100, "bulk": f"tcp://127.0.0.1:{bulk_port}", "bulk_key": ""}
roles, fails, notes = {}, {}, {}
procs = {}
for role, program in (2, "actor"), (3, "rewarder"):
    procs[role] = subprocess.Popen([f"{sys.argv[1]}/drover-{program}", f"--broker=tcp://127.0.0.1:{port}"],
                                   stderr=open(f"/tmp/drover-unfit-{os.getpid()}.{program}", "wb"))


def work(peer, role):
    """A lease, or a ticket, of the run."""
    if role == 2:
        task = {"seed": 1, "samples": 1, "prompt": 1, "decoding": {"temperature": 1.0, "top_p": 1.0, "max_new": 4},
                "version": [0, other], "scorers": 1}
        control.send_multipart([peer, *pack(LEASE, {"lease": 5, "fence": 9, "count": 1, "task": task}, b"\1\0\0\0")])
    else:
        item = {"task": 0, "sample": 0, "end": 1, "hash": other, "prompt": 1, "token": 1}
        control.send_multipart([peer, *pack(ASK, {"ticket": 5, "scorer": b"s" * 32, "table": 1, "unit": 1,
                                                  "temperature": 1.0, "item": [item]}, b"\1\0\0\0", b"\2\0\0\0")])


def on_control():
    peer, head, fields, *_ = control.recv_multipart()
    kind, m = msgpack.unpackb(head)[1], msgpack.unpackb(fields)
    if kind == HELLO:
        roles[peer] = m["role"]
        control.send_multipart([peer, *pack(WELCOME, welcome)])
    elif kind == HB:
        notes[roles[peer]] = m["note"]
    elif kind == FAIL:
        fails[roles[peer]] = m["reason"]
    elif kind == BYE:
        control.send_multipart([peer, *pack(BYE_OK, {})])


def on_bulk():
    peer, head, fields, *_ = bulk.recv_multipart()
    kind, m = msgpack.unpackb(head)[1], msgpack.unpackb(fields)
    if kind == HELLO:
        bulk.send_multipart([peer, *pack(WELCOME, {"incarnation": 7})])
    elif kind == WREQ and m["hash"] == name:
        data = digest if m["kind"] == 4 else card
        bulk.send_multipart([peer, *pack(WCHUNK, {"hash": name, "kind": m["kind"], "index": 0, "total": len(card),
                                                  "data": len(data)}, data)])
    elif kind == WREQ:  # the image: 64 bytes of nothing (kind 4: digests)
        data = blake(bytes(64)) if m["kind"] == 4 else bytes(64)
        bulk.send_multipart([peer, *pack(WCHUNK, {"hash": m["hash"], "kind": m["kind"], "index": 0, "total": 64,
                                                  "data": len(data)}, data)])


other_digest = blake(bytes(64))
welcome["artifact"][1]["hash"] = scorer["image"] = other = blake(other_digest)
welcome["newest"] = [0, other]


def serve(seconds, until=lambda: False):
    end, beat = time.monotonic() + seconds, 0
    while time.monotonic() < end and not until():
        if time.monotonic() - beat > .5:
            beat = time.monotonic()
            for peer in roles:
                control.send_multipart([peer, *pack(HB, {"newest": [0, other]})])
        for socket, heard in (control, on_control), (bulk, on_bulk):
            while socket.poll(20):
                heard()
        for role, p in procs.items():
            if p.poll() is not None:
                sys.exit(f"FAILED: the {'actor' if role == 2 else 'rewarder'} ended with {p.returncode}")


try:
    serve(30, lambda: all("card" in notes.get(r, "") for r in (2, 3)))
    print("notes", notes)
    assert all("card" in notes.get(r, "") for r in (2, 3)), notes
    assert not any("\x1b" in n for n in notes.values()), notes
    for peer, role in list(roles.items()):
        work(peer, role)
    serve(30, lambda: len(fails) == 2)
    print("fails", fails)
    assert len(fails) == 2 and all("card" in f for f in fails.values()), fails
    serve(1)
    for p in procs.values():
        p.terminate()
    end = time.monotonic() + 10
    while any(p.poll() is None for p in procs.values()) and time.monotonic() < end:
        while control.poll(20):
            on_control()
    assert all(p.returncode == 0 for p in procs.values()), [p.returncode for p in procs.values()]
    print("ok: both stay, both say why")
finally:
    for p in procs.values():
        if p.poll() is None:
            p.kill()
        p.wait()
    for program in "actor", "rewarder":
        os.remove(f"/tmp/drover-unfit-{os.getpid()}.{program}")

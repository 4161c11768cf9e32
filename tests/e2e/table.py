#!/usr/bin/env python3
"""A rewarder among changing tables: a scorer that comes back is new, whatever was known in its place.

Two scorers come without their models, the first goes, and comes again with its model: it must be asked for. A broker
in Python, and a real rewarder.

usage: table.py BIN_FOLDER     needs python3 with zmq and msgpack; without them it ends with status 77 (skipped)"""
import os, struct, subprocess, sys, time

try:
    import msgpack, zmq
except ImportError:
    print("python3 has no zmq or msgpack: skipped")
    sys.exit(77)

sys.dont_write_bytecode = True
from wire import HELLO, WELCOME, crc32c

WREQ, RUN = 20, b"r" * 16
FIRST, SECOND = b"1" * 32, b"2" * 32


def scorer(number, name):
    return {"id": number, "hash": name, "name": "rm", "kind": 1, "unit": 1, "pure": True, "needs_text": False, "per_token": False,
            "card": name[:31] + b"c", "image": name[:31] + b"i", "spec": "{}", "timeout_ms": 0}


def say(socket, route, fields):
    body = [msgpack.packb(fields), b"", b"", b""]
    head = [1, WELCOME, RUN, 1, 0, 0, sum(map(len, body)), crc32c(b"".join(body))]
    socket.send_multipart([route, msgpack.packb(head), *body])


def welcome(bulk, scorers, offered=()):
    return {"incarnation": 1, "run": True, "done": False, "settled": {"epoch": 1, "watermark": 0, "range": 0},
            "newest": [0, bytes(32)], "smallest_live": 0, "table": 1, "scorer": scorers,
            "artifact": [{"hash": h, "bytes": 1000, "kind": k, "name": "reward:rm"} for h, k in offered], "body_max": 1000,
            "credit_max": 8, "bulk": bulk, "bulk_key": "", "open_to": 0, "unsettled": 0, "verdict": 0}


def main():
    control, bulk = (zmq.Context.instance().socket(zmq.ROUTER) for _ in range(2))
    control.linger = bulk.linger = 0
    ports = [s.bind_to_random_port("tcp://127.0.0.1") for s in (control, bulk)]
    at = f"tcp://127.0.0.1:{ports[1]}"
    rewarder = subprocess.Popen([os.path.join(sys.argv[1], "drover-rewarder"), f"--broker=tcp://127.0.0.1:{ports[0]}"])
    poller, end, wanted, greeted = zmq.Poller(), time.monotonic() + 15, set(), False
    for s in (control, bulk):
        poller.register(s, zmq.POLLIN)
    try:
        while time.monotonic() < end and FIRST[:31] + b"c" not in wanted:
            for s, _ in poller.poll(100):
                route, head, fields, *_ = s.recv_multipart()
                head = msgpack.unpackb(head)
                if s is bulk and head[1] == HELLO:
                    say(bulk, route, welcome("", []))
                elif s is bulk and head[1] == WREQ:
                    wanted.add(msgpack.unpackb(fields)["hash"])
                elif s is control and head[1] == HELLO and not greeted:
                    greeted = True
                    one, two = scorer(0, FIRST), scorer(1, SECOND)
                    say(control, route, welcome(at, [one, two]))
                    say(control, route, welcome(at, [two]))
                    say(control, route, welcome(at, [two, one], ((one["card"], 2), (one["image"], 1))))
        if FIRST[:31] + b"c" not in wanted:
            sys.exit("the scorer that came back was not asked for")
    finally:
        rewarder.kill()
        rewarder.wait()


main()

"""A peer of the broker's protocol in Python, for tests: HELLO, heartbeats, messages in and out.
Needs pyzmq and msgpack."""
import os, re, struct, time, msgpack, zmq

TABLE = list(range(256))
for _ in range(8):
    TABLE = [c >> 1 ^ (0x82F63B78 if c & 1 else 0) for c in TABLE]

HELLO, WHO, WELCOME, HB, LEASE, FAIL, ASK, SCORE = 1, 2, 3, 5, 8, 12, 13, 14
ACTOR, REWARDER = 2, 3


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


class Peer:
    def __init__(self, endpoint, key, role, name, credit=8, **hello):
        self.endpoint, self.credit = endpoint, credit
        self.key = dict(re.findall(r'(\w+)-key = "(.{40})"', open(key).read())) if key else {}
        self.me = {"peer": os.urandom(16), "incarnation": int.from_bytes(os.urandom(7), "big"), "role": role,
                   "slots": 8, "major_min": 1, "major_max": 1, "name": name, **hello}
        self.done, self.seen, self.golden = 0, 0, None
        self.dial()

    def dial(self):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger, self.socket.immediate = 0, 1
        if self.key:
            (self.socket.curve_serverkey, self.socket.curve_publickey,
             self.socket.curve_secretkey) = (self.key[k].encode() for k in ("server", "public", "secret"))
        self.socket.connect(self.endpoint)
        self.heard, self.said, self.welcome = time.monotonic(), 0, False
        self.run, self.epoch, self.newest = bytes(16), 0, None

    def say(self, kind, fields, *columns, task=0, sample=0):
        body = [msgpack.packb(fields), *columns]
        head = [1, kind, self.run, self.epoch, task, sample, sum(map(len, body)), crc32c(b"".join(body))]
        if self.socket.poll(0, zmq.POLLOUT):
            self.socket.send_multipart([msgpack.packb(head), *body])

    def beat(self):
        self.said = time.monotonic()
        if self.welcome:
            fields, columns = {"progress": self.done, "credit": self.credit, "lease_seen": self.seen}, []
            if self.newest:  # an actor says that it holds the weights: then it is asked
                fields["image"], columns = 1, [b"", b"", struct.pack("<Q32s", *self.newest)]
                if self.golden:  # what it computes with them
                    fields["golden"], columns = 1, [*columns, b"", b"", struct.pack("<I", self.golden)]
            self.say(HB, fields, *columns)
        else:
            self.say(HELLO, self.me)

    def hear(self, wait_ms=100):
        """One message as (kind, task, sample, fields), or None."""
        if time.monotonic() - self.heard > 5:
            self.socket.close()
            if self.key.get("next"):  # the broker's key was rotated
                self.key["server"], self.key["next"] = self.key["next"], self.key["server"]
            self.dial()
        if time.monotonic() - self.said > 1:
            self.beat()
        if not self.socket.poll(wait_ms):
            return None
        head, fields, *self.columns = self.socket.recv_multipart()
        _, kind, self.run, self.epoch, task, sample, *_ = msgpack.unpackb(head)
        fields, self.heard = msgpack.unpackb(fields), time.monotonic()
        if self.me["role"] == ACTOR and kind in (WELCOME, HB) and fields.get("newest"):
            self.newest = fields["newest"]
        if kind == HB:
            self.key["next"] = fields.get("next_key")
        if kind in (WHO, WELCOME):
            self.welcome = kind == WELCOME
            self.beat()
        return kind, task, sample, fields

    def score(self, ask, values, each=None):
        """Answers a ticket; `each` says how many values each rollout has, if not one."""
        items = ask["item"]
        each = each or [1] * len(items)
        self.say(SCORE, {"ticket": ask["ticket"],
                         "score": {"scorer": ask["scorer"], "rollout": len(items), "value": len(values)}},
                 b"".join(i["hash"] for i in items), struct.pack(f"<{len(items)}I", *each),
                 struct.pack(f"<{len(values)}f", *values))

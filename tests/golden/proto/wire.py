"""Messages as another implementation writes them (msgpack, struct, crc32c by hand): wire.txt.
usage: python wire.py > wire.txt"""
import hashlib
import struct
import msgpack

TABLE = [0] * 256
for i in range(256):
    c = i
    for _ in range(8):
        c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    TABLE[i] = c


def crc32c(data):
    crc = 0xFFFFFFFF
    for b in data:
        crc = crc >> 8 ^ TABLE[(crc ^ b) & 255]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, B.4 and the catalogue of CRCs

HELLO, HB, ROLLOUT, SCORE, CANCEL, WREQ = 1, 5, 11, 14, 7, 20
EXPORT, EXPORT_OK, JUDGEMENT, JUDGED = 32, 33, 34, 35
RUN = bytes([9, 9, 9]) + bytes(13)
H1 = bytes(range(1, 33))
H2 = bytes([0xFF, 0xEE, 0xDD, 0xCC]) + b"\1" * 27 + b"\7"
ID = bytes(range(0xA0, 0xB0))


def show(name, kind, task, sample, fields, *columns):
    body = [msgpack.packb(fields)] + list(columns)
    size = sum(map(len, body))
    head = msgpack.packb([1, kind, RUN, 4, task, sample, size, crc32c(b"".join(body))])
    print(name, *(f.hex() or "-" for f in [head] + body))


settled = {"epoch": 4, "watermark": 70, "range": 3}
ranges = b"".join(struct.pack("<QII", *r) for r in [(70, 0, 4), (71, 2, 1), (1 << 33, 1023, 1)])
tokens = struct.pack("<10i", 17, 49151, 5, 2, 70000, 9, 8, 7, 6, 2)
logprobs = struct.pack("<10f", -0.5, -1.25, -3e-6, 0, -17, -2, -1, -0.1, -5, -0.75)
spans = struct.pack("<IQ32s", 0, 6, H1) + struct.pack("<IQ32s", 4, 7, H2)

show("CANCEL", CANCEL, 0, 0, {"task": 3, "reason": "stale"}, struct.pack("<3Q", 3, 1 << 60, 5))
show("WREQ", WREQ, 7, 0, {"hash": H1, "kind": 2, "first": 3, "count": 8, "have": 2, "base": H2}, b"\xff\x01")
show("ROLLOUT", ROLLOUT, 99, 3,
     {"lease": 41, "rollout": {"hash": H2, "end": 1, "token": 10, "mask": 2, "span": 2,
                               "text": "It is four \u20ac."}},
     tokens, logprobs, b"\xff\x01", spans)
show("SCORE", SCORE, 0, 0,
     {"ticket": 31, "score": {"scorer": H1, "rollout": 2, "value": 3,
                              "diagnostics": '{"parsed": true}'}},
     H2 + H1, struct.pack("<2I", 1, 2), struct.pack("<3f", 0.25, -8.0, 1e10))
scorer = {"id": 1, "hash": H1, "name": "rm", "kind": 1, "unit": 1, "pure": True,
          "needs_text": True, "per_token": True, "card": H2, "image": H1,
          "spec": '{"weight": 1}', "timeout_ms": 20000}
rule = {"id": 2, "hash": H2, "name": "r\u00e9gle", "kind": 2, "unit": 3, "pure": False,
        "needs_text": False, "per_token": False, "card": bytes(32), "image": bytes(32),
        "spec": "", "timeout_ms": 0}
show("HELLO", HELLO, 0, 0,
     {"peer": ID, "incarnation": 77, "role": 2, "major_min": 1, "major_max": 2, "features": 5,
      "name": "host:123", "build": "0.1.0", "settled": settled, "newest": [8, H1], "table": 2,
      "scorer": [scorer, rule],
      "artifact": [{"hash": H1, "bytes": 540000000, "kind": 1, "name": "policy", "of": bytes(32), "base": bytes(32)},
                   {"hash": H2, "bytes": 12345, "kind": 2, "name": "policy:card", "of": bytes(32), "base": bytes(32)}],
      "body_max": 9999, "claim": 3, "image": 2,
      "offer": [{"kind": 1, "name": "any"}, {"kind": 3, "name": "mine"}], "slots": 16,
      "host": "node7", "own": ID, "vocabulary": 50257, "serve": "tcp://*:5557", "head": True,
      "isa": "avx512", "threads": 12, "numerics": 12, "golden": 2,
      "run_name": "nightly", "begun": True, "waited_ms": 61000},
     ranges,
     struct.pack("<QII32s", 70, 3, 2, H1) + struct.pack("<QII32s", 71, 0, 1, bytes(32))
     + struct.pack("<QII32s", 1 << 40, 1023, 5, H2),
     struct.pack("<Q32s", 11, H1) + struct.pack("<Q32s", 12, H2), struct.pack("<2I", 0xDEADBEEF, 0))
PAIR = hashlib.blake2b(RUN + struct.pack("<QII", 99, 1, 3) + H1 + H2, digest_size=32).digest()[:16]
show("EXPORT", EXPORT, 99, 0,
     {"pair": PAIR, "iteration": 7, "version": [6, H1], "max_age": 4, "chat": True, "prompt": "What is 2+2?",
      "a": {"sample": 1, "hash": H1, "text": "It is four \u20ac."}, "b": {"sample": 3, "hash": H2, "text": "5"}})
show("EXPORT_OK", EXPORT_OK, 0, 0, {"pair": 1}, ID)
show("JUDGEMENT", JUDGEMENT, 0, 0,
     {"id": ID, "pair": ID, "a": H1, "b": H2, "verdict": 3, "undo": bytes(16), "annotator": "5ea1"})
show("JUDGED", JUDGED, 0, 0, {"id": 1}, ID, struct.pack("<I", 1))

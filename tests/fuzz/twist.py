"""Messages as a liar would say them: valid ones, twisted where the tables of proto/ give them meaning.

A message is (kind, task, sample, fields, columns). The header is always mended, so that what is twisted is read."""
import copy, hashlib, json, struct

TABLE = list(range(256))
for _ in range(8):
    TABLE = [c >> 1 ^ (0x82F63B78 if c & 1 else 0) for c in TABLE]
NAMES = ("", "HELLO", "WHO", "WELCOME", "REFUSE", "HB", "OPEN", "CANCEL", "LEASE", "REVOKE", "WANT", "ROLLOUT", "FAIL",
         "SCORE?", "SCORE", "SAMPLE", "DROPPED", "SETTLED", "PUBLISH", "OFFER", "WREQ", "WCHUNK", "WNONE", "ADMIN", "ADMIN_OK",
         "DRAIN", "BYE", "BYE_OK", "STATS", "REFUSED")
KIND = {name: number for number, name in enumerate(NAMES)}
ODD = (0, 1, 2, 3, 7, 63, 64, 255, 256, 1023, 1024, 65535, 65536, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
       (1 << 40), (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
REAL = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e38, -1e38, float("inf"), float("-inf"), float("nan"))
WORDS = ("", " ", "{", "}", "[" * 200, '{"a": ' * 100, "x" * 63, "x" * 500, "x" * 5000, "\xe4" * 31, "\0", "%s%n%1000000d", "null",
         "-1", "tcp://127.0.0.1:1", "tcp://*:1", "nonsense", "policy", "image", "\u202e\x1b[2J")


def crc32c(parts):
    crc, table = 0xFFFFFFFF, TABLE
    for data in parts:
        for byte in data:
            crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def odd_int(rng, value):
    how = rng.random()
    if how < .5:
        return max(0, value + rng.choice((-2, -1, 1, 2, 64)))
    return rng.randrange(64) if how < .75 else rng.choice(ODD)


def leaves(value, path=()):
    """Every place in it, as (holder, key)."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from leaves(inner)


def odd_value(rng, value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return odd_int(rng, value)
    if isinstance(value, float):
        return rng.choice(REAL)
    if isinstance(value, str):
        return rng.choice(WORDS) if rng.random() < .7 else value[:rng.randrange(len(value) + 1)]
    if isinstance(value, bytes):
        if rng.random() < .3 or not value:
            return bytes(len(value))
        at = rng.randrange(len(value))
        return value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1:]
    if isinstance(value, list):
        how = rng.randrange(6)
        if how == 0 or not value:
            return []
        at = rng.randrange(len(value))
        return (value[:at], value + [copy.deepcopy(value[at])], value[::-1], value[at:], value * rng.choice((2, 9, 70)))[how - 1]
    return 0


def odd_words(rng, column):
    """Some of a column's numbers, taken as words of 4 or of 8 bytes."""
    data = bytearray(column)
    for _ in range(rng.choice((1, 1, 2, 9))):
        size = 8 if rng.random() < .4 and len(data) >= 8 else 4
        if len(data) < size:
            break
        at = rng.randrange(len(data) // size) * size
        number = int.from_bytes(data[at:at + size], "little")
        new = struct.unpack("<I", struct.pack("<f", rng.choice(REAL)))[0] if rng.random() < .2 else odd_int(rng, number)
        data[at:at + size] = (new & (1 << 8 * size) - 1).to_bytes(size, "little")
    return bytes(data)


def resize(rng, fields, columns, at):
    """More or fewer elements, with the count in the fields that says so if one does."""
    data = columns[at]
    counts = [(h, k) for h, k in leaves(fields) if type(h[k]) is int and 0 < h[k] <= len(data) and not len(data) % h[k]]
    if not counts or not data:
        columns[at] = data[:rng.randrange(len(data) + 1)]
        return
    holder, key = rng.choice(counts)
    n, size = holder[key], len(data) // holder[key]
    new = rng.choice((0, 1, max(n - 1, 0), n + 1, 2 * n, 17 * n))
    if new * size > 1 << 18:
        new = 1
    holder[key], columns[at] = new, (data * (new // n + 1))[:new * size]


def rehash(fields, columns):
    """The hash that a twisted rollout then has (proto/digest.c), so that it is not turned down for that alone."""
    rollout = fields.get("rollout")
    if isinstance(rollout, dict) and len(columns) >= 4:
        token, logprob, mask, span = columns[:4]
        rollout["hash"] = hashlib.blake2b(struct.pack("<I", len(token) // 4) + token + logprob +
                                          struct.pack("<I", len(span) // 44) + span + struct.pack("<I", len(mask)) + mask,
                                          digest_size=32).digest()


def twist(rng, message, gentle):
    """A copy, twisted in one to three places. `gentle`: what would end all work at once stays as it is."""
    kind, task, sample, fields, columns = copy.deepcopy(message)
    columns = list(columns)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        how = rng.random()
        places = [(h, k) for h, k in leaves(fields) if not (gentle and k in ("settled", "done", "bulk", "run", "watermark", "open_to"))]
        if how < .5 and places:
            holder, key = rng.choice(places)
            holder[key] = odd_value(rng, holder[key])
        elif how < .55 and places:
            holder, key = rng.choice(places)
            holder.pop(key) if isinstance(holder, dict) else holder.__setitem__(key, rng.choice((None, {}, [], "", 1, b"")))
        elif how < .7 and columns:
            at = rng.randrange(len(columns))
            columns[at] = odd_words(rng, columns[at])
        elif how < .8 and columns:
            resize(rng, fields, columns, rng.randrange(len(columns)))
        elif how < .82 and columns:
            columns.pop() if rng.random() < .5 else columns.append(b"")
        elif how < .92:
            task = odd_int(rng, task)
        else:
            sample = odd_int(rng, sample) & 0xFFFFFFFF
    if rng.random() < .8:
        rehash(fields, columns)
    return kind, min(task, (1 << 64) - 1), sample, fields, columns


H, I = bytes(32), bytes(16)
SEEDS = [  # what an honest fleet hardly says, as it would be said
    ("REFUSE", {"code": 4, "words": "no place"}, []),
    ("REVOKE", {"lease": 1}, [struct.pack("<Q", 1)]),
    ("CANCEL", {"task": 1, "reason": "poison"}, [struct.pack("<Q", 0)]),
    ("WANT", {"claim": 1}, [struct.pack("<QII", 0, 0, 1) + H]),
    ("FAIL", {"lease": 1, "ticket": 0, "scorer": H, "reason": "no memory", "who": "somebody"}, []),
    ("DROPPED", {"reason": 1, "attempts": 3, "error": "nobody"}, []),
    ("REFUSED", {"hash": H, "scorer": H, "words": "false"}, []),
    ("SETTLED", {"settled": {"epoch": 1, "watermark": 0, "range": 0}}, [b""]),
    ("PUBLISH", {"version": [1, H], "base": H, "kind": 1, "bytes": 1000, "smallest_live": 0}, []),
    ("WNONE", {"hash": H, "reason": "nobody has it"}, []),
    ("OFFER", {"artifact": []}, []),
    ("WREQ", {"hash": H, "kind": 2, "first": 0, "count": 1}, []),
    ("WCHUNK", {"hash": H, "kind": 2, "index": 0, "total": 1000, "data": 4}, [b"abcd"]),
    ("ADMIN", {"request": 1, "asker": I, "order": "down", "role": 2, "count": 1, "arguments": ""}, []),
    ("ADMIN_OK", {"request": 1, "asker": I, "ok": True, "words": "", "result": ""}, []),
    ("DRAIN", {"deadline_ms": 1000}, []),
    ("WHO", {}, []),
    ("BYE_OK", {}, []),
    ("STATS", {"incarnation": 1, "metrics": json.dumps({"a": 1})}, []),
]


def seeds():
    return [(KIND[name], 0, 0, fields, columns) for name, fields, columns in SEEDS]

"""Golden bits of AdamW with moments in 8 bits, from docs/MATH.md's definition alone -> moments.inc.

    python tests/golden/moments.py > tests/golden/moments.inc       (numpy)

Everything is float32, one operation at a time, as the definition has it. One weight of 9 x 600 (blocks of 256, 256 and 88) is
kept in codes, one of 7 x 300 is too small for that; gradients have a row that no batch had, and a value far beyond the others.
"""
import numpy as np

from formula import fill

F = np.float32
ROWS, COLS, FEW, STEPS, BLOCK = 9, 600, 7, 5, 256
BETA1, BETA2, EPSILON, DECAY = 0.9, 0.95, 1e-6, 0.1


def fnv(data):
    h = 0xCBF29CE484222325
    for b in bytes(data):
        h = (h ^ b) * 0x100000001B3 % 2**64
    return h


def encode_m(m):
    most = np.abs(m).max()
    if not most >= F(2.0**-100):
        return np.zeros(len(m), np.int8), F(0)
    by = F(127 * 127) / most
    c = np.floor(np.sqrt(np.abs(m) * by) + F(0.5)).astype(np.int8)
    return np.where(m < 0, -c, c).astype(np.int8), most


def encode_v(v):
    most = np.sqrt(v.max())
    if not most >= F(2.0**-100):
        return np.zeros(len(v), np.uint8), F(0)
    by = F(255 * 255) / most
    c = np.floor(np.sqrt(np.sqrt(v) * by) + F(0.5)).astype(np.uint8)
    return np.where((c == 0) & (v > 0), 1, c).astype(np.uint8), most


def decode_m(c, scale):
    c = c.astype(np.int32)
    return np.where(c < 0, -c * c, c * c).astype(F) * (scale / F(127 * 127))


def decode_v(c, scale):
    root = (c.astype(np.int32) ** 2).astype(F) * (scale / F(255 * 255))
    return root * root


def blocks(row):
    return [row[i : i + BLOCK] for i in range(0, len(row), BLOCK)]


def step(p, g, m, v, t, decay):
    rate = 1e-2 / t
    keep, b1, b2 = F(1 - rate * decay), F(BETA1), F(BETA2)
    size, root = F(rate / (1 - power(BETA1, t))), F(np.sqrt(1 - power(BETA2, t)))
    m = m + (F(1) - b1) * (g - m)
    v = v * b2 + (F(1) - b2) * g * g
    return p * keep - size * (m / (np.sqrt(v) / root + F(EPSILON))), m, v


def power(beta, t):
    y = 1.0
    while t:
        y, beta, t = y * beta if t & 1 else y, beta * beta, t >> 1
    return y


big = np.array(fill(ROWS * COLS, 1, 1.0), F).reshape(ROWS, COLS)
few = np.array(fill(FEW * 300, 2, 1.0), F)
m8 = [[encode_m(b * F(0)) for b in blocks(row)] for row in big]
v8 = [[encode_v(b * F(0)) for b in blocks(row)] for row in big]
m, v = few * F(0), few * F(0)
for t in range(1, STEPS + 1):
    g = np.array(fill(ROWS * COLS, 10 * t, 0.3), F).reshape(ROWS, COLS)
    g[4] = 0
    g[2, 300] *= F(1000)
    h = np.array(fill(FEW * 300, 10 * t + 1, 0.3), F)
    for r in range(ROWS):
        was_m = np.concatenate([decode_m(*b) for b in m8[r]])
        was_v = np.concatenate([decode_v(*b) for b in v8[r]])
        big[r], is_m, is_v = step(big[r], g[r], was_m, was_v, t, DECAY)
        m8[r] = [encode_m(b) for b in blocks(is_m)]
        v8[r] = [encode_v(b) for b in blocks(is_v)]
    few, m, v = step(few, h, m, v, t, 0.0)


def laid(rows, small):
    codes = b"".join(c.tobytes() for row in rows for c, _ in row)
    scales = b"".join(F(s).tobytes() for row in rows for _, s in row)
    return codes + scales + small.tobytes()


print("/* Made by tests/golden/moments.py: numpy %s. */" % np.__version__)
print("enum { ROWS = %d, COLS = %d, FEW = %d, STEPS = %d };" % (ROWS, COLS, FEW, STEPS))
for name, data in (("weights", big.tobytes() + few.tobytes()), ("first", laid(m8, m)), ("second", laid(v8, v))):
    print("static const uint64_t golden_%s = 0x%016xu; /* FNV-1a of its bytes */" % (name, fnv(data)))
print("static const float golden_some[] = {")
for i in range(0, ROWS * COLS, 601):
    print("    %sf," % float(big.flat[i]).hex())
print("};")

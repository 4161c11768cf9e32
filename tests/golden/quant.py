"""Random blocks of each type and what gguf-py makes of them: quant.inc.

usage: python quant.py > quant.inc        (gguf 0.19.0, numpy 2.4.6)
"""

import gguf
import numpy as np
from gguf.quants import dequantize

rng = np.random.default_rng(20260101)
T = gguf.GGMLQuantizationType
HALVES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q4_K: [0, 2], T.Q6_K: [208],
          T.Q2_K: [80, 82], T.Q3_K: [108], T.Q5_K: [0, 2], T.IQ4_NL: [0], T.IQ4_XS: [0], T.TQ1_0: [52], T.TQ2_0: [64]}
GRIDS = (T.IQ1_S, T.IQ1_M, T.IQ2_XXS, T.IQ2_XS, T.IQ2_S, T.IQ3_XXS, T.IQ3_S)  # by all their points: see the end
print("/* made by quant.py with gguf-py %s; do not edit */" % "0.19.0")
rows = []
PLAIN = (T.F32, T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q4_K, T.Q6_K)
LATER = (T.Q2_K, T.Q3_K, T.Q5_K, T.IQ4_NL, T.IQ4_XS, T.MXFP4, T.NVFP4, T.TQ1_0, T.TQ2_0)
for kind in PLAIN + LATER:
    values, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = {256: 2, 64: 3, 32: 4}.get(values, 64)
    raw = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
    if values == 1:  # any bits but NaN, whose payload is nobody's business; with denormals
        raw = rng.standard_normal(blocks).astype(np.float32)
        raw[:8] = [0.0, -0.0, np.inf, -np.inf, 6e-8, -3e-5, 65504.0, 1.0]
        if kind == T.F32:
            raw = raw.view(np.uint8)
        elif kind == T.F16:
            raw = raw.astype(np.float16).view(np.uint8)
        else:
            raw = gguf.quants.quantize(raw, T.BF16).view(np.uint8)
        raw = raw.reshape(blocks, size)
    for at in HALVES.get(kind, []):  # scales are ordinary numbers; one denormal, one negative
        half = rng.standard_normal(blocks).astype(np.float16)
        half[0] = np.float16(3e-6)
        raw[:, at : at + 2] = half.view(np.uint8).reshape(blocks, 2)
    if kind == T.MXFP4:  # scales at the end of their range, where they are denormal, and usual
        raw[:, 0] = [0, 1, 254, 125]
    elif kind == T.NVFP4:  # each kind of scale: zero, denormal, NaN, with a sign that is not looked at
        raw[:, :4] = [[0, 0x7F, 1, 7], [8, 0x7E, 0xFF, 0x80], [56, 57, 33, 0x38]]
    if kind == T.F32:
        out = raw.reshape(-1).view(np.float32)
    elif kind == T.F16:
        out = raw.reshape(-1).view(np.float16).astype(np.float32)
    else:
        out = dequantize(raw.reshape(1, -1), kind).reshape(-1)
    assert out.dtype == np.float32 and out.size == blocks * values
    name = kind.name.lower()
    print(f"static const uint8_t {name}_raw[] = {{")
    flat = raw.reshape(-1)
    for i in range(0, flat.size, 20):
        print("    " + " ".join(f"{b}," for b in flat[i : i + 20]))
    print("};")
    print(f"static const uint32_t {name}_bits[] = {{")
    bits = out.view(np.uint32)
    for i in range(0, bits.size, 8):
        print("    " + " ".join(f"0x{b:08X}," for b in bits[i : i + 8]))
    print("};")
    rows.append(f"    {{QUANT_{kind.name}, {name}_raw, {name}_bits, {blocks}}},")
print("static const struct {\n    enum quant type;\n    const uint8_t *raw;\n    const uint32_t *bits;\n    size_t blocks;\n} golden[] = {")
print("\n".join(rows))
print("};")

# The types of grids: 512 blocks of bytes that both sides draw alike, with ordinary scales, and a hash of the values' bits.
MANY = 512
print("static const struct {\n    enum quant type;\n    uint64_t hash;\n} points[] = {")
for kind in GRIDS:
    values, size = gguf.GGML_QUANT_SIZES[kind]
    state, drawn = int(kind), bytearray()
    for _ in range(MANY * size):
        state = (state * 1664525 + 1013904223) % 2**32
        drawn.append(state >> 24)
    raw = np.frombuffer(bytes(drawn), np.uint8).reshape(MANY, size).copy()
    half = (0x2C00 + 37 * np.arange(MANY)).astype("<u2")
    if kind == T.IQ1_M:  # a quarter of it above the scales in each of four words
        for i in range(4):
            raw[:, 49 + 2 * i] = raw[:, 49 + 2 * i] & 15 | (half >> 4 * i & 15).astype(np.uint8) << 4
    else:
        raw[:, :2] = half.view(np.uint8).reshape(MANY, 2)
    hashed = 0
    for bits in dequantize(raw, kind).reshape(-1).view(np.uint32).tolist():
        hashed = (hashed ^ bits) * 0x100000001B3 % 2**64
    print(f"    {{QUANT_{kind.name}, 0x{hashed:X}}},")
print("};")

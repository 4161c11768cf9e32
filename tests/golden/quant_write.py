"""Values, and the blocks that gguf-py quantises them to, or, of K types, which it does not write, ggml's own
quantize_row_..._ref: quant_write.inc.

usage: python quant_write.py LIBRARY > quant_write.inc        (gguf 0.19.0, numpy 2.4.6)
LIBRARY: libggml-base.so, as @node-llama-cpp/linux-x64 3.22.1 has it (bins/linux-x64)
"""

import ctypes
import sys

import gguf
import numpy as np
from gguf.quants import quantize

T = gguf.GGMLQuantizationType
rng = np.random.default_rng(20260102)
rows = [rng.standard_normal(32) * 0.02 for _ in range(3)]
rows.append(np.zeros(32))
rows.append(np.arange(32) / 32)  # ties
rows.append(-np.arange(32) / 16 + 1)  # the extreme with either sign
rows.append(rng.standard_normal(32) * 1e-6)  # scales that are denormal halves, or none
rows.append(np.where(np.arange(32) == 5, 30000.0, 1e-3))
rows.append(np.full(32, -0.375))
rows.append(rng.integers(-127, 128, 32) / 64.0)
rows += [rng.standard_normal(32) * np.exp(rng.standard_normal()) * 0.02 for _ in range(4)]
rows.append(np.abs(rng.standard_normal(32)))
rows.append(rng.laplace(size=32))
values = np.array(rows, dtype=np.float32)  # 16 blocks of 32, two of 256
print("/* made by quant_write.py with gguf-py 0.19.0; do not edit */")
bits = values.reshape(-1).view(np.uint32)
print("static const uint32_t value_bits[] = {")
for i in range(0, bits.size, 8):
    print("    " + " ".join(f"0x{b:08X}," for b in bits[i : i + 8]))
print("};")


def by_ggml(kind):
    per, size = gguf.GGML_QUANT_SIZES[kind]
    raw = np.zeros(values.size // per * size, np.uint8)
    name = f"quantize_row_{kind.name.lower()[:-1]}K_ref"
    call = getattr(ctypes.CDLL(sys.argv[1]), name)
    call(values.ctypes.data_as(ctypes.c_void_p), raw.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(values.size))
    return raw


SOUGHT = (T.Q4_K, T.Q5_K, T.Q6_K)
kinds = (T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1) + SOUGHT
for kind in kinds:
    raw = by_ggml(kind) if kind in SOUGHT else quantize(values, kind)
    raw = np.ascontiguousarray(raw).view(np.uint8).reshape(-1)
    print(f"static const uint8_t {kind.name.lower()}_blocks[] = {{")
    for i in range(0, raw.size, 20):
        print("    " + " ".join(f"{b}," for b in raw[i : i + 20]))
    print("};")
print("static const struct {\n    enum quant type;\n    const uint8_t *raw;\n    size_t bytes;\n} written[] = {")
for kind in kinds:
    name = kind.name.lower()
    print(f"    {{QUANT_{kind.name}, {name}_blocks, sizeof {name}_blocks}},")
print("};")

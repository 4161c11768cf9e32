"""Values, and the blocks that gguf-py quantises them to, or, of K types, which it does not write, ggml's own
quantize_row_..._ref: quant_write.inc.

usage: python quant_write.py LIBRARY > quant_write.inc        (gguf 0.19.0, numpy 2.4.6)
LIBRARY: libggml-base.so, as @node-llama-cpp/linux-x64 3.22.1 has it (bins/linux-x64)
"""

import base64
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
# Where two spacings fit almost equally well, and where 1 / (-128 / s) and s / -128 are two halves: here the order counts in
# which floats are rounded. A block of Q4_K out of a random model's embedding, and one of Q6_K.
TIES = (
    "1USMP0qX9D4dohM+Gk9lP8wGaL+RoPk+fAeNvyJKqj47lyE/wHkNvwzUpT/a/D++8PM5v/4pjL+1XHW/c2Avvm7Roz5iTJY/2lLFvRDrkL8DEpw+"
    "3+aYPUkd0T64oLY/OePrPzPNnz7zZI6/eix9PzRkPb9v5Qu/qBmHP3ilor5WcUe+4TKlPc0Ptj+uJi1Ab515PgdUur5WqSi/Eq47Pn2JEr7Wt1O/"
    "ZjgdPxqS07+deXC/2O1oPdIuTb8G66O/nsaKvsrZdz/QXkI/SgIlv7c6iT72BiG/mOxQvsN00L6JR9a/t+riPKUJ9r8I/Z+/lXzDvlFtEEBB5d0/"
    "BC9WP+WFNr5YeRu//JOVPkjHrL+oREC/I0N8PqfSsD2UPAy/uOdmvkAnVz+dL2+/Gjyrvv9Jur8MuXu/1dyWP792nD9+B2y+PAQnQErWSb/NKic/"
    "etiHv6OcpL5Hsx+/rYJdPpkCIT8q4SE+cBWzvSxdsT8UVPM/oWkDvzqMnr+soa8/DgYwP47Ayj77JHO/l0gxvxgK2j9kQqy+qXIdvvYHg7+fxTo9"
    "ejLhv8Gf9j4vy8O+OvpLvpWTEbx3szO/hB6gP3anJL7SXrK+JDayP0dl4j89hLw/p/wNPwgQ+T6HspK+gNanPoZJpT+/dlA+p7atPwngtL1p8qq9"
    "VBDTv+vjJj7Ljlw/kHqZP52XHMC9R5u/iZUOP61oSj8BS029t0Eyv1FeDD+GlI2+/FOzvjXNDz9OQKk97TAcP0NGjb+u+ho/WajLvfWemj90KWw/"
    "x4tPvotmY79sQAm/OzKqvty0nb/gZIa/Lq6lP9aqTL9ZbNm/5IOOPUdCqL8xMwc/+0jlPaIzNL8uuUM+78qBv4RIuz+jtWe/wLFqviLJGL1e9wK/"
    "jZANPhqGYL9rEpq/Tb94Px0H77+JwgTASMcOPz9KzT4/lUG9pSLNP69ekL/M860/rvkeP++Hvj4f0pW9q/phP+5s/D29ga28O/YGv6OFAL51kPM+"
    "8Oqyv1Q5xb8QmMY+rF1wPt36PL8Xi3C/HcIJvwTwKkAvH9c/UexRPuwSqD42aNO8krnAv59kHD2KJvU9guK1Pjsul76VwSrAJjI/P9CWp7/cjNS+"
    "FZUlvk3DJ73aNQm/qLsmvzQpuL+rPYg/AguHPkCOhz5Viac/LTm0PSkts758WR1AcdSePq3Wrz3XMbY/1WzovwW74D/KFCM/i8VovkCOtj85Vxq/"
    "5xuNvl37vr/+pMO+1QRIv/YlYj8qTRQ/7u+XP9WfoD8/Tp4/jKWwPgfe/z54MQ/AxR+Rvv3hq76eE1o/pWEDvmVbl78Hg5Q/aXs9v9vgBb8avys/"
    "il1/vbq52j7/ExK/Ekeyvw=="
)
rows += list(np.frombuffer(base64.b64decode(TIES), np.float32).reshape(8, 32))
rows += list(np.random.default_rng(3).laplace(size=(2929, 256))[2928].reshape(8, 32))
values = np.array(rows, dtype=np.float32)  # 32 blocks of 32, four of 256
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

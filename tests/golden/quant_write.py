"""Values, and the blocks that gguf-py quantises them to: quant_write.inc.

usage: python quant_write.py > quant_write.inc        (gguf 0.19.0, numpy 2.4.6)
"""

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
values = np.array(rows, dtype=np.float32)
print("/* made by quant_write.py with gguf-py 0.19.0; do not edit */")
bits = values.reshape(-1).view(np.uint32)
print("static const uint32_t value_bits[] = {")
for i in range(0, bits.size, 8):
    print("    " + " ".join(f"0x{b:08X}," for b in bits[i : i + 8]))
print("};")
kinds = (T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1)
for kind in kinds:
    raw = quantize(values, kind)
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

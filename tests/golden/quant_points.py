"""The sets of points of ggml's IQ types as bits: lm/file/quant_points.inc.

usage: python quant_points.py > ../../lm/file/quant_points.inc        (gguf 0.19.0)

A grid is sorted: its k-th point is the k-th of all numbers of so many digits that the set has. All that has to be
told is which numbers are in it, one bit each (of IQ2's, whose numbers are even, every other one).
"""

import gguf
import numpy as np
from gguf import quants

print("/* Grids of quant_points.c, a bit for each number that is a point; made by tests/golden/quant_points.py, do not edit. */")
for name, base, digits, step in (("IQ2_XXS", 3, 8, 2), ("IQ2_XS", 3, 8, 2), ("IQ2_S", 3, 8, 2), ("IQ3_XXS", 8, 4, 1),
                                 ("IQ3_S", 8, 4, 1), ("IQ1_S", 3, 8, 1)):
    kind = getattr(quants, name)
    kind.init_grid()
    level = {float(v): i for i, v in enumerate(kind.grid_map)}
    points = [[level[float(v)] for v in point] for point in kind.grid.reshape(-1, digits)]
    numbers = [sum(d * base**j for j, d in enumerate(point)) for point in points]
    assert numbers == sorted(set(numbers)) and all(n % step == 0 for n in numbers)
    words = np.zeros((base**digits + step * 64 - 1) // (step * 64), np.uint64)
    for n in numbers:
        words[n // step // 64] |= np.uint64(1) << np.uint64(n // step % 64)
    print(f"static const uint64_t {name.lower().replace('iq1_s', 'iq1')}[] = {{")
    for i in range(0, len(words), 4):
        print("    " + " ".join(f"0x{int(w):016x}," for w in words[i : i + 4]))
    print("};")

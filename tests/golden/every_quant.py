"""A GGUF file with a tensor of each type that is read: model/every_quant.gguf, a seed of the fuzzers.

usage: python every_quant.py PATH        (gguf 0.19.0)
"""

import sys

import gguf
import numpy as np

T = gguf.GGMLQuantizationType
rng = np.random.default_rng(20260103)
w = gguf.GGUFWriter(sys.argv[1], "llama")
for kind in (T.F32, T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL,
             T.IQ4_XS, T.MXFP4, T.NVFP4, T.TQ1_0, T.TQ2_0, T.IQ1_S, T.IQ1_M, T.IQ2_XXS, T.IQ2_XS, T.IQ2_S,
             T.IQ3_XXS, T.IQ3_S):
    values, size = gguf.GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (1, 256 // values * size), dtype=np.uint8)
    w.add_tensor(kind.name.lower(), raw, raw_dtype=kind)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()

"""What llama.cpp itself makes of the GGUF files that drover writes: it opens them, tokenizes alike, has the same
greedy tokens; its perplexity of each type on pieces of a text, and drover's of the same file and tokens. Beside it,
what ggml's own quantisers lose on random rows.

usage: python llama_cpp.py LIBRARIES DROVER MODEL TEXT [DTYPE...]
DTYPE is one that drover writes, or, to see that it is read, one of those below that llama-quantize makes of its f32.
LIBRARIES is a folder with libllama*.so and libggml*.so (npm's @node-llama-cpp/linux-x64 has one: bins/linux-x64),
MODEL what drover opens, TEXT a file. By ctypes: structs that go by value are opaque and larger than the library's,
which is harmless on x86-64 where they are passed in memory; only fields at offsets that have not moved in years are
set.
"""

import ctypes as c
import glob
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np

THREADS, TOKENS, PIECES, LETTERS, GREEDY, PROMPTS = 1, 1024, 6, 1200, 32, ["Once upon a time", "The capital of France is", "def main():\n    ", "In 1969,", "Water boils"]

MADE = {"q2_k": 10, "q3_k_m": 12, "iq3_xxs": 23, "iq4_nl": 25, "iq3_s": 26, "iq2_m": 29, "iq4_xs": 30, "tq1_0": 36, "tq2_0": 37}


class Opaque(c.Structure):
    _fields_ = [("bytes", c.c_ubyte * 1024)]


class Batch(c.Structure):
    _fields_ = [("n", c.c_int32), ("token", c.POINTER(c.c_int32)), ("embd", c.c_void_p), ("pos", c.POINTER(c.c_int32)),
                ("n_seq", c.POINTER(c.c_int32)), ("seq", c.POINTER(c.POINTER(c.c_int32))), ("logits", c.POINTER(c.c_int8))]


class Llama:
    def __init__(self, folder):
        for name in ("libggml-base*.so*", "libggml.so*", "libggml.v*.so*"):
            for path in sorted(glob.glob(os.path.join(folder, name))):
                self.ggml = c.CDLL(path, mode=c.RTLD_GLOBAL)
                if "base" in path:
                    self.base = self.ggml
        l = self.l = c.CDLL(sorted(glob.glob(os.path.join(folder, "libllama.*so*")) + glob.glob(os.path.join(folder, "libllama.v*")))[0])
        self.log = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)(self.heard)
        self.lines = []
        l.llama_log_set(self.log, None)
        self.ggml.ggml_backend_load_all_from_path(folder.encode())
        l.llama_backend_init()
        for name in ("llama_model_default_params", "llama_context_default_params", "llama_model_quantize_default_params"):
            getattr(l, name).restype = Opaque
        for name in ("llama_model_load_from_file", "llama_init_from_model", "llama_model_get_vocab", "llama_get_memory"):
            getattr(l, name).restype = c.c_void_p
        l.llama_model_quantize.argtypes = [c.c_char_p, c.c_char_p, c.c_void_p]
        l.llama_model_load_from_file.argtypes = [c.c_char_p, Opaque]
        l.llama_init_from_model.argtypes = [c.c_void_p, Opaque]
        l.llama_decode.argtypes = [c.c_void_p, Batch]
        l.llama_get_logits_ith.restype = c.POINTER(c.c_float)
        l.llama_get_logits_ith.argtypes = [c.c_void_p, c.c_int32]
        l.llama_set_n_threads.argtypes = [c.c_void_p, c.c_int32, c.c_int32]
        for name in ("llama_model_free", "llama_free", "llama_model_get_vocab", "llama_get_memory", "llama_vocab_n_tokens"):
            getattr(l, name).argtypes = [c.c_void_p]
        l.llama_memory_clear.argtypes = [c.c_void_p, c.c_bool]
        l.llama_tokenize.argtypes = [c.c_void_p, c.c_char_p, c.c_int32, c.POINTER(c.c_int32), c.c_int32, c.c_bool, c.c_bool]

    def heard(self, level, text, _):
        self.lines.append((level, text.decode(errors="replace")))

    def open(self, path):
        self.lines.clear()
        self.model = self.l.llama_model_load_from_file(path.encode(), self.l.llama_model_default_params())
        if not self.model:
            raise SystemExit("llama.cpp does not open it:\n" + "".join(t for _, t in self.lines[-12:]))
        params = self.l.llama_context_default_params()
        c.cast(c.byref(params), c.POINTER(c.c_uint32))[0] = TOKENS  # n_ctx
        c.cast(c.byref(params), c.POINTER(c.c_uint32))[1] = TOKENS  # n_batch
        c.cast(c.byref(params), c.POINTER(c.c_uint32))[2] = TOKENS  # n_ubatch
        self.context = self.l.llama_init_from_model(self.model, params)
        self.l.llama_set_n_threads(self.context, THREADS, THREADS)  # spinning threads on a busy machine stand still
        self.vocab = self.l.llama_model_get_vocab(self.model)
        self.size = self.l.llama_vocab_n_tokens(self.vocab)

    def quantize(self, source, path, kind):
        params = self.l.llama_model_quantize_default_params()
        c.cast(c.byref(params), c.POINTER(c.c_int32))[0] = THREADS
        c.cast(c.byref(params), c.POINTER(c.c_int32))[1] = kind
        assert self.l.llama_model_quantize(source.encode(), path.encode(), c.byref(params)) == 0, "".join(t for _, t in self.lines[-3:])

    def close(self):
        self.l.llama_free(self.context)
        self.l.llama_model_free(self.model)

    def tokens(self, text, begins=False):
        """begins: behind a BOS, where the file says so."""
        raw = text.encode()
        out = (c.c_int32 * (len(raw) + 8))()
        n = self.l.llama_tokenize(self.vocab, raw, len(raw), out, len(out), begins, False)
        return list(out[:n])

    def logits(self, ids, start):
        """Behind the last of ids, which stand from position `start` on: [vocab]."""
        return self.decode(ids, start, [int(i == len(ids) - 1) for i in range(len(ids))])[-1].copy()

    def decode(self, ids, start, wanted):
        """Rows of logits behind those ids that are wanted."""
        n = len(ids)
        if start == 0:
            self.l.llama_memory_clear(self.l.llama_get_memory(self.context), True)
        zero = (c.c_int32 * 1)(0)
        batch = Batch(n, (c.c_int32 * n)(*ids), None, (c.c_int32 * n)(*range(start, start + n)), (c.c_int32 * n)(*[1] * n),
                      (c.POINTER(c.c_int32) * n)(*[c.cast(zero, c.POINTER(c.c_int32))] * n),
                      (c.c_int8 * n)(*wanted))
        assert self.l.llama_decode(self.context, batch) == 0
        return [np.ctypeslib.as_array(self.l.llama_get_logits_ith(self.context, i), (self.size,)) for i in range(n) if wanted[i]]


def log_softmax(x):
    x = x.astype(np.float64)
    m = x.max(-1, keepdims=True)
    return x - m - np.log(np.exp(x - m).sum(-1, keepdims=True))


def greedy(llama, prompt):
    """Tokens, and of each how far the best was before the second."""
    ids = llama.tokens(prompt, True)
    at, out, gaps = 0, [], []
    new = ids
    for _ in range(GREEDY):
        row = llama.logits(new, at)
        two = np.sort(row)[-2:]
        at += len(new)
        new = [int(row.argmax())]
        out += new
        gaps.append(float(two[1] - two[0]))
    return ids, out, gaps


def pieces(text):
    """Places all over the text, from a blank line on: a line to begin with, and what is to be foretold."""
    out = []
    for i in range(PIECES):
        at = text.index("\n\n", i * (len(text) // PIECES)) + 2
        end = text.index("\n", at) + 1
        out.append({"prompt": text[at:end], "completion": text[end : end + LETTERS]})
    return out


def perplexities(llama, drover, path, text):
    """llama.cpp's and drover's, over how many tokens, and how far a token's two log-probabilities are apart at most."""
    records = pieces(text)
    theirs, ours = [], []
    for record, told in zip(records, lines(drover, "score", path, records)):
        ids, n = llama.tokens(record["prompt"] + record["completion"], True), len(told["ids"])
        assert ids[-n:] == told["ids"], "other tokens"
        first = len(ids) - n - 1
        rows = llama.decode(ids, 0, [int(i >= first) for i in range(len(ids))])[:n]
        theirs += [log_softmax(row)[token] for row, token in zip(rows, told["ids"])]
        ours += told["logprobs"]
    theirs, ours = np.array(theirs), np.array(ours)
    return math.exp(-theirs.mean()), math.exp(-ours.mean()), len(ours), float(np.abs(theirs - ours).max())


def lines(drover, command, path, records, *words):
    text = "".join(json.dumps(r) + "\n" for r in records)
    out = subprocess.run([drover, command, "--model", path, *words], input=text, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return [json.loads(line) for line in out.stdout.splitlines()]


def beside_drover(llama, drover, path):
    theirs = [greedy(llama, p) for p in PROMPTS]
    ours = lines(drover, "generate", path, [{"prompt": p} for p in PROMPTS], f"max_new_tokens={GREEDY}", "temperature=0")
    same = apart = 0
    for (_, tokens, gaps), answer in zip(theirs, ours):
        for i, token in enumerate(tokens[: len(answer["ids"])]):
            if answer["ids"][i] != token:
                apart += gaps[i] > 1e-3
                break
            same += 1
    return same, GREEDY * len(PROMPTS), apart


def quantisers(base):
    """ggml's own blocks of random rows beside drover's, by way of one GGUF each: see the test of K types."""
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((64, 256)).astype(np.float32)
    out = {}
    for name, size in (("q4_K", 144), ("q5_K", 176), ("q6_K", 210)):
        raw = np.zeros((64, size), np.uint8)
        getattr(base, f"quantize_row_{name}_ref")(rows.ctypes.data_as(c.c_void_p), raw.ctypes.data_as(c.c_void_p), c.c_int64(rows.size))
        back = np.zeros_like(rows)
        getattr(base, f"dequantize_row_{name}")(raw.ctypes.data_as(c.c_void_p), back.ctypes.data_as(c.c_void_p), c.c_int64(rows.size))
        out[name] = float(np.sqrt(np.mean((back - rows) ** 2)))
    return out


def main():
    folder, drover, model, text = sys.argv[1:5]
    dtypes = sys.argv[5:] or ["f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q5_k", "q5_0", "q4_k_m", "q4_k", "q4_0"]
    llama = Llama(folder)
    text = open(text, encoding="utf-8").read()
    print("ggml's quantisers lose, of N(0,1):", quantisers(llama.base))
    print("| type | MB | perplexity (drover) | perplexity (llama.cpp) | a token's log-probability apart, at most | greedy tokens the same, "
          "answers that part where the best two differ by > 1e-3 |")
    with tempfile.TemporaryDirectory() as work:
        for dtype in dtypes:
            path = os.path.join(work, dtype + ".gguf")
            source = os.path.join(work, "f32.gguf") if dtype in MADE else path
            if not os.path.exists(source):
                subprocess.run([drover, "convert", model, f"dtype={'f32' if dtype in MADE else dtype}", f"out={source}"], check=True, capture_output=True)
            if dtype in MADE:
                llama.quantize(source, path, MADE[dtype])
            llama.open(path)
            ids = llama.tokens(text)
            ours = lines(drover, "tokenize", path, [{"text": text}])
            alike = ids == ours[0].get("ids")
            perp, own, n, most = perplexities(llama, drover, path, text)
            greedy = "–"  # llama.cpp rounds activations to 8 bits in dot products with blocks: its tokens are another matter then
            if dtype in ("f32", "f16", "bf16"):
                greedy = "%d of %d, %d" % beside_drover(llama, drover, path)
            print(f"| {dtype} | {os.path.getsize(path) / 1e6:.1f} | {own:.4f} | {perp:.4f} | {most:.4f} | {greedy} | "
                  f" {n} tokens; the whole text's {len(ids)} are {'alike' if alike else 'NOT ALIKE'}",
                  flush=True)
            llama.close()


if __name__ == "__main__":
    main()

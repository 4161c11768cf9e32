#!/usr/bin/env python3
"""What bench_decode measures, by llama.cpp's own llama-batched-bench: its figures under the names of ours.

    bench/llama_peer.py BIN MODEL.gguf [new tokens, default 64]      (threads: OMP_NUM_THREADS)

Decoding: one prompt of 128 tokens that all sequences share. Scoring: 8 prompts of 256 tokens are read; of their logits it computes
the last only, where ours computes all."""
import json, os, subprocess, sys

BIN, MODEL = sys.argv[1:3]
FRESH = sys.argv[3] if len(sys.argv) > 3 else "64"
THREADS = os.environ.get("OMP_NUM_THREADS", "2")


def bench(*words):
    out = subprocess.run([f"{BIN}/llama-batched-bench", "-m", MODEL, "-c", "8192", "-b", "2048", "-ub", "512", "-t", THREADS, "-tb",
                          THREADS, "--output-format", "jsonl", *words], check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


for row in bench("-npp", "128", "-ntg", FRESH, "-npl", "1,8,32", "-pps"):
    print(f"decode batch {row['pl']}: {row['speed_tg']:.1f} tokens/s")
for row in bench("-npp", "256", "-ntg", "1", "-npl", "8"):
    print(f"score {row['pl']} x {row['pp']}: {row['speed_pp']:.1f} tokens/s")

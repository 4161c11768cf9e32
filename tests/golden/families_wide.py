"""Folders of full width with random weights, two layers: what real models of the shape take. Development only.

    wide.py BIN_FOLDER [NAME ...]

Qwen2.5-1.5B and Phi-3-mini as transformers makes them, but for the number of layers (and a tokenizer of 264
tokens): `score` of a text beside transformers, two steps of SFT; time and peak memory of each."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import transformers

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from families import Program, logprobs, tokenizer

WIDE = {
    "qwen2.5": ("Qwen2Config", dict(vocab_size=151936, hidden_size=1536, intermediate_size=8960, num_hidden_layers=2,
                                    num_attention_heads=12, num_key_value_heads=2, max_position_embeddings=32768,
                                    rope_parameters=dict(rope_type="default", rope_theta=1000000.0), tie_word_embeddings=True)),
    "phi3-mini": ("Phi3Config", dict(vocab_size=32064, hidden_size=3072, intermediate_size=8192, num_hidden_layers=2,
                                     num_attention_heads=32, num_key_value_heads=32, max_position_embeddings=131072,
                                     original_max_position_embeddings=4096, sliding_window=262144,
                                     rope_parameters=dict(rope_type="longrope", rope_theta=10000.0,
                                                          short_factor=[1 + i / 48 for i in range(48)],
                                                          long_factor=[1 + i for i in range(48)]))),
}
TEXT = "In the beginning there was a thing in the hat, and the thing said: " * 6


def peak(words, text=None):
    start = time.time()
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = child.communicate(text)
    if child.returncode:
        sys.exit(err[-800:])
    return out, err, time.time() - start


def main():
    program = sys.argv[1]
    for name in sys.argv[2:] or WIDE:
        kind, keys = WIDE[name]
        config = getattr(transformers, kind)(bos_token_id=1, eos_token_id=2, pad_token_id=0, **keys)
        torch.manual_seed(5)
        with tempfile.TemporaryDirectory() as work:
            model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
            model.save_pretrained(work + "/m")
            tok = tokenizer()
            tok.save_pretrained(work + "/m")
            count = sum(p.numel() for p in model.parameters())
            pair = (TEXT[:5], TEXT[5:])
            want, ids, _ = logprobs(model, tok, pair)
            del model
            out, _, took = peak(["/usr/bin/time", "-f", "%M", f"{program}/drover", "score", "--model", work + "/m"],
                                json.dumps({"prompt": pair[0], "completion": pair[1]}) + "\n")
            got = np.array(json.loads(out)["logprobs"])
            print(f"{name}: {count / 1e6:.0f} M weights; score of {len(ids)} tokens in {took:.1f} s, "
                  f"{np.abs(got - want[-len(got):]).max():.1e} from transformers")
            with open(work + "/d.jsonl", "w") as data:
                data.write((json.dumps({"input_ids": ids}) + "\n") * 4)
            _, err, took = peak([f"{program}/drover-learner", "sft", f"model={work}/m", f"dataset={work}/d.jsonl", "max_steps=2",
                                 "per_device_train_batch_size=2", "dataset_kwargs={skip_prepare_dataset: true}", "logging_steps=1",
                                 "save_strategy=no", "disable_tqdm=true", f"output_dir={work}/out", "learning_rate=1e-4"])
            rows = [json.loads(line) for line in open(work + "/out/metrics.jsonl")]
            memory = re.search(r"peak memory +([0-9.]+) MB", err).group(1)
            print(f"  two steps of SFT in {took:.1f} s, peak memory {memory} MB; loss "
                  + " ".join(f"{r['loss']:.4f}" for r in rows if "loss" in r), flush=True)


main()

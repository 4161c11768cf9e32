"""What bench_decode measures, with transformers on torch: same shape, prompt, counts, threads.

    OMP_NUM_THREADS=2 python bench/decode_torch.py [layers, default 30] [new tokens, default 64] [float32|bfloat16] [rounds, default 5]
"""
import os
import statistics
import sys
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM, LogitsProcessor, LogitsProcessorList

LAYERS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
FRESH = int(sys.argv[2]) if len(sys.argv) > 2 else 64
TYPE = getattr(torch, sys.argv[3] if len(sys.argv) > 3 else "float32")
ROUNDS = int(sys.argv[4]) if len(sys.argv) > 4 else 5
PROMPT, SEQS, SEQ = 128, 8, 256


class Steps(LogitsProcessor):
    """When each token's logits were there: the prompt's first, so that what comes after is decoding alone."""

    def __init__(self):
        self.at = []

    def __call__(self, ids, scores):
        self.at.append(time.perf_counter())
        return scores


def main():
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    config = AutoConfig.for_model(
        "llama", num_hidden_layers=LAYERS, hidden_size=576, num_attention_heads=9,
        num_key_value_heads=3, intermediate_size=1536, vocab_size=49152,
        max_position_embeddings=8192, tie_word_embeddings=True, eos_token_id=None,
        pad_token_id=0, attention_bias=False)
    model = AutoModelForCausalLM.from_config(config).to(TYPE).eval()
    prompt = torch.tensor([[i * 31 % 49152 for i in range(PROMPT)]])
    with torch.no_grad():
        for batch in (1, 8, 32):
            rates = []
            for _ in range(ROUNDS):
                x = prompt.expand(batch, -1)
                steps = Steps()
                model.generate(x, attention_mask=torch.ones_like(x), max_new_tokens=FRESH, min_new_tokens=FRESH, do_sample=True,
                               top_k=0, logits_processor=LogitsProcessorList([steps]))
                rates.append(batch * (FRESH - 1) / (steps.at[-1] - steps.at[0]))
            print(f"decode batch {batch:2d}: {statistics.median(rates):7.1f} tokens/s", flush=True)
        x = torch.tensor([[(s * SEQ + i) * 131 % 49152 for i in range(SEQ)] for s in range(SEQS)])
        rates = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            logits = model(x, use_cache=False).logits
            torch.log_softmax(logits[:, :-1].float(), -1).gather(2, x[:, 1:, None])
            rates.append(SEQS * SEQ / (time.perf_counter() - start))
        print(f"score {SEQS} x {SEQ}: {statistics.median(rates):7.1f} tokens/s")


main()

"""The peer of bench_train: the same steps in torch, eager attention or sdpa, float32 or autocast to bfloat16.

    python bench/train_torch.py MODEL.gguf|FOLDER [seqs=4] [length=256] [steps=5] [checkpointing=0] [tokens=FILE]
        [bf16=1]: weights in float32, products in bfloat16, as the Trainer's bf16=True has it
    OMP_NUM_THREADS says how many threads; attn=sdpa (default) or eager.
"""
import os
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM

args = dict(a.split("=", 1) for a in sys.argv[2:])
seqs, length, steps = (int(args.get(k, d)) for k, d in (("seqs", 4), ("length", 256), ("steps", 5)))
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
path = sys.argv[1]
where = dict(gguf_file=os.path.basename(path)) if path.endswith(".gguf") else {}
folder = os.path.dirname(path) if where else path
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=args.get("attn", "sdpa"), **where)
model.train()
if args.get("checkpointing") == "1":
    model.gradient_checkpointing_enable()
vocab, n = model.config.vocab_size, seqs * length
numbers = [int(w) for w in open(args["tokens"]).read().split()] if "tokens" in args else None
decay = [p for p in model.parameters() if p.dim() > 1]
plain = [p for p in model.parameters() if p.dim() == 1]
opt = torch.optim.AdamW([dict(params=decay, weight_decay=0.01), dict(params=plain, weight_decay=0.0)],
                        lr=1e-5, betas=(0.9, 0.999), eps=1e-8, fused=True)
best = []
for t in range(steps):
    if numbers:
        ids = torch.tensor(numbers[t * n : (t + 1) * n])
    else:
        i = torch.arange(n)
        ids = (i * i * 31 + i * 131 + t * 7) % vocab
    ids = ids.reshape(seqs, length)
    a = time.perf_counter()
    opt.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=args.get("bf16") == "1"):
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    b = time.perf_counter()
    loss.backward()
    c = time.perf_counter()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    d = time.perf_counter()
    opt.step()
    e = time.perf_counter()
    best.append(e - a)
    print("step %d loss %.7f norm %.6f: %.0f ms = forward %.0f + backward %.0f + clip %.0f + adamw %.0f"
          % (t, loss.item(), norm.item(), *(1e3 * x for x in (e - a, b - a, c - b, d - c, e - d))), flush=True)
print("training: %.4f steps/s" % (1 / min(best[1:])))
print("peak memory: %.0f MB" % (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-6))

"""Five AdamW steps of adapters in peft -> lora_steps.inc, for tests/lm/test_lora_steps.c.

    python tests/golden/lora_steps.py > tests/golden/lora_steps.inc    (torch 2.13, peft 0.21)

Models and tokens are those of sft_steps.py, A and B are formulas: the same numbers on both sides. In float64.
"""
import contextlib
import io

import peft
import torch
from peft import LoraConfig, get_peft_model

from formula import fill, stream

with contextlib.redirect_stdout(io.StringIO()):  # it prints its own numbers
    import sft_steps as full

# name, r, alpha, rsLoRA, targets, trained whole, scale of B at the start
CASES = [
    ("llama", 4, 8, False, "all-linear", None, 0.0),
    ("llama3", 3, 5, False, ["self_attn.o_proj", "down_proj"], ["lm_head", "embed_tokens"], 0.1),
    ("qwen2", 8, 4, True, ["q_proj", "v_proj"], None, 0.1),
    ("scalar", 4, 16, False, ["k_proj", "gate_proj", "model.layers.1.mlp.up_proj"], ["score"], 0.1),
]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def build(name, r, alpha, rslora, targets, save, b):
    config = dict((n, c) for n, c in full.CASES)[name]
    base, names, _ = full.build(name, config, torch.float64)
    model = get_peft_model(base, LoraConfig(r=r, lora_alpha=alpha, lora_dropout=0.0, use_rslora=rslora,
                                            target_modules=ALL if targets == "all-linear" else targets,
                                            modules_to_save=save), autocast_adapter_dtype=False)
    params = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
    order = []
    for n in names:
        module = "base_model.model." + n[:-len(".weight")]
        order += [m for m in (module + ".lora_A.weight", module + ".lora_B.weight",
                              module + ".modules_to_save.weight") if m in params]
    assert len(order) == len(params), set(params) - set(order)
    for i, n in enumerate(order):
        p = params[n]
        if "lora_" in n:
            values = fill(p.numel(), 300 + i, p.shape[1] ** -0.5 if "lora_A" in n else b)
            with torch.no_grad():
                p.copy_(torch.tensor(values).reshape(p.shape).double())
    return model, order, params


def loss_of(name, model, step):
    return full.loss_of(name, model.base_model.model, step)


print("/* Made by tests/golden/lora_steps.py: torch %s, peft %s. Losses; gradient norms before clipping; the loss of"
      " the\n * sixth batch under merged weights; of the first step and each tensor: norm, sum of gradient times"
      " formula. */" % (torch.__version__, peft.__version__))
print("static const struct lora_golden { const char *name; double loss[5], norm[5], merged; int n; double grad[32][2]; }"
      " lora_golden[] = {")
for case in CASES:
    name = case[0]
    model, order, params = build(*case)
    loss_of(name, model, 0).backward()
    grads = []
    for i, n in enumerate(order):
        g = params[n].grad
        u = torch.tensor(stream(g.numel(), 500 + i)).double().reshape(g.shape)
        grads.append((float(g.norm()), float((g * u).sum())))
    model, order, params = build(*case)
    opt = torch.optim.AdamW([params[n] for n in order], lr=5e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05)
    losses, norms = [], []
    for step in range(5):
        opt.zero_grad()
        loss = loss_of(name, model, step)
        loss.backward()
        losses.append(float(loss.detach()))
        norms.append(float(torch.nn.utils.clip_grad_norm_([params[n] for n in order], 1.0)))
        opt.step()
    merged = full.loss_of(name, model.merge_and_unload(), 5)
    print('    {"%s", {%s}, {%s}, %.9g, %d, {' % (name, ", ".join("%.9g" % v for v in losses),
                                                ", ".join("%.9g" % v for v in norms), float(merged.detach()), len(order)))
    for pair in grads:
        print("        {%.12g, %.12g}," % pair)
    print("    }},")
print("};")

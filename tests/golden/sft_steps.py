"""Five AdamW steps of small models in torch -> sft_steps.inc, for tests/lm/test_train.c.

    python tests/golden/sft_steps.py > tests/golden/sft_steps.inc      (torch 2.13, transformers 5)

Weights and tokens are formulas (formula.py), so nothing large is stored. In float64: torch's own
float32 run strays from it by up to 1.1e-4 in the losses and 1.9e-4 in the norms (scalar case).
"""
import numpy as np
import torch
from transformers import LlamaConfig, LlamaModel, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from formula import fill, stream, tokens

BASE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=130, max_position_embeddings=256, rms_norm_eps=1e-5,
            attn_implementation="eager")
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=16)
CASES = [
    ("llama", LlamaConfig(**BASE, head_dim=16, tie_word_embeddings=True,
                          rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    ("llama3", LlamaConfig(**{**BASE, "num_attention_heads": 2, "num_key_value_heads": 2}, head_dim=48,
                           tie_word_embeddings=False, rope_parameters=LLAMA3)),
    ("qwen2", Qwen2Config(**{**BASE, "num_key_value_heads": 1, "rms_norm_eps": 1e-6}, tie_word_embeddings=True,
                          rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    ("scalar", LlamaConfig(**BASE, head_dim=16, tie_word_embeddings=False,
                           rope_parameters=dict(rope_type="linear", factor=2.0, rope_theta=10000.0))),
]
LENGTHS = [37, 21, 2]
ORDER = ["input_layernorm.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight",
         "self_attn.v_proj.weight", "self_attn.q_proj.bias", "self_attn.k_proj.bias",
         "self_attn.v_proj.bias", "self_attn.o_proj.weight", "post_attention_layernorm.weight",
         "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"]


class Scalar(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.model = LlamaModel(config)
        self.score = torch.nn.Linear(config.hidden_size, 1, bias=False)


def build(name, config, dtype):
    kind = Scalar if name == "scalar" else Qwen2ForCausalLM if name == "qwen2" else LlamaForCausalLM
    model = kind(config).to(dtype)
    params = dict(model.named_parameters())
    names = ["model.embed_tokens.weight"]
    for layer in range(config.num_hidden_layers):
        names += ["model.layers.%d.%s" % (layer, n) for n in ORDER]
    names = [n for n in names + ["model.norm.weight", "lm_head.weight", "score.weight"] if n in params]
    assert len(names) == len(params), (set(params) - set(names))
    for i, n in enumerate(names):
        p = params[n]
        vector = p.dim() == 1
        values = fill(p.numel(), 100 + i, 0.2 if vector else 0.3, 1.0 if "norm" in n else 0.0)
        with torch.no_grad():
            p.copy_(torch.tensor(values).reshape(p.shape).to(dtype))
    return model, names, params


def loss_of(name, model, step):
    """Mean over all predicted tokens of the batch, as one packed batch would have it."""
    total, count = 0.0, 0
    for s, length in enumerate(LENGTHS):
        ids = torch.tensor(tokens(length, 1000 * step + s, BASE["vocab_size"]))[None]
        if name == "scalar":
            hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
            value = model.score(hidden)[0, :, 0]
            aim = torch.tensor(stream(length, 1000 * step + 500 + s)).to(value.dtype)
            total, count = total + ((value - aim) ** 2).sum(), count + length
        else:
            logits = model(input_ids=ids, use_cache=False).logits[0]
            total = total + torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="sum")
            count += length - 1
    return total / count


print("/* Made by tests/golden/sft_steps.py: torch %s. Per case: name, losses, gradient norms before"
      " clipping,\n * and for each tensor, of the first step: norm, sum of gradient times formula. */" % torch.__version__)
print("static const struct sft_golden { const char *name; double loss[5], norm[5]; int n; double grad[32][2]; } sft_golden[] = {")
for name, config in CASES:
    model, names, params = build(name, config, torch.float64)
    loss_of(name, model, 0).backward()
    grads = []
    for i, n in enumerate(names):
        g = params[n].grad
        u = torch.tensor(stream(g.numel(), 500 + i)).double().reshape(g.shape)
        grads.append((float(g.norm()), float((g * u).sum())))
    model, names, params = build(name, config, torch.float64)
    decay = [params[n] for n in names if params[n].dim() > 1]
    plain = [params[n] for n in names if params[n].dim() == 1]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
                            lr=5e-3, betas=(0.9, 0.999), eps=1e-8)
    losses, norms = [], []
    for step in range(5):
        opt.zero_grad()
        loss = loss_of(name, model, step)
        loss.backward()
        losses.append(float(loss.detach()))
        norms.append(float(torch.nn.utils.clip_grad_norm_(list(params.values()), 1.0)))
        opt.step()
    print('    {"%s", {%s}, {%s}, %d, {' % (name, ", ".join("%.9g" % v for v in losses),
                                          ", ".join("%.9g" % v for v in norms), len(names)))
    for pair in grads:
        print("        {%.12g, %.12g}," % pair)
    print("    }},")
print("};")

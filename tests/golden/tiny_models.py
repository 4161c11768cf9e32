"""Golden numbers of tiny transformers from Hugging Face transformers, f32.

    python tests/golden/tiny_models.py > tests/golden/tiny_models.txt
    python tests/golden/tiny_models.py kinds > tests/golden/kinds.txt   (fewer numbers of further kinds)
    python tests/golden/tiny_models.py bfloat16 > tests/golden/tiny_bf16.txt   (with compute: bfloat16's roundings)
    python tests/golden/tiny_models.py int8 > tests/golden/tiny_int8.txt       (with those of compute: int8)

Needs torch and transformers (made with torch 2.13, transformers 5). Weights are not stored: both
sides make them from a formula (tests/lm/tiny.h has the same in C):
    u(name, i) = (mix(fnv1a32(name) + i * 0x9E3779B9) >> 8) * 2^-23 - 1, mix = murmur3's finaliser
    norm 1 + 0.2 u (0.2 u where 1 + w multiplies); bias 0.3 u; embedding 0.25 u; other [out, in]
    u * float32(k / sqrt(in)), k = 3 for lm_head and score, 1.7 otherwise; Conv1D holds them turned
Tokens: mix(1000 * sequence + position) % vocab. Per model and sequence: log-probabilities of
tokens 1.., logits after the last token, and (where the head predicts) greedy continuations. The
hash of the weights in name order goes to stderr (tests/lm/test_params.c has two of them).
"""
import hashlib
import math
import sys
import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

LENGTHS = [1, 17, 150]
GREEDY = 24


def fnv(name):
    h = 0x811C9DC5
    for b in name.encode():
        h = ((h ^ b) * 0x01000193) & 0xFFFFFFFF
    return h


def mix(h):
    h = np.asarray(h, dtype=np.uint64) & 0xFFFFFFFF
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(0x85EBCA6B)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(13)
    h = (h * np.uint64(0xC2B2AE35)) & np.uint64(0xFFFFFFFF)
    return h ^ (h >> np.uint64(16))


def weight(name, shape, plus=False, turned=False):
    if turned:
        return weight(name, shape[::-1]).T.contiguous()
    n = int(np.prod(shape))
    i = np.arange(n, dtype=np.uint64)
    u = ((mix(np.uint64(fnv(name)) + i * np.uint64(0x9E3779B9)) >> np.uint64(8)).astype(np.float32)
         * np.float32(2.0**-23) - np.float32(1))
    if name.endswith("bias"):
        v = np.float32(0.3) * u
    elif "norm" in name or ".ln_" in name:
        v = np.float32(0 if plus else 1) + np.float32(0.2) * u
    elif ("embed" in name and name != "embed_out.weight") or ".wte." in name or ".wpe." in name:
        v = np.float32(0.25) * u
    else:
        k = 3.0 if name in ("lm_head.weight", "score.weight", "embed_out.weight") else 1.7
        v = u * np.float32(k / math.sqrt(shape[-1]))
    return torch.from_numpy(v.reshape(shape))


TOKENS = dict(bos_token_id=1, eos_token_id=2, pad_token_id=0)
COMMON = dict(attention_bias=False, hidden_act="silu", **TOKENS)
MODELS = {
    "llama": dict(model_type="llama", num_hidden_layers=2, hidden_size=48, num_attention_heads=4,
                  num_key_value_heads=2, head_dim=16, intermediate_size=80, vocab_size=97,
                  max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=True,
                  rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
    "llama3": dict(model_type="llama", num_hidden_layers=3, hidden_size=96, num_attention_heads=6,
                   num_key_value_heads=2, head_dim=32, intermediate_size=176, vocab_size=131,
                   max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=False,
                   rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, factor=8.0,
                                        low_freq_factor=1.0, high_freq_factor=4.0,
                                        original_max_position_embeddings=64)),
    "linear": dict(model_type="llama", num_hidden_layers=1, hidden_size=96, num_attention_heads=2,
                   num_key_value_heads=2, head_dim=48, intermediate_size=112, vocab_size=64,
                   max_position_embeddings=256, rms_norm_eps=1e-6, tie_word_embeddings=True,
                   rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0)),
    "qwen2": dict(model_type="qwen2", num_hidden_layers=2, hidden_size=112, num_attention_heads=7,
                  num_key_value_heads=1, intermediate_size=144, vocab_size=151,
                  max_position_embeddings=256, rms_norm_eps=1e-6, tie_word_embeddings=False,
                  use_sliding_window=False,
                  rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
    "mistral": dict(model_type="mistral", num_hidden_layers=2, hidden_size=64, num_attention_heads=4,
                    num_key_value_heads=1, head_dim=32, intermediate_size=96, vocab_size=80,
                    max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False,
                    sliding_window=None,
                    rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
    "window": dict(model_type="mistral", num_hidden_layers=2, hidden_size=64, num_attention_heads=4,
                   num_key_value_heads=2, head_dim=16, intermediate_size=96, vocab_size=80,
                   max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False,
                   sliding_window=24, rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
    "qwen3": dict(model_type="qwen3", num_hidden_layers=2, hidden_size=64, num_attention_heads=4,
                  num_key_value_heads=2, head_dim=32, intermediate_size=96, vocab_size=80,
                  max_position_embeddings=256, rms_norm_eps=1e-6, tie_word_embeddings=True,
                  rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
    "phi3": dict(model_type="phi3", num_hidden_layers=2, hidden_size=64, num_attention_heads=4,
                 num_key_value_heads=2, intermediate_size=96, vocab_size=80, sliding_window=40,
                 max_position_embeddings=256, original_max_position_embeddings=64, rms_norm_eps=1e-5,
                 tie_word_embeddings=False,
                 rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, short_factor=[1 + i / 16 for i in range(8)],
                                      long_factor=[1 + i / 2 for i in range(8)])),
    "gemma2": dict(model_type="gemma2", num_hidden_layers=3, hidden_size=64, num_attention_heads=4,
                   num_key_value_heads=2, head_dim=16, intermediate_size=96, vocab_size=80,
                   max_position_embeddings=256, rms_norm_eps=1e-6, tie_word_embeddings=True,
                   query_pre_attn_scalar=24, sliding_window=24, attn_logit_softcapping=2.0,
                   final_logit_softcapping=3.0, hidden_activation="gelu_pytorch_tanh",
                   rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
    "gemma3": dict(model_type="gemma3_text", num_hidden_layers=3, hidden_size=64, num_attention_heads=4,
                   num_key_value_heads=2, head_dim=16, intermediate_size=96, vocab_size=80,
                   max_position_embeddings=256, rms_norm_eps=1e-6, tie_word_embeddings=True,
                   query_pre_attn_scalar=16, sliding_window=24, hidden_activation="gelu_pytorch_tanh",
                   layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                   rope_parameters=dict(full_attention=dict(rope_type="linear", factor=4.0, rope_theta=1000000.0),
                                        sliding_attention=dict(rope_type="default", rope_theta=10000.0))),
    "gpt2": dict(model_type="gpt2", n_layer=2, n_embd=64, n_head=4, n_inner=96, vocab_size=80, n_positions=256,
                 layer_norm_epsilon=1e-5, tie_word_embeddings=True, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0),
    "reward": dict(model_type="llama", num_hidden_layers=2, hidden_size=48, num_attention_heads=4,
                   num_key_value_heads=2, head_dim=16, intermediate_size=80, vocab_size=97,
                   max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=True,
                   num_labels=1, rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
}


CONV1D = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")


def tokens(vocab, sequence, n):
    return [int(mix(1000 * sequence + t) % np.uint64(vocab)) for t in range(n)]


# Each has what no model above has; tests/lm/kinds.h has the same in C.
WIDE = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, vocab_size=80,
            max_position_embeddings=256)
ROPE = dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0))
H = dict(n_embd=64, n_layer=2, n_head=4, n_inner=96, vocab_size=80, n_positions=256, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
KINDS = {
    "bias": dict(WIDE, model_type="llama", num_key_value_heads=2, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5,
                 tie_word_embeddings=True, rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0,
                                                                original_max_position_embeddings=64)),
    "dynamic": dict(WIDE, model_type="llama", num_key_value_heads=2, rms_norm_eps=1e-5, tie_word_embeddings=True,
                    max_position_embeddings=128,
                    rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=2.0)),
    "tiny": dict(ROPE, model_type="qwen2", hidden_size=8, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                 intermediate_size=32, vocab_size=80, max_position_embeddings=256, rms_norm_eps=1e-6, tie_word_embeddings=False),
    "eight": dict(ROPE, model_type="llama", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                  intermediate_size=40, vocab_size=80, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=True),
    "gemma": dict(WIDE, **ROPE, model_type="gemma", num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6),
    "phi": dict(WIDE, model_type="phi", layer_norm_eps=1e-5,
                rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)),
    "neox": dict(WIDE, model_type="gpt_neox", layer_norm_eps=1e-5,
                 rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25)),
    "opt": dict(model_type="opt", hidden_size=64, ffn_dim=96, num_hidden_layers=2, num_attention_heads=4, vocab_size=80,
                max_position_embeddings=256, word_embed_proj_dim=64, dropout=0.0),
    "smollm3": dict(WIDE, **ROPE, model_type="smollm3", num_hidden_layers=4, num_key_value_heads=2, rms_norm_eps=1e-6),
    "olmo": dict(WIDE, **ROPE, model_type="olmo", tie_word_embeddings=False),
    "olmo2": dict(WIDE, **ROPE, model_type="olmo2", num_key_value_heads=2, rms_norm_eps=1e-5, tie_word_embeddings=False),
    "granite": dict(WIDE, **ROPE, model_type="granite", num_key_value_heads=2, rms_norm_eps=1e-5, embedding_multiplier=12.0,
                    residual_multiplier=0.22, attention_multiplier=0.0625, logits_scaling=2.0, tie_word_embeddings=True),
    "stablelm": dict(WIDE, model_type="stablelm", num_key_value_heads=4, layer_norm_eps=1e-5, use_qkv_bias=True,
                     tie_word_embeddings=False,
                     rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25)),
    "beside": dict(WIDE, model_type="stablelm", num_key_value_heads=4, layer_norm_eps=1e-5, use_parallel_residual=True,
                   tie_word_embeddings=False,
                   rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)),
    "cohere2": dict(WIDE, **ROPE, model_type="cohere2", num_hidden_layers=4, num_key_value_heads=2, layer_norm_eps=1e-5,
                    logit_scale=0.25, sliding_window=24),
    "falcon": dict(model_type="falcon", hidden_size=64, num_hidden_layers=2, num_attention_heads=4, vocab_size=80,
                   max_position_embeddings=256, new_decoder_architecture=True, num_kv_heads=2, ffn_hidden_size=96, **ROPE),
    "gptj": dict(H, model_type="gptj", rotary_dim=8),
    "gptneo": dict(model_type="gpt_neo", hidden_size=64, num_layers=2, num_heads=4, intermediate_size=96, vocab_size=80,
                   max_position_embeddings=256, attention_types=[[["global", "local"], 1]], window_size=24),
    "olmo3": dict(WIDE, model_type="olmo3", num_hidden_layers=4, num_key_value_heads=2, rms_norm_eps=1e-5, tie_word_embeddings=False,
                  sliding_window=24, rope_parameters=dict(
                      full_attention=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=64),
                      sliding_attention=dict(rope_type="default", rope_theta=10000.0))),
    "arcee": dict(WIDE, **ROPE, model_type="arcee", num_key_value_heads=2, mlp_bias=True, tie_word_embeddings=True),
    "glm4": dict(WIDE, model_type="glm4", num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-5, tie_word_embeddings=False,
                 rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)),
    "nemotron": dict(WIDE, model_type="nemotron", num_key_value_heads=2, norm_eps=1e-5, tie_word_embeddings=False,
                     rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)),
    "exaone4": dict(WIDE, **ROPE, model_type="exaone4", num_hidden_layers=4, num_key_value_heads=2, tie_word_embeddings=True,
                    sliding_window=24),
    "smollm3w": dict(WIDE, **ROPE, model_type="smollm3", num_key_value_heads=2, rms_norm_eps=1e-6, no_rope_layers=[1, 0],
                     use_sliding_window=True, sliding_window=24),
    "bigcode": dict(H, model_type="gpt_bigcode"),
}


def line(name, kind, sequence, values, digits=9):
    print(name, kind, sequence, len(values), *(f"{v:.{digits}g}" for v in values))


def kinds():
    """Log-probabilities of the longest sequence, greedy answers to the middle one."""
    for name, keys in KINDS.items():
        keys = {**TOKENS, **keys}
        config = AutoConfig.for_model(keys.pop("model_type"), **keys)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
        with torch.no_grad():
            for key, p in sorted(model.named_parameters()):
                key = "embed_out.weight" if name == "neox" and key == "lm_head.weight" else key  # as its file has it
                p.copy_(weight(key, tuple(p.shape), name in ("gemma", "nemotron")))
            ids = tokens(80, 2, LENGTHS[2])
            lp = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
            line(name, "logprob", 2, [lp[t - 1, ids[t]].item() for t in range(1, LENGTHS[2])], 7)
            ids = tokens(80, 1, LENGTHS[1])
            for _ in range(GREEDY):
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            line(name, "greedy", 1, ids[LENGTHS[1]:])


def cut(x, more):
    """The upper half of bits and `more`, which carries into it: a bfloat16; below 2^-56 is +0."""
    bits = x.contiguous().view(torch.int32).to(torch.int64) & 0xFFFFFFFF
    out = ((bits + more(bits)) & 0xFFFF0000).to(torch.uint32).view(torch.float32).reshape(x.shape)
    return torch.where(x.abs() < 2.0**-56, torch.zeros_like(out), out)


def rounded(x):
    """To the nearest, ties to even."""
    return cut(x, lambda bits: 0x7FFF + (bits >> 16 & 1))


def own_threshold(w):
    """A matrix [out, in], each weight by the threshold of its row and column: R12."""
    row, column = torch.arange(w.shape[0])[:, None], torch.arange(w.shape[1])[None]
    return cut(w, lambda bits: (row * 3242174889 + column * 2447445413) % 2**32 >> 16)


def whole(x):
    """Rows of the last axis as whole numbers within +-127 and their scale, and back: R11."""
    most = x.abs().amax(-1, keepdim=True)
    none = most < 2.0**-56
    rate = torch.where(none, torch.zeros_like(most), torch.tensor(127.0) / most)
    return torch.round(x * rate) * torch.where(none, torch.zeros_like(most), most / torch.tensor(127.0))


def grouped(x):
    """The same of each 32 of a row, the last fewer."""
    return torch.cat([whole(part) for part in x.split(32, -1)], -1)


# What makes queries, keys and values.
ATTENDS = "q_proj", "k_proj", "v_proj", "qkv_proj", "c_attn", "query_key_value"


def halves(int8):
    """What docs/MATH.md says of R10 and R11: weights that are matrices, what they are multiplied with, keys and values."""
    for name, keys in MODELS.items():
        keys = {**(COMMON if name != "gpt2" and "gemma" not in name else TOKENS), **keys}
        config = AutoConfig.for_model(keys.pop("model_type"), **keys)
        make = AutoModelForSequenceClassification if name == "reward" else AutoModelForCausalLM
        model = make.from_config(config, attn_implementation="eager").float().eval()
        for module in [m for n, m in list(sys.modules.items()) if n.startswith("transformers.models.")]:
            own = getattr(module, "eager_attention_forward", None)
            if own and not hasattr(own, "plain"):
                def attend(self, q, k, v, *more, own=own, **named):
                    return own(self, q, rounded(k), rounded(v), *more, **named)
                attend.plain = own
                module.eager_attention_forward = attend
        for key, module in model.named_modules():
            if type(module).__name__ in ("Linear", "Conv1D") and key != "score":
                of = grouped if int8 and key.split(".")[-1] not in ATTENDS else rounded
                module.register_forward_pre_hook(lambda module, x, of=of: (of(x[0]),))
        with torch.no_grad():
            for key, p in sorted(model.named_parameters()):
                w = weight(key, tuple(p.shape), "gemma" in name, key.endswith(CONV1D))
                plain = p.dim() < 2 or key == "score.weight" or ".wpe." in key
                turn = (lambda w: w.T) if key.endswith(CONV1D) and name == "gpt2" else lambda w: w
                w = w if plain else turn(own_threshold(turn(w)))
                if int8 and not plain and not any(x in key for x in ATTENDS):
                    w = turn(grouped(turn(w)))
                p.copy_(w)
            for s, n in list(enumerate(LENGTHS))[1:]:
                ids = tokens(config.vocab_size, s, n)
                x = torch.tensor([ids])
                if name == "reward":
                    line(name, "value", s, model.score(model.model(x).last_hidden_state)[0, :, 0].tolist(), 7)
                    continue
                lp = torch.log_softmax(model(x).logits[0].double(), -1)
                line(name, "logprob", s, [lp[t - 1, ids[t]].item() for t in range(1, n)], 7)


def main():
    torch.set_num_threads(1)
    if sys.argv[1:] == ["kinds"]:
        return kinds()
    if sys.argv[1:] in (["bfloat16"], ["int8"]):
        return halves(sys.argv[1] == "int8")
    for name, keys in MODELS.items():
        keys = {**(COMMON if name != "gpt2" and "gemma" not in name else TOKENS), **keys}
        config = AutoConfig.for_model(keys.pop("model_type"), **keys)
        make = AutoModelForSequenceClassification if name == "reward" else AutoModelForCausalLM
        model = make.from_config(config, attn_implementation="eager").float().eval()
        with torch.no_grad():
            sha = hashlib.sha256()
            for key, p in sorted(model.named_parameters()):
                p.copy_(weight(key, tuple(p.shape), "gemma" in name, key.endswith(CONV1D)))
                sha.update(p.contiguous().numpy().tobytes())
            print(name, "sha256", sha.hexdigest(), file=sys.stderr)
            for s, n in enumerate(LENGTHS):
                ids = tokens(config.vocab_size, s, n)
                x = torch.tensor([ids])
                if name == "reward":
                    line(name, "value", s, model.score(model.model(x).last_hidden_state)[0, :, 0].tolist())
                    continue
                logits = model(x).logits[0].double()
                lp = torch.log_softmax(logits, -1)
                line(name, "logprob", s, [lp[t - 1, ids[t]].item() for t in range(1, n)])
                warm = torch.log_softmax(logits / 0.7, -1)
                line(name, "entropy", s, [(-(w.exp() * w).sum()).item() for w in warm[:-1]])
                line(name, "logits", s, logits[-1].tolist())
                ids = list(ids)
                for _ in range(GREEDY):
                    ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
                line(name, "greedy", s, ids[n:])


main()

"""A transformers model as a GGUF file, following llama.cpp's convert_hf_to_gguf.py (names by gguf-py's
TensorNameMap): q and k rows of a Llama permuted, Gemma's norms stored + 1, GPT-2's Conv1D turned, Phi-3's
rope factors as tensors. Written independently of drover's reader, for families.py."""

import json
import math
import os

import gguf
import numpy as np

ARCH = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "phi3": "phi3", "gemma2": "gemma2",
        "gemma3_text": "gemma3", "gpt2": "gpt2",
        "starcoder2": "starcoder2"}


def tokens(w, folder):
    tok = json.load(open(os.path.join(folder, "tokenizer.json")))
    vocab = tok["model"]["vocab"]
    special = {t["content"] for t in tok["added_tokens"]}
    names = sorted(vocab, key=vocab.get)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(names)
    w.add_token_types([3 if t in special else 1 for t in names])
    w.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in tok["model"]["merges"]])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_pad_token_id(0)
    w.add_add_bos_token(False)
    template = os.path.join(folder, "chat_template.jinja")
    if os.path.exists(template):
        w.add_chat_template(open(template).read())


def permute(x, n):
    return x.reshape(n, 2, x.shape[0] // n // 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def write(model, folder, path, half=False):
    """None, or why llama.cpp has no such file. half: matrices as f16."""
    c = model.config
    arch = ARCH[c.model_type]
    if c.model_type in ("mistral", "qwen2", "starcoder2") and getattr(c, "sliding_window", None):
        return "llama.cpp's converter drops the window"
    w = gguf.GGUFWriter(path, arch)
    heads, width = c.num_attention_heads, c.hidden_size
    kv = getattr(c, "num_key_value_heads", heads)
    head_dim = getattr(c, "head_dim", None) or width // heads
    w.add_block_count(c.num_hidden_layers)
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(width)
    w.add_feed_forward_length(getattr(c, "intermediate_size", None) or 4 * width)
    w.add_head_count(heads)
    if arch == "gpt2":
        w.add_layer_norm_eps(c.layer_norm_epsilon)
    else:
        w.add_head_count_kv(kv)
        if arch == "starcoder2":
            w.add_layer_norm_eps(c.norm_epsilon)
        else:
            w.add_layer_norm_rms_eps(c.rms_norm_eps)
        rope = c.rope_parameters
        if arch == "gemma3":
            w.add_rope_freq_base(rope["full_attention"]["rope_theta"])
        else:
            w.add_rope_freq_base(rope["rope_theta"])
    if arch in ("llama", "phi3"):
        w.add_rope_dimension_count(head_dim)
    if arch in ("qwen3", "gemma2", "gemma3"):
        w.add_key_length(head_dim)
        w.add_value_length(head_dim)
    if arch in ("gemma2", "gemma3"):
        w.add_sliding_window(c.sliding_window)
    if arch == "gemma2":
        w.add_attn_logit_softcapping(c.attn_logit_softcapping)
        w.add_final_logit_softcapping(c.final_logit_softcapping)
    if arch == "phi3":
        w.add_sliding_window(c.sliding_window or 0)
        original = c.original_max_position_embeddings
        w.add_rope_scaling_orig_ctx_len(original)
        if rope["rope_type"] == "longrope":
            scale = c.max_position_embeddings / original
            w.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0)
            w.add_tensor("rope_factors_long.weight", np.array(rope["long_factor"], dtype=np.float32))
            w.add_tensor("rope_factors_short.weight", np.array(rope["short_factor"], dtype=np.float32))
    tokens(w, folder)
    names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, arch.upper()), c.num_hidden_layers)
    for key, p in sorted(model.named_parameters()):
        value = p.detach().numpy().astype(np.float32)
        to = names.get_name(key, try_suffixes=(".weight", ".bias"))
        assert to, key
        if arch == "llama" and ".q_proj." in key:
            value = permute(value, heads)
        if arch == "llama" and ".k_proj." in key:
            value = permute(value, kv)
        if arch.startswith("gemma") and key.endswith("norm.weight"):
            value = value + 1
        if arch == "gpt2" and key.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            value = value.T
        w.add_tensor(to, np.ascontiguousarray(value.astype(np.float16) if half and value.ndim > 1 else value))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return None

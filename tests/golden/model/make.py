"""Tiny models as transformers and gguf-py write them, for tests/lm/test_{hfconfig,model_files}.c.

usage: python make.py llama5 | qwen5 | mistral4 | reward4 | gpt2_5 | phi3_4 | gemma3_5 | gguf | hashes > hashes.inc
Each is run with the transformers whose form it shows: names ending in 4 with 4.56.2, in 5 with
5.23. The .gguf files are made from the folders llama5 and qwen5 with gguf 0.19.0. All weights are random.
"""

import json
import os
import sys

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {c: i for i, c in enumerate(SPECIAL + alphabet)}
    merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("Ġ", "a")]
    for a, b in merges:
        vocab[a + b] = len(vocab)
    t = Tokenizer(models.BPE(vocab, merges))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    t.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=t, bos_token=SPECIAL[1], eos_token=SPECIAL[2], pad_token=SPECIAL[2], unk_token=SPECIAL[0]
    )
    fast.chat_template = TEMPLATE
    return fast


SIZES = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
             vocab_size=272, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=2)
TOKENS = dict(vocab_size=272, bos_token_id=1, eos_token_id=2, pad_token_id=0)
SMALL = dict(SIZES, num_hidden_layers=1, pad_token_id=0)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)


def make(name, folder):
    five = transformers.__version__.startswith("5")
    assert five == name.endswith("5"), "transformers " + transformers.__version__
    torch.manual_seed(7)
    rope = dict(rope_parameters=dict(LLAMA3, rope_theta=500000.0)) if five else dict(rope_scaling=LLAMA3, rope_theta=500000.0)
    kind = name[:-1].rstrip("_")
    if kind == "llama":
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES, **rope, tie_word_embeddings=True))
    elif kind == "mistral":
        model = transformers.MistralForCausalLM(transformers.MistralConfig(**SIZES, sliding_window=None))
    elif kind == "qwen":
        config = transformers.Qwen2Config(**SIZES, tie_word_embeddings=True)
        model = transformers.Qwen2ForCausalLM(config)
        for p in model.parameters():  # biases start at zero: make them matter
            torch.nn.init.normal_(p, std=0.1)
    elif kind == "gpt2":
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
            **TOKENS, n_embd=32, n_layer=2, n_head=2, n_positions=64, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
    elif kind == "phi3":
        factors = dict(short_factor=[1 + i / 8 for i in range(8)], long_factor=[1 + i for i in range(8)])
        model = transformers.Phi3ForCausalLM(transformers.Phi3Config(
            **SMALL, original_max_position_embeddings=48, sliding_window=40, rope_scaling=dict(factors, type="longrope")))
    elif kind == "gemma3":
        model = transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(
            **dict(SMALL, num_hidden_layers=2), head_dim=16, query_pre_attn_scalar=16, sliding_window=24))
    elif kind == "reward":
        model = transformers.LlamaForSequenceClassification(
            transformers.LlamaConfig(**dict(SIZES, pad_token_id=0), num_labels=1))
    if kind == "mistral":
        model.generation_config.eos_token_id = [2, 0]
    if name[-2] == "_":
        for p in model.parameters():  # biases and norms that matter
            torch.nn.init.normal_(p, std=0.1)
    dtype = {"mistral": torch.bfloat16, "reward": torch.float32, "llama": torch.float32}.get(kind, torch.float16)
    # weights that every dtype here holds exactly, so that the files agree to the bit
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.to(torch.bfloat16).to(torch.float32).to(torch.float16).to(torch.float32))
    model = model.to(dtype)
    model.save_pretrained(folder, **({"max_shard_size": "40KB"} if kind == "mistral" else {}))
    tokenizer().save_pretrained(folder)


def gguf_of(source, path, rope_factors, types):
    """As llama.cpp's convert_hf_to_gguf.py writes it: q and k rows of a Llama permuted, its rope
    factors in a tensor."""
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    config = json.load(open(os.path.join(source, "config.json")))
    tok = json.load(open(os.path.join(source, "tokenizer.json")))
    arch = config["model_type"]
    w = gguf.GGUFWriter(path, arch)
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config["hidden_size"] // heads
    w.add_name("tiny")
    w.add_block_count(config["num_hidden_layers"])
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_vocab_size(config["vocab_size"])
    if arch == "llama":
        w.add_rope_dimension_count(head_dim)
    tokens = sorted(tok["model"]["vocab"], key=tok["model"]["vocab"].get)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([3 if t in SPECIAL else 1 for t in tokens])
    w.add_token_merges([" ".join(m) for m in tok["model"]["merges"]])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_pad_token_id(2)
    w.add_add_bos_token(False)
    w.add_chat_template(TEMPLATE)
    names = {"embed_tokens": "token_embd", "norm": "output_norm", "input_layernorm": "attn_norm",
             "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}

    def permute(x, n):
        return x.reshape(n, 2, x.shape[0] // n // 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)

    if rope_factors:
        r = config["rope_parameters"]
        base = r["rope_theta"]
        freqs = 1.0 / (base ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim))
        low, high, old = r["low_freq_factor"], r["high_freq_factor"], r["original_max_position_embeddings"]
        out = []
        for f in freqs:
            wavelen = 2 * np.pi / f
            if wavelen < old / high:
                out.append(1)
            elif wavelen > old / low:
                out.append(r["factor"])
            else:
                smooth = (old / wavelen - low) / (high - low)
                out.append(1 / ((1 - smooth) / r["factor"] + smooth))
        w.add_tensor("rope_freqs.weight", np.array(out, dtype=np.float32))
    for i, (name, value) in enumerate(sorted(load_file(os.path.join(source, "model.safetensors")).items())):
        value = value.astype(np.float32)
        end = ".bias" if name.endswith(".bias") else ".weight"
        stem = name.removeprefix("model.").removesuffix(end)
        if stem.startswith("layers."):
            _, layer, rest = stem.split(".", 2)
            to = f"blk.{layer}.{names[rest]}{end}"
        else:
            to = names[stem] + ".weight"
        if ".q_proj" in name and arch == "llama":
            value = permute(value, heads)
        if ".k_proj" in name and arch == "llama":
            value = permute(value, kv)
        kind = types[i % len(types)]
        if value.ndim == 1 or value.shape[1] % gguf.GGML_QUANT_SIZES[kind][0]:
            kind = gguf.GGMLQuantizationType.F32
        data = gguf.quants.quantize(value.astype(np.float32), kind) if kind != gguf.GGMLQuantizationType.F32 else value
        w.add_tensor(to, data, raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def hashes():
    """SHA-256 over the f32 bytes of the tensors in name order: hashes.inc."""
    import glob
    import hashlib

    from safetensors.torch import load_file

    for name in ("llama5", "qwen5", "mistral4", "reward4", "gpt2_5", "phi3_4", "gemma3_5"):
        tensors = {}
        for path in glob.glob(os.path.join(HERE, name, "*.safetensors")):
            tensors.update(load_file(path))
        sha = hashlib.sha256()
        for key in sorted(tensors):
            value = tensors[key].to(torch.float32)
            if name == "gpt2_5" and key.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
                value = value.T.contiguous()  # drover's order is [out, in] everywhere
            sha.update(value.numpy().tobytes())
        print('{"%s", "%s"},' % (name, sha.hexdigest()))


if __name__ == "__main__":
    if sys.argv[1] == "hashes":
        hashes()
    elif sys.argv[1] == "gguf":
        import gguf as g
        T = g.GGMLQuantizationType
        gguf_of(os.path.join(HERE, "llama5"), os.path.join(HERE, "llama.gguf"), True, [T.F32, T.F16, T.BF16])
        gguf_of(os.path.join(HERE, "qwen5"), os.path.join(HERE, "qwen.gguf"), False, [T.F16])
        sys.path.insert(0, os.path.dirname(HERE))
        from families_gguf import write
        for name in ("gpt2_5", "phi3_4", "gemma3_5"):
            folder = os.path.join(HERE, name)
            model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
            write(model, folder, os.path.join(HERE, name[:-2] + ".gguf"), half=True)
    else:
        make(sys.argv[1], os.path.join(HERE, sys.argv[1]))

"""Model families in drover beside transformers: one table each. Development only.

    families.py BIN_FOLDER [FAMILY ...]

Needs torch, transformers 5, peft and gguf; DROVER_PYTHON4 names a python with transformers 4.56, whose
folders are read too. Tiny folders with random weights and fixed seeds are made in a scratch folder; then,
for each family:
  score      log-probabilities of texts, longer than the window where there is one (at most 1e-4 apart)
  steps      five steps of SFT: loss and gradient norm (relative, at most 1e-3)
  lora       the same of an adapter on all its linear modules, in peft; merged by drover, opened here
  folder 4   the folder as transformers 4 writes it: the same hash
  gguf       the same weights as llama.cpp's converter stores them: the same score
  written    `merge` without a change writes what was read: transformers loads it with equal logits
The families whose context depends on the run (longrope) are shown on both sides of the border."""

import json
import math
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCAB = 272
SIZES = dict(vocab_size=VOCAB, bos_token_id=1, eos_token_id=2, pad_token_id=0)
USUAL = dict(SIZES, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=256)
LAYER_NORM = dict(USUAL, layer_norm_eps=1e-5)
N_EMBD = dict(SIZES, n_embd=64, n_layer=3, n_head=4, n_positions=256, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
FALCON = dict(SIZES, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=256)
FACTORS = dict(short_factor=[1 + 0.05 * i for i in range(8)], long_factor=[1 + 0.7 * i for i in range(8)])
FAMILIES = {
    "llama": ("LlamaConfig", dict(USUAL, tie_word_embeddings=False)),
    "mistral": ("MistralConfig", dict(USUAL, sliding_window=None)),
    "mistral-window": ("MistralConfig", dict(USUAL, sliding_window=24)),
    "qwen2": ("Qwen2Config", dict(USUAL, tie_word_embeddings=True)),
    "qwen2-window": ("Qwen2Config", dict(USUAL, use_sliding_window=True, sliding_window=16, max_window_layers=1)),
    "qwen3": ("Qwen3Config", dict(USUAL, head_dim=32)),
    "phi3": ("Phi3Config", dict(USUAL, sliding_window=40, original_max_position_embeddings=256)),
    "phi3-long": ("Phi3Config", dict(USUAL, original_max_position_embeddings=96, rope_scaling=dict(FACTORS, type="longrope"))),
    "gemma2": ("Gemma2Config", dict(USUAL, head_dim=32, query_pre_attn_scalar=32, sliding_window=24,
                                    attn_logit_softcapping=4.0, final_logit_softcapping=3.0)),
    "gemma3": ("Gemma3TextConfig", dict(USUAL, num_hidden_layers=7, head_dim=32, query_pre_attn_scalar=32, sliding_window=24)),
    "starcoder2": ("Starcoder2Config", dict(USUAL, sliding_window=24)),
    "gpt2": ("GPT2Config", N_EMBD),
    "llama3": ("LlamaConfig", dict(USUAL, tie_word_embeddings=True, rope_scaling=dict(
        type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64))),
    "llama-linear": ("LlamaConfig", dict(USUAL, rope_scaling=dict(type="linear", factor=4.0))),
    "llama-dynamic": ("LlamaConfig", dict(USUAL, max_position_embeddings=128, rope_scaling=dict(type="dynamic", factor=2.0))),
    "llama-yarn": ("LlamaConfig", dict(USUAL, max_position_embeddings=256, rope_scaling=dict(
        type="yarn", factor=4.0, original_max_position_embeddings=64))),
    "llama-bias": ("LlamaConfig", dict(USUAL, attention_bias=True, mlp_bias=True)),
    "llama-tiny": ("LlamaConfig", dict(USUAL, hidden_size=32, head_dim=8)),
    "qwen2-yarn": ("Qwen2Config", dict(USUAL, rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=64))),
    "qwen3-bias": ("Qwen3Config", dict(USUAL, head_dim=32, attention_bias=True)),
    "phi3-part": ("Phi3Config", dict(USUAL, sliding_window=None, original_max_position_embeddings=256,
                                     partial_rotary_factor=0.75, tie_word_embeddings=True)),
    "gemma": ("GemmaConfig", dict(USUAL, head_dim=32)),
    "phi": ("PhiConfig", dict(LAYER_NORM, partial_rotary_factor=0.5, num_key_value_heads=4)),
    "gpt-neox": ("GPTNeoXConfig", dict(LAYER_NORM, rotary_pct=0.25)),
    "gpt-neox-serial": ("GPTNeoXConfig", dict(LAYER_NORM, rotary_pct=1.0, use_parallel_residual=False, hidden_act="gelu_new")),
    "opt": ("OPTConfig", dict(SIZES, hidden_size=64, ffn_dim=96, num_hidden_layers=3, num_attention_heads=4,
                              max_position_embeddings=256, word_embed_proj_dim=64, dropout=0.0)),
    "smollm3": ("SmolLM3Config", dict(USUAL, num_hidden_layers=5)),
    "olmo": ("OlmoConfig", dict(USUAL)),
    "olmo2": ("Olmo2Config", dict(USUAL)),
    "granite": ("GraniteConfig", dict(USUAL, embedding_multiplier=12.0, residual_multiplier=0.22, attention_multiplier=0.0625,
                                      logits_scaling=8.0)),
    "stablelm": ("StableLmConfig", dict(LAYER_NORM, use_qkv_bias=True, partial_rotary_factor=0.25)),
    "stablelm-parallel": ("StableLmConfig", dict(LAYER_NORM, use_parallel_residual=True, partial_rotary_factor=0.5)),
    "cohere": ("CohereConfig", dict(LAYER_NORM, logit_scale=0.25, rope_scaling=dict(type="default"))),
    "cohere2": ("Cohere2Config", dict(LAYER_NORM, num_hidden_layers=5, logit_scale=0.25, sliding_window=24,
                                      rope_scaling=dict(type="default"))),
    "falcon-7b": ("FalconConfig", dict(FALCON)),
    "falcon-40b": ("FalconConfig", dict(FALCON, new_decoder_architecture=True, num_kv_heads=2)),
    "falcon-serial": ("FalconConfig", dict(FALCON, multi_query=False, parallel_attn=False, bias=True)),
    "gptj": ("GPTJConfig", dict(N_EMBD, rotary_dim=8)),
    "gpt-neo": ("GPTNeoConfig", dict(SIZES, hidden_size=64, num_layers=4, num_heads=4, attention_types=[[["global", "local"], 2]],
                                     window_size=24, max_position_embeddings=256)),
    "smollm3-window": ("SmolLM3Config", dict(USUAL, num_hidden_layers=5, use_sliding_window=True, sliding_window=24)),
    "olmo3": ("Olmo3Config", dict(USUAL, num_hidden_layers=5, sliding_window=24)),
    "olmo3-yarn": ("Olmo3Config", dict(USUAL, num_hidden_layers=5, sliding_window=24, rope_parameters=dict(
        full_attention=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64, rope_theta=10000.0),
        sliding_attention=dict(rope_type="default", rope_theta=10000.0)))),
    "seed-oss": ("SeedOssConfig", dict(USUAL, head_dim=32, attention_dropout=0.0, residual_dropout=0.0)),
    "arcee": ("ArceeConfig", dict(USUAL)),
    "glm": ("GlmConfig", dict(USUAL, head_dim=16)),
    "glm4": ("Glm4Config", dict(USUAL, head_dim=32)),
    "ernie": ("Ernie4_5Config", dict(USUAL, head_dim=32)),
    "ernie-bias": ("Ernie4_5Config", dict(USUAL, head_dim=32, use_bias=True)),
    "nemotron": ("NemotronConfig", dict(USUAL)),
    "exaone4": ("Exaone4Config", dict(USUAL, sliding_window=None, layer_types=["full_attention"] * 3)),
    "exaone4-window": ("Exaone4Config", dict(USUAL, num_hidden_layers=5, sliding_window=24)),
    "starcoder": ("GPTBigCodeConfig", dict(N_EMBD)),
}
TEXTS = ["Attention is all you need, said the sliding window to the cache. " * 3, "short text, then",
         "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ; " * 2 + "the end in a thing and a hat"]


def tokenizer():
    vocab = {c: i for i, c in enumerate(SPECIAL + sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("Ġ", "a")]
    for a, b in merges:
        vocab[a + b] = len(vocab)
    t = Tokenizer(models.BPE(vocab, merges))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=t, bos_token=SPECIAL[1], eos_token=SPECIAL[2],
                                                pad_token=SPECIAL[0])


def make_folder(name, folder):
    """Runs under both transformers: the same seed gives the same weights."""
    kind, keys = FAMILIES[name]
    keys = json.loads(json.dumps(keys))
    if not transformers.__version__.startswith("4") and "rope_scaling" in keys:
        keys["rope_parameters"] = dict(keys["rope_scaling"], rope_type=keys.pop("rope_scaling")["type"], rope_theta=10000.0)
        del keys["rope_parameters"]["type"]
    elif "rope_scaling" in keys and keys["rope_scaling"]["type"] != "longrope":
        keys["rope_scaling"]["rope_type"] = keys["rope_scaling"].pop("type")
    config = getattr(transformers, kind)(**keys)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():  # in name order, exact in half precisions; norms and biases far from their starts
        # transformers 5 calls NeoX's head otherwise than its file does: order and scale go by the file's name
        named = [(k.replace("lm_head", "embed_out") if "neox" in name else k, p) for k, p in model.named_parameters()]
        for key, p in sorted(named, key=lambda kv: kv[0]):
            r = torch.randn(p.shape, generator=generator)
            if p.ndim == 1:
                ones = key.endswith("weight") and "gemma" not in name and "nemotron" not in name  # their norms multiply by 1 + w
                p.copy_(0.2 * r + (1 if ones else 0))
            else:
                p.copy_(r * (0.5 if "emb" in key or "wte" in key or "wpe" in key else 1.2 / math.sqrt(min(p.shape))))
            p.copy_(p.to(torch.bfloat16).to(torch.float32).to(torch.float16).to(torch.float32))
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    model.config.use_cache = False  # which transformers 5.24 cannot make for GPT-Neo
    return model


class Program:
    def __init__(self, folder):
        self.folder = folder

    def run(self, words, text=None):
        done = subprocess.run([f"{self.folder}/{words[0]}", *words[1:]], input=text, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(" ".join(words[:4]) + ": " + done.stderr.strip()[-600:])
        return done.stdout

    def score(self, model, pairs, *more):
        text = "".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in pairs)
        return [json.loads(line) for line in self.run(["drover", "score", "--model", model, *more], text).splitlines()]

    def hash(self, model):
        return json.loads(self.run(["drover", "inspect", model, "json=true"]))["hash"]


def pairs_of(texts):
    return [(t[:5], t[5:]) for t in texts]


def logprobs(model, tok, pair):
    ids = tok(pair[0] + pair[1], add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double()
    lp = torch.log_softmax(logits, -1)
    return np.array([lp[t - 1, ids[t]].item() for t in range(1, len(ids))]), ids, float(logits.abs().max())


def apart(program, model, tok, folder, texts, *more):
    pairs = pairs_of(texts)
    worst, longest, top = 0.0, 0, 0.0
    for pair, got in zip(pairs, program.score(folder, pairs, *more)):
        want, ids, most = logprobs(model, tok, pair)
        n = len(got["logprobs"])
        assert ids[-n:] == got["ids"], "other tokens"
        worst = max(worst, float(np.abs(want[-n:] - np.array(got["logprobs"])).max()))
        longest, top = max(longest, len(ids)), max(top, most)
    return worst, longest, top


def train(program, work, base, data, name, *more):
    out = f"{work}/{name}"
    program.run(["drover-learner", "sft", "lr_scheduler_type=constant", "train_sampling_strategy=sequential", "logging_steps=1",
                 "disable_tqdm=true", "per_device_train_batch_size=2", "dataset_kwargs={skip_prepare_dataset: true}",
                 f"dataset={data}", "weight_decay=0.01", "save_strategy=no", "overwrite_output_dir=true", f"model={base}",
                 f"output_dir={out}", *more])
    with open(f"{out}/metrics.jsonl") as lines:
        return [row for row in map(json.loads, lines) if "loss" in row]


def torch_steps(model, batches, rate):
    learns = [p for p in model.parameters() if p.requires_grad]
    decays = [p for n, p in model.named_parameters() if p.requires_grad and p.ndim > 1]
    rest = [p for p in learns if not any(p is d for d in decays)]
    opt = torch.optim.AdamW([dict(params=decays, weight_decay=0.01), dict(params=rest, weight_decay=0.0)], lr=rate,
                            betas=(0.9, 0.999), eps=1e-8)
    model.train()
    out = []
    for batch in batches:
        opt.zero_grad()
        loss, count = 0.0, 0
        for ids in batch:
            x = torch.tensor([ids])
            logits = model(input_ids=x).logits[0]
            loss = loss + torch.nn.functional.cross_entropy(logits[:-1], x[0, 1:], reduction="sum")
            count += len(ids) - 1
        loss = loss / count
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(learns, 1.0))
        opt.step()
        out.append((float(loss.detach()), norm))
    return out


def compare(rows, want):
    assert len(rows) == len(want), (len(rows), len(want))
    return max(max(abs(r["loss"] / l - 1), abs(r["grad_norm"] / n - 1)) for r, (l, n) in zip(rows, want))


def load(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    model.config.use_cache = False
    return model


def last_logits(folder):
    model = load(folder) if not transformers.__version__.startswith("4") else \
        transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.tensor([list(range(3, 63))])).logits[0, -1].double().numpy()


def serve():
    """For families_table.py, under the other transformers: a line of words in, a line out."""
    for line in sys.stdin:
        what, *rest = json.loads(line)
        try:
            if what == "make":
                make_folder(*rest)
                answer = {}
            else:
                answer = {"logits": last_logits(*rest).tolist()}
        except Exception as why:  # whatever its classes raise is what the row says
            answer = {"why": str(why).strip().splitlines()[-1][-200:]}
        print("answer " + json.dumps(answer), flush=True)


class Table:
    failed = 0

    def __init__(self, name, model):
        print(f"\n{name}: {type(model).__name__}, transformers {transformers.__version__}, torch {torch.__version__}")

    def row(self, what, value, limit, note=""):
        bad = not value <= limit
        Table.failed += bad
        print(f"  {what:18} {value:9.2e}  (limit {limit:.0e}) {'FAILED' if bad else 'ok'}  {note}", flush=True)


def one(program, name, work):
    folder = f"{work}/{name}"
    model = make_folder(name, folder).eval()
    table = Table(name, model)
    tok = tokenizer()
    long = name.endswith("-long")
    texts = [t[:80] for t in TEXTS] if long else TEXTS
    worst, n, top = apart(program, model, tok, folder, texts)
    table.row("score", worst, 1e-4, f"up to {n} tokens, logits up to {top:.1f}")
    if long:
        worst, n, _ = apart(program, model, tok, folder, [t for t in TEXTS if len(tok(t)["input_ids"]) > 96], "max_context=256")
        table.row("score, far", worst, 1e-4, f"up to {n} tokens: beyond the border")
    # five steps: whole sequences longer than any window
    data = f"{work}/{name}.jsonl"
    rng = np.random.default_rng(3)
    far = dict(lengths=(100, 200)) if long else dict(lengths=(20, 120))
    batches = [[rng.integers(3, VOCAB - 8, rng.integers(*far["lengths"])).tolist() for _ in range(2)] for _ in range(5)]
    with open(data, "w") as out:
        for batch in batches:
            for ids in batch:
                out.write(json.dumps({"input_ids": ids}) + "\n")
    shared = ["max_steps=5", "learning_rate=1e-3", "max_length=256"]
    rows = train(program, work, folder, data, name + "-full", *shared)
    table.row("steps", compare(rows, torch_steps(load(folder), batches, 1e-3)), 1e-3,
              "loss " + " ".join(f"{r['loss']:.4f}" for r in rows))
    if long:
        near = [[ids[:60] for ids in batch] for batch in batches]
        with open(data + ".near", "w") as out:
            for batch in near:
                for ids in batch:
                    out.write(json.dumps({"input_ids": ids}) + "\n")
        rows = train(program, work, folder, data + ".near", name + "-near", "max_steps=5", "learning_rate=1e-3", "max_length=96")
        table.row("steps, near", compare(rows, torch_steps(load(folder), near, 1e-3)), 1e-3, "within the original context")
    lora(program, table, name, work, folder, data, batches, shared)
    # the trained model back in transformers
    written = load(f"{work}/{name}-full/model")
    texts = [TEXTS[0]] if long else TEXTS
    worst, _, _ = apart(program, written, tok, f"{work}/{name}-full/model", texts, *(["max_context=256"] if long else []))
    table.row("written", worst, 1e-4, "the trained folder, opened by transformers")
    four = os.environ.get("DROVER_PYTHON4")
    if four:
        subprocess.run([four, os.path.abspath(__file__), "--make", name, f"{folder}.4"], check=True, stderr=subprocess.DEVNULL)
        table.row("folder 4", float(program.hash(folder) != program.hash(f"{folder}.4")), 0, "transformers 4: the same hash")
        config = lambda f: json.loads(program.run(["drover", "inspect", f, "json=true"]))["config"]
        table.row("config 4", float(config(folder) != config(f"{folder}.4")), 0, "and the same numbers")
        done = subprocess.run([four, os.path.abspath(__file__), "--logits", f"{work}/{name}-full/model"], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        want = last_logits(f"{work}/{name}-full/model")
        table.row("written, in 4", float(np.abs(np.array(json.loads(done)) - want).max()), 1e-4, "transformers 4 opens it")
    gguf(program, table, name, work, folder, model, tok)


def lora(program, table, name, work, folder, data, batches, shared):
    from peft import PeftModel
    args = ["use_peft=true", "lora_r=4", "lora_alpha=8", "lora_target_modules=all-linear", "lora_dropout=0"]
    train(program, work, folder, data, name + "-start", *shared[1:], "max_steps=1", *args, "learning_rate=0")
    rows = train(program, work, folder, data, name + "-lora", *shared, *args)
    model = PeftModel.from_pretrained(load(folder), f"{work}/{name}-start/model", is_trainable=True)
    table.row("lora steps", compare(rows, torch_steps(model, batches, 1e-3)), 1e-3)
    program.run(["drover", "merge", "--adapter", f"{work}/{name}-lora", "--out", f"{work}/{name}-merged"])
    ids = torch.tensor([batches[0][0]])
    with torch.no_grad():
        ours = load(f"{work}/{name}-merged")(ids).logits
        peft = PeftModel.from_pretrained(load(folder), f"{work}/{name}-lora/model").eval()(ids).logits
    table.row("lora merged", float((ours - peft).abs().max()), 1e-3, "logits beside peft's adapter on its base")


def gguf(program, table, name, work, folder, model, tok):
    from families_gguf import write
    path = f"{work}/{name}.gguf"
    why = write(model, folder, path)
    if why:
        print(f"  gguf               -          {why}")
        return
    table.row("gguf", float(program.hash(path) != program.hash(folder)) if "gemma" not in name else 0.0, 0, "the same hash")
    texts = [t[:80] for t in TEXTS] if name.endswith("-long") else TEXTS
    worst, n, _ = apart(program, model, tok, path, texts)
    table.row("gguf score", worst, 1e-4, f"up to {n} tokens")


def main():
    if sys.argv[1] == "--make":
        for name, folder in zip(sys.argv[2::2], sys.argv[3::2]):
            make_folder(name, folder)
        return
    if sys.argv[1] == "--logits":
        print(json.dumps(last_logits(sys.argv[2]).tolist()))
        return
    if sys.argv[1] == "--serve":
        torch.set_num_threads(1)
        serve()
        return
    torch.set_num_threads(1)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    program = Program(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        for name in sys.argv[2:] or FAMILIES:
            try:
                one(program, name, work)
            except (RuntimeError, AssertionError, subprocess.CalledProcessError) as why:
                Table.failed += 1
                print(f"  FAILED: {why}", flush=True)
    print(f"\n{Table.failed} failed")
    sys.exit(Table.failed > 0)


if __name__ == "__main__":
    main()

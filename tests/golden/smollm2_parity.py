"""SmolLM2-135M-Instruct through the `drover` program against others. Development only: needs torch,
transformers, gguf, llama_cpp.

    smollm2_parity.py DROVER MODEL.gguf [HH.jsonl]

Weights: gguf-py dequantises them into transformers' LlamaForCausalLM in f32, so that no code of ours
makes the reference. Tokens: llama.cpp. Template: the GGUF's own, rendered by Jinja. Checked: token ids of
varied strings and rendered dialogues; log-probabilities of `score` (at most 2e-3 apart); 40 greedy tokens
of `generate`; the same bytes out for every instruction set and number of slots."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from jinja2.sandbox import ImmutableSandboxedEnvironment
from transformers import LlamaConfig, LlamaForCausalLM

from tokenizer_parity import LlamaCpp, string

TOLERANCE = 2e-3
STRINGS = 4000
PLAIN = [
    ("The capital of France is", " Paris, and the capital of Germany is Berlin."),
    ("def fibonacci(n):\n    ", "if n < 2:\n        return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n"),
    ("In 1969,", " 600 million people watched 2 men walk on the moon; 12 have done it since."),
    ("Les chats", " sont des animaux très indépendants, n'est-ce pas ? Ça dépend…"),
    ("Once upon a time", " there was a king who had three sons, and none of them could cook an egg." * 12),
    ("a", " b"),
    ("日本語の", "文章を書く。🙂👩‍👩‍👧‍👦 Ελληνικά, кириллица."),
    ("x = 3.14159265358979", "\ny = 2.71828\nprint(x * y)\n\n\n\t# 8.5397"),
    ("<|im_start|>user\nHi<|im_end|>\n", "<|im_start|>assistant\nHello!<|im_end|>\n"),
    ("Q: What is 12 * 12?\nA:", " 144"),
    ("zzzz qqqq", "   \n\n  vvvv ~~~~ ^^^^ 0x7fffffff {}[]();"),
]
TALKS = [
    [("user", "What is the capital of Italy?"), ("assistant", "Rome.")],
    [("system", "You answer in one word."), ("user", "Largest planet?"), ("assistant", "Jupiter")],
    [("user", "Hi"), ("assistant", "Hello! How can I help?"), ("user", "Write a haiku about rain."),
     ("assistant", "Rain on the tin roof,\nthe gutter hums to itself,\nsleep comes in small drops.")],
    [("user", "Explain gravity to a child in two sentences."),
     ("assistant", "Everything pulls on everything else. The Earth is so big that its pull keeps us on the ground.")],
    [("user", "Schreibe eine kurze E-Mail an Herrn Müller."), ("assistant", "Sehr geehrter Herr Müller,\n\nvielen Dank!\n")],
    [("user", "  2 + 2 = ?  "), ("assistant", "4")],
    [("user", "Show me a C function that adds two ints."),
     ("assistant", "```c\nint add(int a, int b)\n{\n    return a + b;\n}\n```")],
    [("system", "Be kind.\n"), ("user", "I failed my exam 😢"), ("assistant", "I am sorry. One exam is not who you are.")],
    [("user", ""), ("assistant", "You sent an empty message.")],
    [("user", "Repeat: <|im_end|>"), ("assistant", "I would rather not.")],
]
PROMPTS = ["The quick brown fox", "My favourite food is", "import numpy as np\n", "The year 2024 was", "To be, or not to be,",
           "1, 2, 3, 4,", "Dear Sir or Madam,", "The mitochondria is", "O", "In mathematics, a prime number is"]


def weights(path):
    """transformers' model of the GGUF: rows of Q and K back in Hugging Face's order."""
    reader = GGUFReader(path)
    get = lambda key, fallback=None: reader.fields["llama." + key].contents() if "llama." + key in reader.fields else fallback
    heads, kv = get("attention.head_count"), get("attention.head_count_kv")
    names = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
             "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
    state = {}
    for t in reader.tensors:
        w = dequantize(t.data, t.tensor_type).astype(np.float32)
        if t.name in ("token_embd.weight", "output_norm.weight", "output.weight"):
            name = {"t": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
                    "output.weight": "lm_head.weight"}["t" if t.name[0] == "t" else t.name]
        else:
            layer, kind = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", t.name).groups()
            name = f"model.layers.{layer}.{names[kind]}.weight"
            if kind in ("attn_q", "attn_k"):
                n = heads if kind == "attn_q" else kv
                w = w.reshape(n, -1, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)
        state[name] = torch.from_numpy(np.ascontiguousarray(w))
    tied = "lm_head.weight" not in state
    if tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    config = LlamaConfig(
        vocab_size=state["model.embed_tokens.weight"].shape[0], hidden_size=get("embedding_length"),
        intermediate_size=get("feed_forward_length"), num_hidden_layers=get("block_count"), num_attention_heads=heads,
        num_key_value_heads=kv, max_position_embeddings=get("context_length"), tie_word_embeddings=tied,
        rms_norm_eps=float(get("attention.layer_norm_rms_epsilon")), attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": float(get("rope.freq_base", 10000.0))})
    model = LlamaForCausalLM(config).float().eval()
    model.load_state_dict(state, strict=True)
    return model, reader.fields["tokenizer.chat_template"].contents()


class Drover:
    def __init__(self, program, model):
        self.program, self.model = program, model

    def __call__(self, word, lines, *options, isa=None):
        env = dict(os.environ, OMP_WAIT_POLICY="passive", **({"DROVER_ISA": isa} if isa else {}))
        text = "".join(json.dumps(line) + "\n" for line in lines)
        done = subprocess.run([self.program, word, "--model", self.model, *options], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout


def answers(text):
    return [json.loads(line) for line in text.splitlines()]


def talk(turns):
    return [{"role": role, "content": content} for role, content in turns]


def starts(whole, prompt):
    """TRL's rule: the first token that differs from the prompt alone."""
    n = 0
    while n < min(len(whole), len(prompt)) and whole[n] == prompt[n]:
        n += 1
    return n


class Check:
    failed = 0

    def say(self, ok, words):
        self.failed += not ok
        print("ok    " if ok else "FAILED", words)


def tokens(check, drover, oracle, render, talks):
    rng = random.Random(135)
    texts = [oracle.prepare(string(rng, oracle.special).encode()).decode() for _ in range(STRINGS)]
    got = answers(drover("tokenize", [{"text": t} for t in texts]))
    bad = [t for t, g in zip(texts, got) if g["ids"] != oracle.encode(t.encode(), True)]
    check.say(not bad, f"tokenize: {STRINGS} strings, {len(bad)} differ {bad[:2]}")
    bad = []
    for opening in (False, True):
        got = answers(drover("tokenize", [{"messages": t} for t in talks], f"add_generation_prompt={str(opening).lower()}"))
        bad += [t for t, g in zip(talks, got) if g["ids"] != oracle.encode(render(t, opening).encode(), True)]
    check.say(not bad, f"tokenize: {len(talks)} dialogues with and without the opening, {len(bad)} differ {bad[:1]}")


def score(check, drover, oracle, render, model, pairs):
    """pairs: (prompt, completion), strings or lists of messages."""
    got = answers(drover("score", [{"prompt": p, "completion": c} for p, c in pairs]))
    worst, count = (0.0, None), 0
    for (prompt, completion), g in zip(pairs, got):
        if isinstance(prompt, str):
            whole, alone = prompt + completion, prompt
        else:
            whole, alone = render(prompt + completion, False), render(prompt, True)
        ids = oracle.encode(whole.encode(), True)
        start = starts(ids, oracle.encode(alone.encode(), True))
        check.failed += g["ids"] != ids[start:]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].float()
        want = torch.log_softmax(logits, -1)[range(start - 1, len(ids) - 1), ids[start:]].numpy()
        apart = np.abs(want - np.array(g["logprobs"]))
        worst = max(worst, (float(apart.max()), whole[:40]))
        count += len(apart)
        if abs(g["sum"] - sum(g["logprobs"])) > 1e-4:
            check.say(False, "sum is not the sum of logprobs")
    check.say(worst[0] <= TOLERANCE, f"score: {len(pairs)} texts, {count} tokens, worst difference {worst[0]:.2e} nats in {worst[1]!r}")


def greedy(check, drover, oracle, render, model, prompts):
    got = answers(drover("generate", [{"prompt": p} for p in prompts], "temperature=0", "max_new_tokens=40"))
    bad, count, margin, apart = [], 0, 1e9, 0.0
    for prompt, g in zip(prompts, got):
        ids = oracle.encode((prompt if isinstance(prompt, str) else render(prompt, True)).encode(), True)
        with torch.no_grad():
            logits = model(torch.tensor([ids + g["ids"]])).logits[0, len(ids) - 1:-1].float()
        top = logits.topk(2, -1)
        want = top.indices[:, 0].tolist()
        margin = min(margin, float((top.values[:, 0] - top.values[:, 1]).min()))
        logprob = torch.log_softmax(logits, -1)[range(len(want)), g["ids"]].numpy()
        if len(g["logprobs"]) == len(logprob):
            apart = max(apart, float(np.abs(logprob - np.array(g["logprobs"])).max()))
        if want != g["ids"] or (len(want) < 40 and g["finish_reason"] != "stop"):
            bad.append(prompt)
        count += len(want)
    check.say(not bad, f"generate: {len(prompts)} prompts, {count} greedy tokens, {len(bad)} prompts differ {bad[:1]}; "
              f"closest runner-up {margin:.1e} logits behind, log-probabilities at most {apart:.1e} apart")


def same_bits(check, drover, pairs, prompts):
    """One output whatever the instruction set, the slots and the order of lines."""
    flags = open("/proc/cpuinfo").read()
    isas = ["scalar"] + ["avx2"] * (" avx2 " in flags) + ["avx512"] * (" avx512f " in flags)
    if "avx512" not in isas:
        print("not shown: avx512, which this machine lacks")
    digest = lambda text: hashlib.sha256(text.encode()).hexdigest()[:16]
    lines = [{"prompt": p, "completion": c} for p, c in pairs]
    whole = drover("score", lines)
    for isa in isas:
        out = drover("score", lines, isa=isa)
        check.say(out == whole, f"score DROVER_ISA={isa}: {digest(out)}")
    check.say("".join(drover("score", [line]) for line in lines[:6]) == "".join(whole.splitlines(True)[:6]),
              "score: a line alone and among others")
    lines = [{"prompt": p} for p in prompts]
    for options in (["temperature=0"], ["temperature=1", "top_p=0.95"]):
        options.append("max_new_tokens=24")
        whole = drover("generate", lines, *options)
        for isa in isas:
            out = drover("generate", lines, *options, isa=isa)
            check.say(out == whole, f"generate {options[0]} DROVER_ISA={isa}: {digest(out)}")
        for slots in (1, 5):
            out = drover("generate", lines, *options, f"slots={slots}")
            check.say(out == whole, f"generate {options[0]} slots={slots}: {digest(out)}")


def dialogues(path, n):
    """HH's chosen dialogues as messages."""
    out = []
    for line in open(path):
        parts = re.split(r"\n\n(Human|Assistant): ?", json.loads(line)["chosen"])[1:]
        turns = [({"Human": "user", "Assistant": "assistant"}[r], c) for r, c in zip(parts[::2], parts[1::2])]
        if turns and turns[-1][0] == "assistant" and sum(len(c) for _, c in turns) < 2500:
            out.append(turns)
        if len(out) == n:
            break
    return out


def main():
    program, path = sys.argv[1:3]
    torch.set_num_threads(2)
    model, template = weights(path)
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(template)
    render = lambda messages, opening: template.render(messages=messages, add_generation_prompt=opening)
    talks = [talk(t) for t in TALKS + (dialogues(sys.argv[3], 30) if len(sys.argv) > 3 else [])]
    check, drover, oracle = Check(), Drover(program, path), LlamaCpp(path)
    pairs = PLAIN + [(t[:-1], t[-1:]) for t in talks]
    prompts = PROMPTS + [t[:-1] for t in talks[:12]]
    tokens(check, drover, oracle, render, talks)
    score(check, drover, oracle, render, model, pairs)
    greedy(check, drover, oracle, render, model, prompts)
    same_bits(check, drover, pairs[:20], prompts[:14])
    sys.exit(1 if check.failed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Process rewards on a task whose truth is known, and on two published sets of marked solutions.

    prm.py BIN chain [seed]       PRM against ORM, the same solutions, best of 16
    prm.py BIN rl [seed]          PPO by the last answer alone, or with step rewards beside it
    prm.py BIN mistake|prmbench   AUROC of wrong steps on held-out prompts ($DROVER_TEST_DATA)

BIN is the folder of the built programs. Models start from nothing, so no download is needed: a
byte-pair vocabulary is counted out of the training texts, weights are drawn here. Standard
library only. Minutes to tens of minutes: not part of ./check."""

import collections
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
DATA = os.environ.get("DROVER_TEST_DATA", "")
PIECE = re.compile(r"\d| ?[^\W\d_]+| ?[^\s\w]+|\s+(?!\S)|\s+|_+")


def byte_letters():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, extra = {}, 0
    for b in range(256):
        letters[b] = chr(b) if b in keep else chr(256 + extra)
        extra += b not in keep
    return letters


def merges_of(texts, count):
    """Byte-pair merges, most frequent first (Sennrich et al. 2016)."""
    letters = byte_letters()
    words = collections.Counter(p for t in texts for p in PIECE.findall(t))
    split = [([letters[b] for b in w.encode()], n) for w, n in words.items()]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, (w, n) in enumerate(split):
        for a, b in zip(w, w[1:]):
            pairs[a, b] += n
            where[a, b].add(i)
    merges = []
    while len(merges) < count and pairs:
        best = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[best] < 2:
            break
        merges.append(best)
        for i in list(where[best]):
            w, n = split[i]
            for p in zip(w, w[1:]):
                pairs[p] -= n
            at, new = 0, []
            while at < len(w):
                if at + 1 < len(w) and (w[at], w[at + 1]) == best:
                    new.append(w[at] + w[at + 1])
                    at += 2
                else:
                    new.append(w[at])
                    at += 1
            split[i] = (new, n)
            for p in zip(new, new[1:]):
                pairs[p] += n
                where[p].add(i)
        del pairs[best]
    return merges


def write_model(folder, merges, layers, width, heads, context, seed):
    os.makedirs(folder)
    vocab = {t: i for i, t in enumerate(["<|endoftext|>"] + list(byte_letters().values()))}
    for a, b in merges:
        vocab.setdefault(a + b, len(vocab))
    special = [dict(id=0, content="<|endoftext|>", single_word=False, lstrip=False, rstrip=False, normalized=False,
                    special=True)]
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
    tokenizer = dict(version="1.0", truncation=None, padding=None, added_tokens=special, normalizer=None,
                     pre_tokenizer=dict(type="Sequence", pretokenizers=[dict(type="Digits", individual_digits=True), level]),
                     post_processor=None, decoder=level,
                     model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None,
                                end_of_word_suffix=None, fuse_unk=False, byte_fallback=False, vocab=vocab,
                                merges=[a + " " + b for a, b in merges]))
    rows = (len(vocab) + 31) // 32 * 32
    config = dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu", hidden_size=width,
                  intermediate_size=3 * width, num_hidden_layers=layers, num_attention_heads=heads,
                  num_key_value_heads=heads, vocab_size=rows, max_position_embeddings=context, rms_norm_eps=1e-5,
                  rope_theta=10000.0, tie_word_embeddings=True, initializer_range=0.02, bos_token_id=None,
                  eos_token_id=0, pad_token_id=None)
    for name, value in (("tokenizer.json", tokenizer), ("config.json", config),
                        ("tokenizer_config.json", dict(eos_token="<|endoftext|>",
                                                       tokenizer_class="PreTrainedTokenizerFast"))):
        with open(f"{folder}/{name}", "w") as f:
            json.dump(value, f)
    rng, shapes = random.Random(seed), {"model.embed_tokens.weight": (rows, width), "model.norm.weight": (width,)}
    for i in range(layers):
        p = f"model.layers.{i}."
        for n in "qkvo":
            shapes[p + f"self_attn.{n}_proj.weight"] = (width, width)
        shapes[p + "mlp.gate_proj.weight"] = shapes[p + "mlp.up_proj.weight"] = (3 * width, width)
        shapes[p + "mlp.down_proj.weight"] = (width, 3 * width)
        shapes[p + "input_layernorm.weight"] = shapes[p + "post_attention_layernorm.weight"] = (width,)
    head, blocks, at = {}, [], 0
    for name in sorted(shapes):
        n = shapes[name][0] * (shapes[name] + (1,))[1]
        std = 0.3 / width ** 0.5 if len(shapes[name]) > 1 and "embed" not in name else 0.05
        values = [1.0] * n if "norm" in name else [rng.gauss(0, std) for _ in range(n)]
        blocks.append(struct.pack(f"<{n}f", *values))
        head[name] = dict(dtype="F32", shape=list(shapes[name]), data_offsets=[at, at + 4 * n])
        at += 4 * n
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{folder}/model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))


def rows_of(path):
    return [json.loads(line) for line in open(path)]


def write(path, rows):
    with open(path, "w") as f:
        for row in rows:
            f.write(json.dumps(row) + "\n")


def drover(*words, **more):
    return subprocess.run([f"{BIN}/drover", *words], check=True, text=True, **more)


def score(model, rows, aggregate):
    given = "".join(json.dumps(dict(prompt=r["prompt"], completions=r["completions"])) + "\n" for r in rows)
    out = drover("reward-score", "--model", model, "--aggregate", aggregate, input=given, stdout=subprocess.PIPE).stdout
    return [json.loads(line)["score"] for line in out.splitlines()]


# ---- the chain task: six steps x <- (x + a) mod 5, each wrong with probability 1/4


def chain(rng, numbers=None):
    start, adds = numbers or (rng.randrange(5), [rng.randrange(5) for _ in range(6)])
    x, truth, steps, labels = start, start, [], []
    for a in adds:
        right = (x + a) % 5
        y = right if rng.random() >= 0.25 else rng.choice([v for v in range(5) if v != right])
        steps.append(f"{a}{y}")
        labels.append(y == right)
        x, truth = y, (truth + a) % 5
    return dict(prompt=f"{start}:", completions=steps, labels=labels, right=x == truth, numbers=(start, adds))


def chain_task(folder, seed):
    rng = random.Random(seed)
    train, tests = [chain(rng) for _ in range(8000)], []
    for _ in range(400):
        one = chain(rng)
        tests.append([chain(rng, one["numbers"]) for _ in range(16)])
    write(f"{folder}/prm.jsonl", [{k: r[k] for k in ("prompt", "completions", "labels")} for r in train])
    # the same solutions with one bit each: is the last number right?
    write(f"{folder}/orm.jsonl", [dict(prompt=r["prompt"], completions=r["completions"],
                                       labels=[True] * 5 + [r["right"]]) for r in train])
    write_model(f"{folder}/start", [], 2, 48, 3, 64, seed)
    common = ["per_device_train_batch_size=128", "max_steps=" + os.environ.get("STEPS", "1200"), "num_train_epochs=100",
              "learning_rate=2e-3", "lr_scheduler_type=cosine", "warmup_steps=0.05", "logging_steps=200",
              "save_strategy=no", "gradient_checkpointing=false", f"seed={seed}", f"model={folder}/start"]
    for name, more in (("prm", ["label_steps=first_error"]), ("orm", ["train_on_last_step_only=true"])):
        drover("prm", f"dataset={folder}/{name}.jsonl", f"output_dir={folder}/{name}", *common, *more)
    flat, result = [r for group in tests for r in group], {}
    marks = {"PRM min": ("prm", "min"), "PRM product": ("prm", "product"), "PRM mean": ("prm", "mean"),
             "ORM": ("orm", "last")}
    for name, (model, how) in marks.items():
        values = score(f"{folder}/{model}/model", flat, how)
        for n in (1, 4, 16):
            best = [max(range(16 * g, 16 * g + n), key=lambda i: values[i]) for g in range(len(tests))]
            result[name, n] = (sum(flat[i]["right"] for i in best) / len(best),
                               sum(all(flat[i]["labels"]) for i in best) / len(best))
    for (name, n), (final, every) in result.items():
        print(f"{name:12s} best of {n:2d}: last number right {final:.3f}, all steps right {every:.3f}")
    gain = 100 * (result["PRM min", 16][0] - result["ORM", 16][0])
    print(f"PRM (min) less ORM at best of 16: {gain:+.1f} points")
    return gain >= 10


# ---- the same steps as rewards: PPO on a policy that learnt from such solutions


def asked(rng):
    start, adds = rng.randrange(5), [rng.randrange(5) for _ in range(6)]
    x = start
    for a in adds:
        x = (x + a) % 5
    return (start, adds), dict(prompt=f"{start}:{''.join(map(str, adds))}=", answer=str(x))


def solved(rng):
    numbers, row = asked(rng)
    one = chain(rng, numbers)
    return dict(row, completions=[f"{c[0]}>{c[1]}" for c in one["completions"]], labels=one["labels"])


def rl_task(folder, seed):
    rng = random.Random(seed)
    rows = [solved(rng) for _ in range(8000)]
    write(f"{folder}/prm.jsonl", [{k: r[k] for k in ("prompt", "completions", "labels")} for r in rows])
    write(f"{folder}/sft.jsonl", [dict(prompt=r["prompt"], completion="\n".join(r["completions"]) + "\n") for r in rows])
    write(f"{folder}/prompts.jsonl", [asked(rng)[1] for _ in range(2000)])
    write_model(f"{folder}/start", [], 2, 48, 3, 64, seed)
    common = ["per_device_train_batch_size=128", "num_train_epochs=100", "learning_rate=2e-3", "lr_scheduler_type=cosine",
              "warmup_steps=0.05", "logging_steps=200", "save_strategy=no", "gradient_checkpointing=false",
              f"model={folder}/start"]
    drover("sft", f"dataset={folder}/sft.jsonl", f"output_dir={folder}/sft", "max_steps=400", *common)
    drover("prm", f"dataset={folder}/prm.jsonl", f"output_dir={folder}/prm", "max_steps=800", "label_steps=first_error",
           *common)
    answer = "{name: answer, rule: number, column: answer, weight: %s}"
    process = "{name: process, model: %s/prm/model, steps: %s, weight: 1}"
    runs = {"outcome": [answer % 1], "dense": [answer % 1, process % (folder, "dense")],
            "potential": [answer % 1, process % (folder, "potential")]}
    reached = {}
    for name, rewards in runs.items():
        with open(f"{folder}/{name}.yaml", "w") as f:
            f.write("rewards:\n" + "".join(f"- {r}\n" for r in rewards))
        drover("ppo", f"{folder}/{name}.yaml", f"model={folder}/sft/model", f"dataset={folder}/prompts.jsonl",
               f"output_dir={folder}/{name}", "total_episodes=" + os.environ.get("EPISODES", "5120"),
               "per_device_train_batch_size=64", "gradient_accumulation_steps=2", "num_ppo_epochs=2", "num_mini_batches=1",
               "response_length=26", "temperature=1", "learning_rate=1e-3", "kl_coef=0.01", "missing_eos_penalty=1",
               "gradient_checkpointing=false", "eval_prompts=0", "save_strategy=no", "fleet.actors=1", "fleet.rewarders=1")
        curve = [r["rewards/answer"] for r in rows_of(f"{folder}/{name}/metrics.jsonl") if "rewards/answer" in r]
        smooth = [sum(curve[max(0, i - 2):i + 1]) / len(curve[max(0, i - 2):i + 1]) for i in range(len(curve))]
        reached[name] = [next((i + 1 for i, v in enumerate(smooth) if v >= goal), None) for goal in (0.5, 0.6, 0.7, 0.8, 0.9)]
        print(f"{name:10s} right answers by iteration: " + " ".join(f"{v:.2f}" for v in smooth[::4]) +
              f"; iterations to .5 .6 .7 .8 .9: {reached[name]}", flush=True)
    goals = [(o, d) for o, d in zip(reached["outcome"], reached["dense"]) if d is not None]
    return bool(goals) and all(o is None or d <= o for o, d in goals) and any(o is None or d < o for o, d in goals)


# ---- published solutions


def real(folder, which):
    source = {"mistake": "bigbench-mistake", "prmbench": "prmbench"}[which]
    files = sorted(f"{DATA}/{source}/{f}" for f in os.listdir(f"{DATA}/{source}") if f.endswith(".jsonl"))
    drover("data", "split", *files, f"output={folder}/data", "test_size=0.25", "distinct=true", "strict=false", "seed=7")
    rows = rows_of(f"{folder}/data/train.jsonl")
    merges = merges_of([r["prompt"] + "\n" + "\n".join(r["completions"]) for r in rows], 1500)
    write_model(f"{folder}/start", merges, 2, 96, 6, 1024, 5)
    drover("prm", f"model={folder}/start", f"dataset={folder}/data", f"output_dir={folder}/out", "max_length=" +
           os.environ.get("LENGTH", "512"), "per_device_train_batch_size=16", "max_steps=" + os.environ.get("STEPS", "400"),
           "learning_rate=1e-3", "lr_scheduler_type=cosine", "warmup_steps=0.1", "logging_steps=50",
           "save_strategy=no", "eval_strategy=steps", "eval_steps=" + os.environ.get("EVAL", "100"),
           "gradient_checkpointing=false", "weight_decay=0.1")
    last = [r for r in rows_of(f"{folder}/out/metrics.jsonl") if "eval_auroc" in r][-1]
    print({k: v for k, v in last.items() if k.startswith("eval_") or k == "step"})
    return last["eval_auroc_low"] > max(0.5, last["eval_baseline_length"])


def main():
    what = sys.argv[2]
    if what not in ("chain", "rl") and not DATA:
        print("skipped: no $DROVER_TEST_DATA")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
        good = {"chain": chain_task, "rl": rl_task}[what](folder, seed) if what in ("chain", "rl") else real(folder, what)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

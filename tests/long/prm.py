#!/usr/bin/env python3
"""Process rewards on a task whose truth is known, and on two published sets of marked solutions.

    prm.py BIN chain [seed]       PRM against ORM, the same solutions, best of 16
    prm.py BIN rl [seed [count]]  PPO and GRPO by the last answer alone, or with step rewards beside it
    prm.py BIN mistake|prmbench   AUROC of wrong steps on held-out prompts ($DROVER_TEST_DATA)

BIN is the folder of the built programs. Models start from nothing, so no download is needed: a
byte-pair vocabulary is counted out of the training texts, weights are drawn here. Standard
library only. Minutes to tens of minutes: not part of ./check."""

import collections
import concurrent.futures
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small models, small batches
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
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


def wilson(share, n):
    """95 % interval of a share of n (Wilson 1927)."""
    z2 = 1.96 ** 2
    middle, half = share + z2 / 2 / n, 1.96 * (share * (1 - share) / n + z2 / 4 / n / n) ** 0.5
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)


def less(a, b, n):
    """a - b and its 95 % interval (Newcombe 1998, method 10; wider than need be for the same prompts)."""
    (a0, a1), (b0, b1) = wilson(a, n), wilson(b, n)
    return a - b, a - b - ((a - a0) ** 2 + (b1 - b) ** 2) ** 0.5, a - b + ((a1 - a) ** 2 + (b - b0) ** 2) ** 0.5


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
        low, high = wilson(final, len(tests))
        print(f"{name:12s} best of {n:2d}: last number right {final:.3f} [{low:.3f}, {high:.3f}], all steps right {every:.3f}")
    gain, low, high = [100 * v for v in less(result["PRM min", 16][0], result["ORM", 16][0], len(tests))]
    print(f"PRM (min) less ORM at best of 16: {gain:+.1f} points [{low:.1f}, {high:.1f}]")
    return gain >= 10


# ---- steps as rewards: x <- (x + a) mod 5 with a in {0, 1}, six steps, one token each. A policy that
# knows the sum but errs in a step with probability ERR learns from the last number alone (outcome),
# or from a process reward model's P(right) of each step beside it (dense, potential).

ERR, UPDATES = float(os.environ.get("ERR", "0.4")), int(os.environ.get("UPDATES", "60"))
GOALS = (0.4, 0.6, 0.8)
ARMS = ("outcome", "dense", "potential")
T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


def asked(rng):
    start, adds = rng.randrange(5), [rng.randrange(2) for _ in range(6)]
    return (start, adds), dict(prompt=" ".join(map(str, [start] + adds)) + "=", answer=str((start + sum(adds)) % 5))


def solved(rng, wrong):
    (x, adds), row = asked(rng)
    steps, labels = [], []
    for a in adds:
        right = (x + a) % 5
        x = right if rng.random() >= wrong else rng.choice([v for v in range(5) if v != right])
        steps.append(str(x))
        labels.append(x == right)
    return dict(prompt=row["prompt"], completions=steps, labels=labels)


def told(rows):
    return [dict(prompt=r["prompt"], completion="\n".join(r["completions"]) + "\n") for r in rows]


def rl_models(folder, seed):
    """The policy, and the process reward model: both from a model that knows the sum. -> its AUROC"""
    rng = random.Random(seed)
    os.makedirs(f"{folder}/marked")
    write(f"{folder}/right.jsonl", told([solved(rng, 0) for _ in range(20000)]))
    write(f"{folder}/errs.jsonl", told([solved(rng, ERR) for _ in range(20000)]))
    write(f"{folder}/marked/train.jsonl", [solved(rng, ERR) for _ in range(20000)])
    write(f"{folder}/marked/test.jsonl", [solved(rng, ERR) for _ in range(500)])
    write(f"{folder}/prompts.jsonl", [asked(rng)[1] for _ in range(8000)])
    write_model(f"{folder}/start", [], 2, 48, 3, 64, seed)
    common = ["per_device_train_batch_size=64", "num_train_epochs=100", "lr_scheduler_type=cosine", "warmup_steps=0.05",
              "logging_steps=100", "save_strategy=no", "gradient_checkpointing=false", f"seed={seed}"]
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    drover("sft", f"model={folder}/start", f"dataset={folder}/right.jsonl", f"output_dir={folder}/knows", "max_steps=400",
           "learning_rate=3e-3", *common, **quiet)
    drover("sft", f"model={folder}/knows/model", f"dataset={folder}/errs.jsonl", f"output_dir={folder}/policy",
           "max_steps=60", "learning_rate=1e-3", *common, **quiet)
    drover("prm", f"model={folder}/knows/model", f"dataset={folder}/marked", f"output_dir={folder}/prm", "max_steps=500",
           "learning_rate=2e-3", "eval_strategy=steps", "eval_steps=500", *common, **quiet)
    return [r["eval_auroc"] for r in rows_of(f"{folder}/prm/metrics.jsonl") if "eval_auroc" in r][-1]


def rl_run(folder, seed, method, arm):
    """Shares of right answers by update: 128 answers, two optimiser steps."""
    out = f"{folder}/{method}-{arm}"
    with open(f"{out}.yaml", "w") as f:
        f.write("rewards:\n- {name: answer, rule: number, column: answer, weight: 1}\n")
        if arm != "outcome":
            f.write(f"- {{name: process, model: {folder}/prm/model, steps: {arm}, weight: 1}}\n")
    own = {"ppo": [f"total_episodes={128 * UPDATES}", "num_ppo_epochs=2", "num_mini_batches=1", "kl_coef=0"],
           "grpo": [f"max_steps={2 * UPDATES}", "num_iterations=2", "num_generations=8", "beta=0"]}[method]
    with open(f"{out}.log", "w") as log:
        drover(method, f"{out}.yaml", f"model={folder}/policy/model", f"dataset={folder}/prompts.jsonl",
               f"output_dir={out}", "per_device_train_batch_size=64", "gradient_accumulation_steps=2",
               "response_length=14", "temperature=1", "learning_rate=" + os.environ.get("RATE", "3e-4"),
               "lr_scheduler_type=constant", "gradient_checkpointing=false", "eval_prompts=0", "save_strategy=no",
               "fleet.actors=1", "fleet.rewarders=1", f"seed={seed}", *own, stdout=log, stderr=log)
    name = {"ppo": "rewards/answer", "grpo": "rewards/answer/mean"}[method]
    return [r[name] for r in rows_of(f"{out}/metrics.jsonl") if name in r]


def reached(curve):
    """The first update at which the mean of the last three is at a goal; None: none is."""
    smooth = [sum(curve[i - 2:i + 1]) / 3 for i in range(2, len(curve))]
    return [next((i + 3 for i, v in enumerate(smooth) if v >= goal), None) for goal in GOALS]


def rl_seed(seed):
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        print(f"seed {seed}: AUROC of the process reward model's steps {rl_models(folder, seed):.4f}", flush=True)
        runs = [(m, a) for a in ARMS for m in ("ppo", "grpo")]
        curves = dict(zip(runs, pool.map(lambda r: rl_run(folder, seed, *r), runs)))
    result = {}
    for (method, arm), curve in sorted(curves.items()):
        result[method, arm] = reached(curve), sum(curve[-10:]) / len(curve[-10:])
        print(f"  {method:4s} {arm:9s} right by update " + " ".join(f"{v:.2f}" for v in curve[::3]) +
              f"; updates to {GOALS}: {result[method, arm][0]}", flush=True)
    return result


def interval(values):
    n, mean = len(values), sum(values) / len(values)
    half = T95[n] * (sum((v - mean) ** 2 for v in values) / (n - 1) / n) ** 0.5 if n > 1 else float("inf")
    return mean, half


def rl_task(first, count):
    """Updates that the outcome alone needs less those with step rewards, seed by seed. A goal that a run does not reach
    counts as one update more than it has: a bound from below where it is the outcome's."""
    seeds = [rl_seed(first + i) for i in range(count)]
    good = True
    for method in ("ppo", "grpo"):
        for arm in ARMS[1:]:
            for g, goal in enumerate(GOALS):
                both = [[s[method, a][0][g] for a in ("outcome", arm)] for s in seeds]
                mean, half = interval([(o or UPDATES + 1) - (d or UPDATES + 1) for o, d in both])
                print(f"{method:4s} {arm:9s} to {goal}: outcome {[b[0] for b in both]}, {arm} {[b[1] for b in both]}; "
                      f"fewer updates {mean:.1f} +- {half:.1f}")
                good = good and (arm != "dense" or mean - (half if count > 1 else 0) > 0)
            mean, half = interval([s[method, arm][1] - s[method, "outcome"][1] for s in seeds])
            print(f"{method:4s} {arm:9s} right answers in the last ten updates, less the outcome's: {mean:+.3f} +- {half:.3f}")
    return good


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
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    with tempfile.TemporaryDirectory() as folder:
        if what == "rl":
            good = rl_task(seed, int(sys.argv[4]) if len(sys.argv) > 4 else 1)
        else:
            good = chain_task(folder, seed) if what == "chain" else real(folder, what)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

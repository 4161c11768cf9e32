"""The same input through drover, through an older drover and through TRL or transformers: a table.

usage: python beside_trl.py BIN [OLD_BIN]     (trl 1.16, transformers 5.24, torch; CPU)

BIN and OLD_BIN are folders of drover's programs. Models are random and made here, the tokenizer is that
of model/llama5; every run is a few steps of a model of some ten thousand weights. A row says what was
measured, then old, new, TRL (or transformers), and whether new and TRL agree to five digits; rows under
"kept" are where drover does otherwise on purpose (docs/MATH.md), so that they say by how much. Other scripts may add rows: append to
ROWS a function that yields row(...) tuples.
"""

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers
import trl
from datasets import Dataset
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
BINS = [None, None]  # old, new
WORDS = "the a in hen cat 12 7 sat on then thin there and 305 why it is".split()
SYSTEM = {"role": "system", "content": "Hi"}
ROWS = []
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()


def rows(function):
    ROWS.append(function)
    return function


def row(what, old, new, oracle, kept=False):
    return what, old, new, oracle, kept


# ---- what is fed to both

def sentence(rng, low, high):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def splits(name, lines):
    """A data set whose held-out records are those that are trained on."""
    os.makedirs(name)
    write(name + "/test.jsonl", lines)
    return write(name + "/train.jsonl", lines)


def says(role, text):
    return {"role": role, "content": text}


def turns(rng, n):
    return [says("user" if i % 2 else "assistant", sentence(rng, 1, 4)) for i in range(n)]


def write(name, lines):
    with open(name, "w") as f:
        f.writelines(json.dumps(line) + "\n" for line in lines)
    return lines


def model(name, template=None, **extra):
    """A random language model, or with num_labels a reward model whose scores differ."""
    torch.manual_seed(len(name))
    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, vocab_size=272,
        max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=.2, **extra)
    kind = transformers.LlamaForSequenceClassification if "num_labels" in extra else transformers.LlamaForCausalLM
    made = kind(config)
    if "num_labels" in extra:
        torch.nn.init.normal_(made.score.weight, std=.5)
    made.save_pretrained(name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(os.path.join(HERE, "model", "llama5"))
    tokenizer.pad_token = "<|endoftext|>"
    if template == "llama3":
        tokenizer.add_special_tokens({"bos_token": "<|begin_of_text|>", "additional_special_tokens": [
            "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]})
    if name == "pairs":
        tokenizer.bos_token = None  # ORPOTrainer and CPOTrainer put one before texts whose tokenizer adds none
    if template:
        with open(os.path.join(os.path.dirname(trl.__file__), "chat_templates", template + ".jinja"), newline="") as f:
            tokenizer.chat_template = f.read()
    tokenizer.save_pretrained(name)
    return name


# ---- drover

def drover(old, *words, lines=None, fails=False):
    if not BINS[not old]:
        return None
    given = None if lines is None else "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([os.path.join(BINS[not old], "drover"), *words], input=given, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, env=dict(os.environ, OMP_NUM_THREADS="1"))
    if done.returncode and not fails:
        raise SystemExit(f"drover {' '.join(words)}: {done.stderr[-2000:]}")
    return done if lines is None else [json.loads(line) for line in done.stdout.splitlines()]


def both(*words, **more):
    return [drover(old, *words, **more) for old in (True, False)]


def trained(old, method, **keys):
    """(steps, evaluations) of a run; its folder is gone afterwards."""
    if not BINS[not old]:
        return [], []
    base = dict(per_device_train_batch_size=3, gradient_accumulation_steps=2, max_steps=5, learning_rate=1e-3,
                logging_steps=1, train_sampling_strategy="sequential", gradient_checkpointing="false", save_strategy="no",
                output_dir=tempfile.mkdtemp(dir="."), warmup_steps=0)
    base.update(keys)
    drover(old, method, *(f"{k}={json.dumps(v) if isinstance(v, (bool, list)) else v}" for k, v in base.items()))
    with open(os.path.join(base["output_dir"], "metrics.jsonl")) as f:
        lines = [json.loads(line) for line in f]
    return [x for x in lines if "grad_norm" in x], [x for x in lines if "eval_loss" in x]


# ---- TRL

def oracle(kind, name, train, evaluate=False, **keys):
    """The same of a trainer of TRL's."""
    from trl.experimental.cpo import CPOConfig, CPOTrainer
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer
    config, trainer = {"sft": (trl.SFTConfig, trl.SFTTrainer), "dpo": (trl.DPOConfig, trl.DPOTrainer),
                       "kto": (trl.KTOConfig, trl.KTOTrainer), "reward": (trl.RewardConfig, trl.RewardTrainer),
                       "orpo": (ORPOConfig, ORPOTrainer), "cpo": (CPOConfig, CPOTrainer)}[kind]
    base = dict(per_device_train_batch_size=3, gradient_accumulation_steps=2, max_steps=5, learning_rate=1e-3, logging_steps=1,
                bf16=False, use_cpu=True, report_to="none", save_strategy="no", train_sampling_strategy="sequential",
                gradient_checkpointing=False, disable_tqdm=True, seed=42, output_dir=tempfile.mkdtemp(dir="."),
                per_device_eval_batch_size=64)
    base.update(keys)
    data = Dataset.from_list(train)
    with contextlib.redirect_stdout(io.StringIO()):
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        given = name if kind not in ("orpo", "cpo") else transformers.AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
        t = trainer(model=given, args=config(**base), train_dataset=data, eval_dataset=data, processing_class=tokenizer)
        found = t.evaluate() if evaluate else None
        if not evaluate:
            t.train()
    return [x for x in t.state.log_history if "grad_norm" in x], found, t


def of(steps, key="loss", at=-1):
    return steps[at][key] if steps else None


# ---- where a reward model reads

@rows
def reading():
    rng = random.Random(1)
    name = model("rm", num_labels=1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    asked = [{"prompt": sentence(rng, 2, 5), "completion": " " + sentence(rng, 2, 8)} for _ in range(8)]
    pairs = splits("scored", [{"prompt": a["prompt"], "chosen": a["completion"], "rejected": b["completion"]}
                               for a, b in zip(asked, asked[1:] + asked[:1])])
    with torch.no_grad():
        reads = transformers.AutoModelForSequenceClassification.from_pretrained(name)
        ids = [tokenizer(a["prompt"] + a["completion"] + tokenizer.eos_token, return_tensors="pt").input_ids for a in asked]
        wanted = [float((reads.model(x)[0] @ reads.score.weight.T)[0, -1, 0]) for x in ids]
    got = both("reward-score", "--model", name, lines=asked)
    for i in range(2):
        yield row(f"reward-score of text {i + 1}", *(g and g[i]["score"] for g in got), wanted[i])
    evals = [of(trained(old, "reward", model=name, dataset="scored", eval_on_start=True)[1],
                "eval_mean_reward", 0) for old in (True, False)]
    yield row("the trainer's eval_mean_reward on them", *evals, oracle("reward", name, pairs, True)[1]["eval_mean_reward"])


# ---- evaluations

@rows
def evaluations():
    rng = random.Random(2)
    name = model("lm")
    text = splits("text", [{"text": sentence(rng, 2, 30)} for _ in range(17)])
    for key in ("eval_loss", "eval_mean_token_accuracy"):
        whole = oracle("sft", name, text, True, max_length=64)[1][key]
        for batch in (1, 3, 8):
            got = [of(trained(old, "sft", model=name, dataset="text", eval_on_start=True,
                              per_device_eval_batch_size=batch, max_steps=1, max_length=64)[1], key, 0) for old in (True, False)]
            yield row(f"sft {key}, {batch} at once (TRL: all at once)", *got, whole)


# ---- what is learnt

@rows
def learnt():
    rng = random.Random(3)
    said = write("said.jsonl", [{"messages": [SYSTEM, says("user", sentence(rng, 1, 4))] + turns(rng, rng.choice((1, 3)))}
                                for _ in range(18)])
    for template in ("qwen2_5", "llama3"):
        name = model("said-" + template, template)
        steps, _, t = oracle("sft", name, said, assistant_only_loss=True, max_length=300)
        got = [trained(old, "sft", model=name, dataset="said.jsonl", assistant_only_loss=True, max_length=300)[0]
               for old in (True, False)]
        for at in (0, 4):
            yield row(f"assistant_only_loss, {template}, loss of step {at + 1}", *(of(g, at=at) for g in got), of(steps, at=at))
    name = model("turns")
    pairs = write("turns.jsonl", [{"prompt": [SYSTEM, says("user", sentence(rng, 1, 4))], "chosen": turns(rng, 3),
                                   "rejected": turns(rng, rng.choice((1, 3)))} for _ in range(30)])
    steps, _, t = oracle("dpo", name, pairs, max_length=300)
    got = [trained(old, "dpo", model=name, dataset="turns.jsonl", max_length=300)[0] for old in (True, False)]
    for key, at in (("logps/chosen", 0), ("logps/rejected", 0), ("loss", 4)):
        yield row(f"dpo, answers of several turns, {key} of step {at + 1}", *(of(g, key, at) for g in got), of(steps, key, at))


# ---- losses

@rows
def kto():
    rng = random.Random(4)
    name = model("kto")
    labelled = write("kto.jsonl", [{"prompt": sentence(rng, 2, 3), "completion": " " + sentence(rng, 1, 9), "label": rng.random() < .6}
                                   for _ in range(30)])
    keys = dict(max_length=23, beta=.5)
    steps, _, t = oracle("kto", name, labelled, **keys)
    got = [trained(old, "kto", model=name, dataset="kto.jsonl", **keys)[0] for old in (True, False)]
    for key in ("loss", "kl"):
        yield row(f"kto, answers that are cut, {key} of step 5", *(of(g, key) for g in got), of(steps, key))
    short = labelled[:17]
    write("short.jsonl", short)
    keys = dict(per_device_train_batch_size=3, gradient_accumulation_steps=6, max_steps=2)
    steps, _, t = oracle("kto", name, short, loss_type="apo_zero_unpaired", desirable_weight=1.3, **keys)
    got = [trained(old, "kto", model=name, dataset="short.jsonl", loss_type="apo_zero_unpaired", desirable_weight=1.3, **keys)[0] for old in (True, False)]
    yield row("kto, 5 micro-batches of 3 and one of 2, loss of step 1", *(of(g, at=0) for g in got), of(steps, at=0), True)


@rows
def accumulated():
    rng = random.Random(5)
    name = model("pairs")
    pairs = write("pairs.jsonl", [{"prompt": sentence(rng, 2, 5), "chosen": " " + sentence(rng, 2, 14),
                                   "rejected": " " + sentence(rng, 2, 8)} for _ in range(30)])
    for method, keys in (("dpo", dict(loss_type=["sigmoid", "sft"])), ("orpo", {}), ("cpo", {})):
        for batch, times in ((6, 1), (3, 2), (1, 6)):
            shape = dict(per_device_train_batch_size=batch, gradient_accumulation_steps=times, max_steps=1)
            steps = oracle(method, name, pairs, max_length=128, **shape, **keys)[0]
            got = [trained(old, method, model=name, dataset="pairs.jsonl", max_length=128, **shape, **keys)[0] for old in (True, False)]
            what = method + (" with sft" if keys else "")
            for key in ("loss", "grad_norm"):
                yield row(f"{what}, {times} x {batch}, {key} of step 1", *(of(g, key, 0) for g in got), of(steps, key, 0), times > 1)


def grpo_loss(loss_type, advantages, lengths, times):
    """What TRL's GRPOTrainer makes of one of `times` micro-batches whose ratios are 1."""
    import collections
    import types
    from accelerate import Accelerator
    from trl.trainer.grpo_trainer import GRPOTrainer
    t = GRPOTrainer.__new__(GRPOTrainer)
    config = trl.GRPOConfig(output_dir=".", use_cpu=True, bf16=False, report_to="none", loss_type=loss_type)
    t.args, t.accelerator, t.aux_loss_enabled, t.use_vllm, t.beta, t.loss_type = config, Accelerator(cpu=True), False, False, 0., loss_type
    t.top_entropy_quantile, t.off_policy_mask_threshold, t.importance_sampling_level = 1., None, "token"
    t.epsilon_low, t.epsilon_high, t.max_completion_length = .2, .2, 24
    t.current_gradient_accumulation_steps, t._entropy_bonus_enabled, t.use_adaptive_entropy, t.entropy_coef = times, False, False, 0.
    t.model, t._metrics = types.SimpleNamespace(training=True), {"train": collections.defaultdict(list)}
    n, longest = len(lengths), max(lengths)
    mask = torch.tensor([[int(k < m) for k in range(longest)] for m in lengths])
    logp = torch.full((n, longest), -1.)
    t._get_per_token_logps_and_entropies = lambda *a, **k: (logp, logp * 0, None)
    ids = torch.zeros(n, 1, dtype=torch.long)
    return float(t._compute_loss(None, {
        "prompt_ids": ids, "prompt_mask": ids + 1, "completion_ids": mask, "completion_mask": mask, "old_per_token_logps": logp,
        "advantages": torch.tensor(advantages), "num_items_in_batch": torch.tensor(sum(lengths))}))


@rows
def bnpo():
    rng = random.Random(7)
    name = model("grpo")
    with open("grpo/generation_config.json", "w") as f: # many ends, so that lengths differ
        json.dump(dict(eos_token_id=[2, 35, 68, 101, 134, 167, 200, 233], bos_token_id=1, pad_token_id=0), f)
    write("asked.jsonl", [{"prompt": sentence(rng, 2, 5)} for _ in range(8)])
    for loss_type in ("dapo", "bnpo"):
        told = []
        for old in (True, False):
            folder = tempfile.mkdtemp(dir=".")
            if not drover(old, "grpo", f"model={name}", "dataset=asked.jsonl", f"output_dir={folder}", "rewards=[{rule: length, target: 6}]",
                          "num_generations=4", "per_device_train_batch_size=2", "gradient_accumulation_steps=4", "max_steps=1",
                          f"loss_type={loss_type}", "max_completion_length=24", "beta=0", "eval_prompts=0"):
                told.append(None)
                continue
            with open(folder + "/metrics.jsonl") as f:
                told.append(json.loads(f.readline())["loss"])
            with open(folder + "/samples.jsonl") as f:
                samples = sorted((json.loads(line) for line in f), key=lambda r: (r["task"], r["sample"]))
        scores = torch.tensor([r["score"] for r in samples]).view(-1, 4)
        advantages = ((scores - scores.mean(1, True)) / (scores.std(1, keepdim=True) + 1e-4)).flatten().tolist()
        lengths = [r["tokens"] for r in samples]
        if loss_type == "dapo":
            wanted = grpo_loss(loss_type, advantages, lengths, 1)
        else:
            wanted = sum(grpo_loss(loss_type, advantages[k:k + 2], lengths[k:k + 2], 4) for k in range(0, 8, 2))
        yield row(f"grpo, {loss_type}, 4 x 2, loss", *told, wanted)


@rows
def packing():
    rng = random.Random(6)
    name = model("packed")
    text = write("packed.jsonl", [{"text": sentence(rng, 2, 40)} for _ in range(40)])
    for strategy in ("bfd", "bfd_split", "wrapped"):
        keys = dict(packing=True, packing_strategy=strategy, max_length=96, num_train_epochs=1, max_steps=-1,
                    per_device_train_batch_size=1)
        steps, _, t = oracle("sft", name, text, **keys)
        old = [] if strategy != "bfd" else trained(True, "sft", model=name, dataset="packed.jsonl", **keys)[0]
        new = trained(False, "sft", model=name, dataset="packed.jsonl", **keys)[0]
        yield row(f"packing, {strategy}: steps of an epoch", len(old) or None, len(new), len(steps))
        yield row(f"packing, {strategy}: loss of step 5", of(old, at=4) if old else None, of(new, at=4), of(steps, at=4))


# ---- models in files

@rows
def files():
    name = model("head", tie_word_embeddings=False)
    with open("head/config.json") as f:
        config = json.load(f)
    with open("head/config.json", "w") as f:
        json.dump(dict(config, tie_word_embeddings=True), f)
    asked = [{"prompt": "the cat", "completion": " sat on"}]
    tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    ids = tokenizer("the cat sat on", return_tensors="pt").input_ids
    first = tokenizer("the cat", return_tensors="pt").input_ids.shape[1]
    with torch.no_grad():
        logp = torch.log_softmax(transformers.AutoModelForCausalLM.from_pretrained(name)(ids).logits[0].double(), -1)
    wanted = sum(float(logp[t - 1, ids[0, t]]) for t in range(first, ids.shape[1]))
    got = both("score", "--model", name, lines=asked)
    yield row("score with a head beside tie_word_embeddings", *(g and g[0]["sum"] for g in got), wanted)
    name = model("settings")
    with open("settings/generation_config.json", "w") as f:
        json.dump(dict(do_sample=True, temperature=.6, top_p=.95, eos_token_id=[2, 0], bos_token_id=1, pad_token_id=0), f)
    write("few.jsonl", [{"text": "the cat sat"}] * 4)
    found, told = [], []
    for old in (True, False):
        folder = tempfile.mkdtemp(dir=".")
        done = drover(old, "sft", f"model={name}", "dataset=few.jsonl", "max_steps=1", f"output_dir={folder}", "dtype=bfloat16")
        if done:
            found.append(transformers.GenerationConfig.from_pretrained(folder + "/model").temperature)
            told.append(int(done.stderr.split("weights ")[1][:5], 16))
            tensors = load_file(folder + "/model/model.safetensors")
            hashed = hashlib.sha256(b"".join(tensors[k].float().numpy().tobytes() for k in sorted(tensors)))
    none = [None] * (2 - len(found))
    yield row("temperature in the saved generation_config.json", *none, *found, .6)
    if len(told) > 1:  # each file has the same weights
        yield row("hash told of bfloat16 weights, its first 20 bits", *told, int(hashed.hexdigest()[:5], 16))
    else:
        yield row("hash told of bfloat16 weights, its first 20 bits", *none, *told, int(hashed.hexdigest()[:5], 16))


def shown(x):
    return "-" if x is None else f"{x:d}" if isinstance(x, int) else f"{x:.6g}"


def main(new, old=None):
    BINS[:] = [old and os.path.abspath(old), os.path.abspath(new)]
    work, bad = tempfile.mkdtemp(), 0
    os.chdir(work)
    print(f"trl {trl.__version__}, transformers {transformers.__version__}\n\n| | before | after | TRL | |\n|---|---|---|---|---|")
    for function in ROWS:
        for what, before, after, wanted, kept in function():
            same = abs(after - wanted) <= 1e-5 * max(abs(wanted), 1e-2)
            word = "same" if same else f"kept: {after - wanted:+.2g}" if kept else "OTHER"
            bad += word == "OTHER"
            print(f"| {what} | {shown(before)} | {shown(after)} | {shown(wanted)} | {word} |", flush=True)
    os.chdir("/")
    shutil.rmtree(work)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))

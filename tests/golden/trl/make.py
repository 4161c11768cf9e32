"""TRL's own numbers for tests/learner/test_parity.c: per-step metrics of five optimiser steps.

usage: python make.py        (trl 1.16, transformers 5; writes the *.jsonl and *.yaml beside it)
The models are ../model/llama5 (language model) and ../model/reward4 (sequence classifier with
pad_token_id 0). The YAML files are what `trl sft --config` and `trl reward --config` read.
"""

import json
import os
import random
import tempfile

os.chdir(os.path.dirname(os.path.abspath(__file__)))

WORDS = "the a in hen cat 12 7 sat on then thin héllo, there and 305 why? it is".split()


def sentence(rng, low, high):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def user(text):
    return {"role": "user", "content": text}


SYSTEM = {"role": "system", "content": "Hi"}  # the template's own would fill the context


def assistant(text):
    return {"role": "assistant", "content": text}


def write(name, rows):
    with open(name, "w") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")


def data():
    rng = random.Random(5)
    write("chat.jsonl", [{"prompt": [SYSTEM, user(sentence(rng, 2, 6))], "completion": [assistant(sentence(rng, 1, 9))]}
                         for _ in range(26)])
    write("text.jsonl", [{"text": sentence(rng, 3, 30)} for _ in range(26)])
    write("completion.jsonl", [{"prompt": sentence(rng, 2, 5), "completion": " " + sentence(rng, 2, 8)} for _ in range(26)])
    pairs = []
    for i in range(30):
        q = [SYSTEM, user(sentence(rng, 2, 6))]
        row = {"chosen": q + [assistant(sentence(rng, 1, 9))], "rejected": q + [assistant(sentence(rng, 1, 9))]}
        pairs.append(dict(row, margin=round(rng.uniform(0, 1), 3)))
    write("pairs.jsonl", pairs)
    write("plain.jsonl", [{"prompt": sentence(rng, 2, 5), "chosen": " " + sentence(rng, 2, 8),
                           "rejected": " " + sentence(rng, 2, 8)} for _ in range(30)])


def turns(rng, n):
    """n turns that begin and end with the assistant."""
    return [(user if i % 2 else assistant)(sentence(rng, 1, 4)) for i in range(n)]


def conversations():
    rng = random.Random(17)
    write("messages.jsonl", [{"messages": [SYSTEM, user(sentence(rng, 1, 4))] + turns(rng, rng.choice((1, 3)))}
                             for _ in range(26)])
    write("turns.jsonl", [{"prompt": [SYSTEM, user(sentence(rng, 1, 4))], "chosen": turns(rng, rng.choice((1, 3))),
                           "rejected": turns(rng, rng.choice((1, 3)))} for _ in range(30)])


SHARED = """# settings of the parity run: five optimiser steps, nothing random
output_dir: OUT
per_device_train_batch_size: 3
gradient_accumulation_steps: 2
max_steps: 5
learning_rate: 1e-3
lr_scheduler_type: cosine
warmup_steps: 0.2
weight_decay: 0.01
max_grad_norm: 0.5
logging_steps: 1
bf16: false
use_cpu: true
report_to: none
save_strategy: "no"
train_sampling_strategy: sequential
gradient_checkpointing: true
disable_tqdm: true
seed: 42
"""


def write_template():
    """Qwen2.5's, as TRL keeps it: it has a training template that marks what is learnt."""
    import trl
    source = os.path.join(os.path.dirname(trl.__file__), "chat_templates", "qwen2_5.jinja")
    with open(source, newline="") as f, open("qwen2_5.jinja", "w", newline="") as to:
        to.write(f.read())


RUNS = {
    "sft_chat": ("sft", "chat.jsonl", "max_length: 80\n"),
    "sft_text": ("sft", "text.jsonl", "max_length: 48\nloss_type: nll\n"),
    "sft_completion": ("sft", "completion.jsonl", "max_length: 60\ncompletion_only_loss: true\n"),
    "sft_said": ("sft", "messages.jsonl", "assistant_only_loss: true\nchat_template_path: qwen2_5.jinja\nmax_length: 110\n"),
    "sft_packed": ("sft", "text.jsonl", "packing: true\nmax_length: 90\nper_device_train_batch_size: 1\nmax_steps: 5\n"),
    "sft_split": ("sft", "completion.jsonl", "packing: true\npacking_strategy: bfd_split\nmax_length: 32\n"
                  "per_device_train_batch_size: 2\n"),
    "sft_wrapped": ("sft", "completion.jsonl", "packing: true\npacking_strategy: wrapped\nmax_length: 48\n"
                    "per_device_train_batch_size: 1\n"),
    "sft_dft": ("sft", "completion.jsonl", "loss_type: dft\ncompletion_only_loss: false\n"),
    "reward_pairs": ("reward", "pairs.jsonl", "max_length: 90\ncenter_rewards_coefficient: 0.01\n"),
    "reward_plain": ("reward", "plain.jsonl", ""),
}


def run(name, kind, file, extra):
    import trl
    model = "../model/llama5" if kind == "sft" else "../model/reward4"
    keys = [line.split(":")[0] for line in extra.splitlines()]
    shared = "".join(line + "\n" for line in SHARED.splitlines() if line.split(":")[0] not in keys)
    text = shared + extra + "model_name_or_path: %s\ndatasets:\n  - path: json\n    data_files: %s\n" % (model, file)
    with open(name + ".yaml", "w") as f:
        f.write(text)
    config = trl.SFTConfig if kind == "sft" else trl.RewardConfig
    parser = trl.TrlParser((trl.ScriptArguments, config, trl.ModelConfig, trl.scripts.utils.DatasetMixtureConfig))
    script, args, model_args, mixture = parser.parse_args_and_config(["--config", name + ".yaml"])
    args.output_dir = tempfile.mkdtemp()
    args.per_device_eval_batch_size = 64  # all at once: what other sizes give is a mean over batches
    dataset = trl.scripts.utils.get_dataset(mixture)
    trainer = (trl.SFTTrainer if kind == "sft" else trl.RewardTrainer)
    if kind == "reward":
        from transformers import AutoTokenizer
        extra_args = dict(processing_class=AutoTokenizer.from_pretrained(model))
        extra_args["processing_class"].pad_token = "<|endoftext|>"
    else:
        extra_args = {}
    t = trainer(model=model, args=args, train_dataset=dataset["train"],
                eval_dataset=dataset["train"], **extra_args)
    first = t.evaluate()
    t.train()
    rows = [r for r in t.state.log_history if "loss" in r]
    assert len(rows) == args.max_steps
    keep = ("step", "epoch", "loss", "grad_norm", "learning_rate", "entropy", "mean_token_accuracy", "num_tokens",
            "accuracy", "margin", "min_reward", "mean_reward", "max_reward")
    out = {"eval": {k: v for k, v in first.items() if k in ["eval_" + x for x in keep]},
           "steps": [{k: r[k] for k in keep if k in r} for r in rows]}
    if args.load_best_model_at_end:
        evals = [r for r in t.state.log_history if "eval_loss" in r and r["step"]]
        out["best"] = {"step": t.state.best_global_step, "value": t.state.best_metric,
                       "evals": [{k: r[k] for k in ("step", "eval_loss", "eval_mean_token_accuracy")} for r in evals]}
    return out


if __name__ == "__main__":
    data()
    conversations()
    write_template()
    out = {name: run(name, *spec) for name, spec in RUNS.items()}
    with open("golden.json", "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")

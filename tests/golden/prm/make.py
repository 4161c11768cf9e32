"""TRL 0.22.2's own numbers for tests/learner/test_prm.c: its PRMTrainer on a tiny model, five steps.

usage: python make.py        (trl 0.22.2, transformers 4.56.2; writes model/, steps.jsonl and golden.json beside it)
The tokenizer is ../model/reward4's, whose BOS is <|im_start|>.
"""

import json
import os
import random
import tempfile

import torch
import transformers
from datasets import Dataset
from trl import PRMConfig, PRMTrainer

os.chdir(os.path.dirname(os.path.abspath(__file__)))
WORDS = "the a in hen cat 12 7 sat on then thin héllo, there and 305 why? it is".split()
RUNS = {"all": {}, "last": dict(train_on_last_step_only=True),
        "cut": dict(max_length=40, max_prompt_length=6, max_completion_length=30, step_separator=" ;\n")}


def sentence(rng, low, high):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def data():
    rng = random.Random(11)
    rows = []
    for _ in range(24):
        n = rng.randint(1, 5)
        rows.append(dict(prompt=sentence(rng, 2, 8), completions=[sentence(rng, 1, 5) for _ in range(n)],
                         labels=[rng.random() < 0.6 for _ in range(n)]))
    with open("steps.jsonl", "w") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    return rows


def model():
    torch.manual_seed(13)
    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
        vocab_size=272, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0, num_labels=2,
        classifier_dropout=0.0)
    m = transformers.LlamaForTokenClassification(config)
    torch.nn.init.normal_(m.score.bias, std=0.3)  # a fresh bias is zero: make it matter
    torch.nn.init.normal_(m.score.weight, std=0.2)
    m.save_pretrained("model")
    transformers.AutoTokenizer.from_pretrained("../model/reward4").save_pretrained("model")


def run(rows, extra):
    tokenizer = transformers.AutoTokenizer.from_pretrained("model")
    m = transformers.AutoModelForTokenClassification.from_pretrained("model", torch_dtype=torch.float32)
    args = PRMConfig(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=4, per_device_eval_batch_size=64,
                     max_steps=5, learning_rate=1e-3, lr_scheduler_type="cosine", warmup_ratio=0.2, weight_decay=0.01,
                     max_grad_norm=0.5, logging_steps=1, bf16=False, use_cpu=True, report_to="none", save_strategy="no",
                     gradient_checkpointing=False, disable_tqdm=True, **extra)
    dataset = Dataset.from_list(rows)
    t = PRMTrainer(model=m, args=args, train_dataset=dataset, eval_dataset=dataset, processing_class=tokenizer)
    t._get_train_sampler = lambda *_: torch.utils.data.SequentialSampler(t.train_dataset)
    first = t.evaluate()
    losses, step = [], t.training_step  # the log rounds to four digits
    t.training_step = lambda *a, **k: losses.append(step(*a, **k)) or losses[-1]
    t.train()
    steps = [{k: r[k] for k in ("step", "loss", "grad_norm", "learning_rate")} for r in t.state.log_history if "loss" in r]
    assert len(steps) == len(losses) == 5
    for row, loss in zip(steps, losses):
        row["loss"] = float(loss)
    tokens = [dict(ids=r["input_ids"], labels=r["labels"]) for r in list(t.train_dataset)[:6]]
    return dict(steps=steps, tokens=tokens, eval={k: first[k] for k in ("eval_loss", "eval_accuracy")})


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = data()
    model()
    out = {name: run(rows, extra) for name, extra in RUNS.items()}
    m = transformers.AutoModelForTokenClassification.from_pretrained("model", torch_dtype=torch.float32)
    with torch.no_grad():
        out["logits"] = m(torch.tensor([out["all"]["tokens"][0]["ids"]])).logits[0].tolist()
    with open("golden.json", "w") as f:
        json.dump(out, f)
        f.write("\n")

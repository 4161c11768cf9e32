"""A reward model that drover wrote, opened by transformers as a sequence classifier: the same scores as
`drover reward-score`. Development only: needs torch and transformers (4.56 and 5 were tried).

    smollm2_reward.py DROVER FOLDER PAIRS.jsonl [COUNT]

Half of the rows are plain (prompt and answer as text), half conversational (lists of messages through the
folder's own template). Scored alone, and in padded batches of 8."""

import json
import re
import subprocess
import sys

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def turns(text):
    parts = re.split(r"\n\n(Human|Assistant):", text)[1:]
    return [{"role": {"Human": "user", "Assistant": "assistant"}[r], "content": c.strip()} for r, c in zip(parts[::2], parts[1::2])]


def main():
    program, folder, pairs = sys.argv[1:4]
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 48
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, torch_dtype=torch.float32).eval()
    rows, texts = [], []
    for line in open(pairs):
        row = json.loads(line)
        text = row["chosen" if len(rows) % 3 else "rejected"]
        if len(text) > 900:
            continue
        if len(rows) % 2:
            messages = turns(text)
            rows.append({"prompt": messages[:-1], "completion": messages[-1:]})
            texts.append(tokenizer.apply_chat_template(messages, tokenize=False))
        else:
            at = text.rindex("\n\nAssistant:") + len("\n\nAssistant:")
            rows.append({"prompt": text[:at], "completion": text[at:]})
            texts.append(text)
        if len(rows) == count:
            break
    done = subprocess.run([program, "reward-score", "--model", folder], text=True, stdout=subprocess.PIPE, check=True,
                          input="".join(json.dumps(r) + "\n" for r in rows))
    got = [json.loads(line)["score"] for line in done.stdout.splitlines()]
    failed = len(got) != len(rows)
    for batch in (1, 8):
        want = []
        for i in range(0, len(texts), batch):
            tokens = tokenizer(texts[i:i + batch], return_tensors="pt", padding=True, add_special_tokens=False)
            with torch.no_grad():
                want += model(**tokens).logits[:, 0].tolist()
        for kind in (0, 1):
            apart = max(abs(g - w) for g, w in list(zip(got, want))[kind::2])
            spread = max(want) - min(want)
            failed |= apart > 1e-3
            print(f"transformers {transformers.__version__}, batch {batch}, {('plain', 'conversational')[kind]}: "
                  f"{len(want[kind::2])} scores over a range of {spread:.2f}, at most {apart:.1e} apart")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

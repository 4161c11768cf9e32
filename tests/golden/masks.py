"""What is learnt of conversations, token by token, beside TRL itself.

    masks.py TOOL TOKENIZERS DATA [--templates FOLDER] [--only WORD] [--take N] [--log FILE]

TOOL is the program tests/mask_lines; TOKENIZERS a folder of tokenizer.json files named by their
family (qwen3.json, llama3.json, gemma3.json …); DATA the folder with hh-rlhf, gsm8k and tau-bench as
published. Templates are those of the installed TRL: its training templates (with {% generation %})
for assistant_only_loss, all of them for completion masks.

TRL's side is its own code: SFTTrainer._prepare_dataset over rows, up to the labels; a
conversation that either side refuses must be refused by both, but for what a template has no place for (tools, calls), which we refuse
by that name where it would drop it in silence. The first token is left out: nothing
predicts it, so its label counts nowhere."""

import argparse
import datetime
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import types
import warnings

warnings.simplefilter("ignore")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import logging

import trl
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils
from trl.trainer.sft_trainer import SFTTrainer

logging.disable(logging.WARNING)


class Clock(datetime.datetime):
    """The day that a template says where none is given."""

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime(2024, 7, 26)


chat_template_utils.datetime = Clock


class Rows(list):
    """As much of a data set as TRL's preparation asks for, without Arrow's one type a column."""

    @property
    def column_names(self):
        return list(self[0])

    def map(self, function, fn_kwargs=None, remove_columns=None, **_):
        gone = {remove_columns} if isinstance(remove_columns, str) else set(remove_columns or ())
        return Rows({k: v for k, v in {**row, **function(dict(row), **(fn_kwargs or {}))}.items() if k not in gone} for row in self)


# --- conversations


def turns(text):
    """HH's "\\n\\nHuman: …\\n\\nAssistant: …" as messages."""
    parts = re.split(r"\n\n(Human|Assistant): ?", text)[1:]
    return [{"role": "user" if who == "Human" else "assistant", "content": said.strip()} for who, said in zip(parts[::2], parts[1::2])]


def merged(messages):
    """No two turns of one speaker, and no empty ones: many templates refuse those."""
    out = []
    for m in messages:
        if not m["content"]:
            continue
        if out and out[-1]["role"] == m["role"]:
            out[-1] = {**m, "content": out[-1]["content"] + "\n" + m["content"]}
        else:
            out.append(m)
    while out and out[-1]["role"] != "assistant":
        out.pop()
    return out if out and out[0]["role"] == "user" else []


TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "Looks something up in the shop's books.", "parameters": {
    "type": "object", "properties": {"query": {"type": "string", "description": "What to look for"}, "step": {"type": "integer"}}, "required": ["query"]}}}]


def with_tools(text, answered=True):
    """A dialogue as tau-bench prints it: "assistant: None" is a call, whose result is the next line."""
    parts = re.split(r"(?:^|\n)(user|assistant|tool): ", text)[1:]
    out, asked = [], ""
    for k, (who, said) in enumerate(zip(parts[::2], parts[1::2])):
        if who == "user":
            asked = said
            out.append({"role": "user", "content": said})
        elif who == "tool":
            if not out or "tool_calls" not in out[-1]:
                continue
            out.append({"role": "tool", "name": "look_up", "tool_call_id": out[-1]["tool_calls"][0]["id"], "content": said})
        elif said.strip() == "None":
            out.append({"role": "assistant", "content": "", "tool_calls": [{"id": f"call{k:05}", "type": "function", "function": {"name": "look_up", "arguments": {"query": asked[:60], "step": k}}}]})
        else:
            out.append({"role": "assistant", "content": said})
    return out


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def conversations(data):
    hh = lines(os.path.join(data, "hh-rlhf", "harmless-1800.jsonl"))
    out = [{"messages": m} for row in hh for side in ("chosen", "rejected") if (m := merged(turns(row[side])))]
    out += [{"messages": [{"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"]}]} for row in lines(os.path.join(data, "gsm8k", "test.jsonl"))]
    out += [{"messages": [{"role": "system", "content": "Work it out step by step."}, {"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"]}]}
            for row in lines(os.path.join(data, "gsm8k", "train.jsonl"))[:500]]
    for path in sorted(glob.glob(os.path.join(data, "tau-bench", "*.jsonl"))):
        for row in lines(path):
            out.append({"messages": with_tools(row["messages_display"]), "tools": TOOLS})
    return out


def completions(rows):
    """The last turn as the completion of what stands before it."""
    return [{**row, "prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in rows if row["messages"][-1]["role"] == "assistant" and len(row["messages"]) > 1]


# --- both sides


def theirs(tokenizer, rows, assistant):
    """Labels of each row by TRL, or what it raised."""
    trainer = types.SimpleNamespace(chat_template=None, completion_only_loss=not assistant, _tokenizer=tokenizer)
    args = types.SimpleNamespace(shuffle_dataset=False, dataset_num_proc=None, dataset_text_field="text", assistant_only_loss=assistant, max_length=None, eos_token=None,
                                 truncation_mode="keep_start", packing=False, use_liger_kernel=False)
    for row in rows:
        try:
            got = SFTTrainer._prepare_dataset(trainer, Rows([row]), tokenizer, args, False, None, "train")[0]
            yield got["input_ids"], "".join("0" if label == -100 else "1" for label in got["labels"])
        except Exception as e:  # what a template raises is anybody's
            yield type(e).__name__ + ": " + str(e)


def unlike(got, want):
    if isinstance(want, str):
        return None if isinstance(got, dict) else "they raise: " + want
    if isinstance(got, dict):
        if "1" not in want[1][1:]:
            return None  # nothing to learn: we leave the record out
        return "refused" if "has no place for" in got["error"] else "we fail: " + got["error"]
    if got[0]["ids"] != want[0]:
        at = next((i for i, (a, b) in enumerate(zip(got[0]["ids"], want[0])) if a != b), min(len(got[0]["ids"]), len(want[0])))
        return f"ids differ from token {at} on: {got[0]['ids'][at:at + 8]} is {want[0][at:at + 8]}"
    if got[0]["learn"][1:] != want[1][1:]:
        at = next(i for i in range(1, len(want[1])) if got[0]["learn"][i] != want[1][i])
        return f"token {at} of {len(want[1])}: learnt {got[0]['learn'][at]}, theirs {want[1][at]}"
    return None


FAMILY = [("qwen", "qwen3"), ("llama3", "llama3_1"), ("llava", "llama2"), ("gemma", "gemma3"), ("gptoss", "gptoss"), ("deepseek", "deepseek_v3"), ("phi", "llama2"), ("nemotron", "gpt4o"),
          ("cohere", "llama3"), ("lfm", "llama3")]
SPECIAL = {"qwen3": {"bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}, "llama3_1": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
           "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}, "llama2": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
           "gemma3": {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}, "gptoss": {"bos_token": "<|startoftext|>", "eos_token": "<|return|>"},
           "deepseek_v3": {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"}, "gpt4o": {"eos_token": "<|endoftext|>"}}


def compare(tool, tokenizers, path, rows, rule, log):
    name = os.path.basename(path)
    family = next((t for word, t in FAMILY if word in name), "qwen3")
    file = os.path.join(tokenizers, family + ".json")
    special = {k: v for k, v in SPECIAL[family].items() if v}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=file, **special)
    with open(path, encoding="utf-8", newline="") as f:
        tokenizer.chat_template = f.read()
    with tempfile.TemporaryFile() as given:
        for row in rows:
            given.write(json.dumps(row).encode() + b"\n")
        given.seek(0)
        ours = subprocess.Popen([tool, file, path, json.dumps(special), rule], stdin=given, stdout=subprocess.PIPE)
        same = raised = learnt = bad = tokens = refused = 0
        for row, want in zip(rows, theirs(tokenizer, rows, rule == "assistant")):
            line = ours.stdout.readline()
            if not line:
                sys.exit(f"{name}: the tool died of {json.dumps(row)[:300]}")
            why = unlike(json.loads(line), want)
            if why == "refused":
                refused += 1
            elif why:
                bad += 1
                if bad < 4:
                    print(f"{name} {rule}: {why}\n  {json.dumps(row)[:400]}", file=log, flush=True)
            else:
                same += 1
                raised += isinstance(want, str)
                if not isinstance(want, str):
                    tokens += len(want[1])
                    learnt += want[1].count("1")
        ours.stdout.close()
        ours.wait()
    print(f"{'ok ' if not bad else 'BAD'} {name} {rule} ({family}): {same} alike ({raised} of them raise), {refused} refused, {bad} not; {tokens} tokens, {learnt} learnt", file=log, flush=True)
    return same, raised, refused, bad, tokens


def main():
    p = argparse.ArgumentParser()
    p.add_argument("tool")
    p.add_argument("tokenizers")
    p.add_argument("data")
    p.add_argument("--templates", default=os.path.join(os.path.dirname(trl.__file__), "chat_templates"))
    p.add_argument("--only", default="")
    p.add_argument("--rule", default="")
    p.add_argument("--take", type=int, default=0)
    p.add_argument("--log")
    a = p.parse_args()
    rows = conversations(a.data)
    if a.take:  # evenly over all of them
        rows = rows[:: max(1, len(rows) // a.take)]
    log = open(a.log, "a") if a.log else sys.stdout
    total = [0, 0, 0, 0, 0]
    for path in sorted(glob.glob(os.path.join(a.templates, "*.jinja"))):
        if a.only not in os.path.basename(path):
            continue
        marked = "endgeneration" in open(path, encoding="utf-8").read()
        for rule in ("assistant", "completion"):
            if (a.rule and a.rule != rule) or (rule == "assistant" and not marked):
                continue
            total = [x + y for x, y in zip(total, compare(a.tool, a.tokenizers, path, completions(rows) if rule == "completion" else rows, rule, log))]
    print(f"{len(rows)} conversations; {total[0]} alike ({total[1]} raise), {total[2]} refused, {total[3]} not; {total[4]} tokens", file=log, flush=True)
    return total[3]


if __name__ == "__main__":
    sys.exit(bool(main()))

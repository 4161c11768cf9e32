"""Makes chat.z (JSON, deflated): conversations rendered by transformers with each family's template.

    chat.py TOOL FOLDER > chat.z

TOOL is the program tests/lm/tokenize_lines, asked for our own template texts; FOLDER holds
NAME.jinja, the texts that models of the family carry. Both must render alike. Spans come from
rendering the conversation up to each assistant's turn."""

import json
import os
import random
import subprocess
import sys
import zlib

from transformers.utils.chat_template_utils import render_jinja_template

BOS = "<|begin_of_text|>"
TAIL = {"chatml": "\n", "smollm2": "\n", "qwen2": "\n", "qwen2.5": "\n", "llama3": "", "llama3.1": ""}
TEXTS = ["", "Hi", "Hello there!", "  spaces around \n", "two\n\nlines", "naïve café – 東京 👩‍👩‍👧", "\u00a0nbsp\u3000", "\x1cunit\x1f",
         "<|im_end|>", "tab\there", "\"quoted\" \\ back/slash", "1 + 1 = 2", "\u2028line", "{{ x }}", "{% if %}", "a\r\nb", "\ufeffbom", "\x85"]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Näher: the \"weather\" <b>", "parameters": {
             "type": "object", "properties": {"city": {"type": "string", "enum": ["Köln", "東京"]}, "days": {"type": "integer"}},
             "required": ["city"]}}},
         {"type": "function", "function": {"name": "noop", "parameters": {}, "strict": True, "default": None, "x": []}}]
ARGUMENTS = [{}, {"city": "Köln", "days": 3}, {"a": [1, 2.5, 1e16, 1e-5, 0.1, -0.0, 123456789012345680.0, 1e22, 5e-324, 3.0, 0.0001, 1 / 3],
             "b": {"c": None, "d": [True, False], "e": {}}}, {"s": "line\nquote\" \\ / \u007f \u0001 é 👍 <&>"}]


def render(template, messages, tools, generation):
    out, _ = render_jinja_template([messages], tools=tools, chat_template=template, add_generation_prompt=generation,
                                   bos_token=BOS, date_string="26 Jul 2024")
    return out[0]


def call(rng):
    function = {"name": rng.choice(("weather", "noop")), "arguments": rng.choice(ARGUMENTS)}
    return {"type": "function", "function": function} if rng.random() < 0.7 else function


def conversation(rng, name):
    messages = []
    with_calls = name in ("qwen2.5", "llama3.1")
    if rng.random() < 0.4:
        messages.append({"role": "system", "content": rng.choice(TEXTS)})
    for _ in range(rng.randrange(1, 5)):
        messages.append({"role": "user", "content": rng.choice(TEXTS)})
        if with_calls and rng.random() < 0.4:
            calls = [call(rng)]
            if name == "qwen2.5" and rng.random() < 0.4:
                calls.append(call(rng))
            if name == "llama3.1":
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


def spans(template, name, messages, tools, text):
    out = []
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = render(template, messages[:i], tools, True)
        end = render(template, messages[:i + 1], tools, False)
        assert text.startswith(start) and text.startswith(end), (name, messages)
        if TAIL[name]:
            end = end[:-len(TAIL[name])]
        out += [len(start.encode()), len(end.encode())]
    return out


def main(tool, folder):
    rng, families = random.Random(5), {}
    for name in TAIL:
        ours = subprocess.run([tool, "--template", name], capture_output=True, check=True, text=True).stdout
        with open(os.path.join(folder, name + ".jinja"), newline="") as f:
            theirs = f.read()
        cases = []
        for _ in range(30):
            messages, tools = conversation(rng, name)
            generation = rng.random() < 0.5
            text = render(ours, messages, tools, generation)
            assert text == render(theirs, messages, tools, generation), (name, messages)
            cases.append({"messages": messages, "tools": tools, "generation": generation, "text": text,
                          "spans": spans(ours, name, messages, tools, text)})
        families[name] = {"ours": ours, "theirs": theirs, "cases": cases}
    sys.stdout.buffer.write(zlib.compress(json.dumps(families).encode(), 9))


main(*sys.argv[1:3])

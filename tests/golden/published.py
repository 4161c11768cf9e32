"""What transformers, tokenizers and SentencePiece make of published templates and tokenizers.

    published.py NAME=PATH... > published.json     PATH: a file, or a folder of them
    published.py --tell TOOL PATH...               TOOL: tests/lm/template_lines; says where we differ

Templates (*.jinja, a recipe's chat_template) are rendered over the conversations of template.py,
tokenizers (*tokenizer.json, *.json with a model, *.model) read the strings below. Their texts stay
where they are: an entry is a file's SHA-256, where it is from, and a digest of all answers, which
tests/lm/test_published.c computes over whatever files it finds in $DROVER_TEST_DATA."""

import glob
import hashlib
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import template as t  # noqa: E402
import tokenizer_parity as parity  # noqa: E402


def conversations():
    return [t.chat_template_utils._alias_reasoning_fields(json.loads(json.dumps(c))) for c in t.CONVERSATIONS]


def variables():
    """In the order in which test_published.c goes over them."""
    out = []
    for messages in conversations():
        for tools in (None, t.TOOLS):
            for prompt in (False, True):
                for more in ({}, {"enable_thinking": False}):
                    out.append({"messages": messages, "tools": tools, "documents": None, "add_generation_prompt": prompt,
                                "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", **more})
    return out


def strings():
    rng = random.Random(5)
    fixed = ["", " ", "Hello world", "  two  blanks ", "\n\n\n", "a\tb", "1234567", "naïve ﬁne Straße", "東京タワー", "😀👍🏽👩‍👩‍👧‍👦",
             "<s>x</s>", "[INST] a [/INST]", "<|im_start|>user\nHi<|im_end|>\n", "▁a▁▁b", "ﬀ①Ⅷ", "e\u0301\u0323", "<0x41>", "x" * 300, "ab " * 200]
    return fixed + [parity.string(rng, [])[:200].replace("\0", "") for _ in range(120)]


def renderings(template):
    """The bytes that test_published.c gathers of a template, and how many renderings raise."""
    out, raised = b"", 0
    for one in variables():
        want = t.theirs(template, one)
        if isinstance(want, tuple):
            out += want[0].encode() + b"\0" + "".join(f"{at}," for at in want[1]).encode() + b"\0"
        else:
            out += b"raises\0"
            raised += 1
    return out, raised


def reading(path):
    oracle = parity.SentencePiece(path) if path.endswith(".model") else parity.HuggingFace(path)
    out = b""
    for string in strings():
        ids = oracle.encode(string.encode(), True)
        out += "".join(f"{i} " for i in ids).encode() + oracle.decode(ids, True).encode() + b"\0"
    return out


def recipe(text):
    for line in text.split("\n"):
        if line.startswith("chat_template: \""):
            return json.loads(line.split(": ", 1)[1])
    return None


def entries(name, path):
    """(list, text, answers, entry) of each file of a source."""
    files = sorted(glob.glob(os.path.join(path, "**", "*"), recursive=True)) if os.path.isdir(path) else [path]
    for file in files:
        short = os.path.splitext(os.path.basename(file))[0]
        short = short if short not in ("tokenizer", "chat_template") else os.path.basename(os.path.dirname(file))
        if file.endswith((".jinja", ".yaml")):
            with open(file, encoding="utf-8", newline="") as f:
                text = f.read()
            text = recipe(text) if file.endswith(".yaml") else text
            if text:
                answers, raised = renderings(text)
                yield "templates", text.encode(), answers, {"name": short, "from": name, "raise": raised}
        elif file.endswith((".model", ".json")):
            with open(file, "rb") as f:
                text = f.read()
            if file.endswith(".json") and b'"model"' not in text:
                continue
            yield "tokenizers", text, reading(file), {"name": short, "from": name}


def main(sources):
    out = {"conversations": conversations(), "tools": t.TOOLS, "strings": strings(), "templates": {}, "tokenizers": {}}
    for source in sources:
        for kind, text, answers, entry in entries(*source.split("=", 1)):
            entry["digest"] = hashlib.sha256(answers).hexdigest()[:24]
            out[kind].setdefault(hashlib.sha256(text).hexdigest(), entry)
            print(kind, entry, file=sys.stderr)
    head = {k: out[k] for k in ("conversations", "tools", "strings")}
    rows = ",\n".join(json.dumps({k: v}, ensure_ascii=False)[1:-1] for k, v in sorted(out["templates"].items()))
    more = ",\n".join(json.dumps({k: v}, ensure_ascii=False)[1:-1] for k, v in sorted(out["tokenizers"].items()))
    print(json.dumps(head, ensure_ascii=True)[:-1] + ',\n"templates": {\n' + rows + '},\n"tokenizers": {\n' + more + "}}")


if __name__ == "__main__":
    if sys.argv[1] == "--tell":
        sys.exit(bool(t.folders(*sys.argv[2:])))
    main(sys.argv[1:])

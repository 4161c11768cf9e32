"""Where completions start, as TRL's SFT trainer finds it: the first token at which the ids of the
prompt (with its generation prompt) and of prompt + completion differ.  Writes encode.inc.

    python encode.py      # transformers 4.56 or 5, tokenizers
"""
import json
import os

from transformers import PreTrainedTokenizerFast

here = os.path.dirname(os.path.abspath(__file__))
template = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
cases = [
    ("smollm", "The answer is", " 42 apples."),
    ("smollm", "The ans", "wer is 7"),  # the border falls inside a token: the prompt's last one changes
    ("smollm", "", "Hello"),
    ("smollm", "room <|im_end|>", "\n"),
    ("smollm", "12", "34"),
    ("smollm", [{"role": "user", "content": "What is 12 + 3?"}], [{"role": "assistant", "content": "It is 15."}]),
    ("smollm", [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"},
                {"role": "user", "content": "bye"}], [{"role": "assistant", "content": ""}]),
    ("llama3", "The answer is", " 42 apples."),
    # Not here: text that begins with BOS. transformers puts another before it; we do not (encode.h).
    ("llama3", "", ""),
]


def main():
    out = ["/* Made by encode.py. */\n"]
    rows = []
    for i, (name, prompt, completion) in enumerate(cases):
        t = PreTrainedTokenizerFast(tokenizer_file=f"{here}/tokenizer_{name}.json", chat_template=template)
        if isinstance(prompt, str):
            head, both = t(prompt)["input_ids"], t(prompt + completion)["input_ids"]
        else:
            text = lambda m, g: t.apply_chat_template(m, tokenize=False, add_generation_prompt=g)
            ids = lambda s: t(s, add_special_tokens=False)["input_ids"]
            head, both = ids(text(prompt, True)), ids(text(prompt + completion, False))
        start = next((k for k, (a, b) in enumerate(zip(head, both)) if a != b), min(len(head), len(both)))
        for what, list_ in (("head", head), ("both", both)):
            out.append(f"static const int {what}_{i}[] = {{{', '.join(map(str, list_)) or '0'}}};\n")
        quote = lambda v: json.dumps(json.dumps(v))
        rows.append(f"    {{\"tokenizer_{name}.json\", {quote(prompt)}, {quote(completion)}, head_{i}, {len(head)}, "
                    f"both_{i}, {len(both)}, {start}}},\n")
    out.append("static const struct encode_golden golden[] = {\n" + "".join(rows) + "};\n")
    open(f"{here}/encode.inc", "w").write("".join(out))


main()

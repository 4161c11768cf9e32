"""Verdicts of SmolLM2-135M-Instruct as a judge: `drover judge` beside transformers. Development only.

    smollm2_judge.py DROVER MODEL.gguf LLMBAR_SUBSET.json [CASES]

As smollm2_parity.py: gguf-py makes the weights, llama.cpp the tokens, Jinja the dialogue from the GGUF's own
template; the question is put together here from examples/judge/pairwise.txt. Checked, for each of the first CASES
(20) and both orders: P(first) among the verdict words at most 1e-4 apart, the token ids by the way, and then which
answer won, whether the order changed it, and the accuracies over all of them."""

import json
import os
import re
import sys

import torch
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smollm2_parity import Check, Drover, answers, weights
from tokenizer_parity import LlamaCpp

TOLERANCE = 1e-4
TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/judge/pairwise.txt")


def parts(path):
    with open(path, encoding="utf-8") as f:
        pieces = re.split(r"^\[(system|user|assistant|verdicts)\]\n", f.read(), flags=re.M)
    return {name: text.rstrip("\n") for name, text in zip(pieces[1::2], pieces[2::2])}


def question(template, render, prompt, first, second):
    """Everything up to the verdict word."""
    put = lambda text: re.sub(r"\{(prompt|a|b)\}", lambda m: {"prompt": prompt, "a": first, "b": second}[m[1]], text)
    messages = [{"role": "system", "content": put(template["system"])}, {"role": "user", "content": put(template["user"])}]
    return render.render(messages=messages, add_generation_prompt=True) + put(template["assistant"])


def p_first(model, oracle, text, words):
    """P(words[0]) among the words, each one token after a blank."""
    alone = oracle.encode(text.encode(), True)
    tails = [oracle.encode((text + " " + word).encode(), True) for word in words]
    assert all(t[:-1] == alone for t in tails), "a verdict is one token behind the text"
    with torch.no_grad():
        logits = model(torch.tensor([alone])).logits[0, -1].double()
    return float(torch.softmax(logits[[t[-1] for t in tails]], 0)[0])


def main():
    program, path, subset = sys.argv[1:4]
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 20
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    with open(subset, encoding="utf-8") as f:
        rows = json.load(f)[:count]
    model, chat = weights(path)
    render = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(chat)
    check, drover, oracle, template = Check(), Drover(program, path), LlamaCpp(path), parts(TEMPLATE)
    words = template["verdicts"].split()
    lines = [{"prompt": r["input"], "a": r["output_1"], "b": r["output_2"]} for r in rows]
    got = answers(drover("judge", lines, f"--template={TEMPLATE}"))
    worst, same, right, both = 0.0, True, 0, 0
    for row, line, g in zip(rows, lines, got):
        want = [p_first(model, oracle, question(template, render, line["prompt"], line[x], line[y]), words)
                for x, y in ("ab", "ba")]
        worst = max(worst, *(abs(w - h) for w, h in zip(want, g["p_first"])))
        a_wins = [want[0] > 0.5, want[1] < 0.5]
        same &= abs(g["p_a"] - (want[0] + 1 - want[1]) / 2) < TOLERANCE and g["swapped"] == (a_wins[0] != a_wins[1])
        right += sum(a == (row["label"] == 1) for a in a_wins)
        both += a_wins[0] == a_wins[1]
    check.say(worst <= TOLERANCE, f"{len(rows)} cases in both orders: P(first) at most {worst:.1e} apart")
    check.say(same, "the same winners, changed with the order in the same cases")
    print(f"by transformers' figures: accuracy over both orders {50 * right / len(rows):.1f} % (chance 50), "
          f"agreement of the orders {100 * both / len(rows):.1f} %")
    sys.exit(1 if check.failed else 0)


if __name__ == "__main__":
    main()

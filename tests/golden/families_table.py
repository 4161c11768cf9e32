"""The table of docs/MODELS.md: each kind of model in drover beside transformers. Development only.

    families_table.py BIN_FOLDER RESULTS.json [KIND ...]     runs kinds, adds what came out
    families_table.py --print RESULTS.json                   the table, as Markdown

Needs torch, transformers 5, peft; DROVER_PYTHON4 names a python with transformers 4.56. The kinds and their
tiny folders are families.py's. A row: log-probabilities of three texts (at most 1e-4 apart), greedy answers of
40 tokens (equal up to a place where the best two are less than 1e-3 apart), loss and gradient norm of five
steps of SFT (relative, 1e-3), the same of an adapter on all linear modules, the trained folder opened by
transformers, the folder as transformers 4 writes it (same weights, same numbers), and a GGUF file that
`drover convert` wrote (same weights)."""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

GREEDY = 40


def greedy(program, model, tok, folder, families):
    import torch

    prompts = [t[:n] for t, n in zip(families.TEXTS, (40, 12, 25))]
    lines = "".join(json.dumps({"prompt": p}) + "\n" for p in prompts)
    out = program.run(["drover", "generate", "--model", folder, "temperature=0", f"max_new_tokens={GREEDY}"], lines)
    for prompt, line in zip(prompts, out.splitlines()):
        ids = tok(prompt, add_special_tokens=False)["input_ids"]
        for token in json.loads(line)["ids"]:
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0, -1].double()
            best = logits.topk(2).values
            if int(logits.argmax()) != token:
                if float(best[0] - best[1]) > 1e-3:
                    return "differs"
                break
            ids.append(token)
    return "equal"


def score_far(program, model, tok, folder, text, families):
    """Dynamic scaling holds for one length a run: a text alone, and the run as long as it is."""
    n = len(tok(text, add_special_tokens=False)["input_ids"])
    return families.apart(program, model, tok, folder, [text], f"max_context={n}")[0]


def gguf(program, folder, path, families):
    try:
        program.run(["drover", "convert", folder, "to=gguf", "dtype=f32", f"out={path}", "pre=smollm"])
    except RuntimeError as why:
        return str(why).strip().splitlines()[-1].split("error: ")[-1][-90:]
    return "same" if program.hash(path) == program.hash(folder) else "OTHER"


def one(program, name, work, families, four):
    import torch

    folder = f"{work}/{name}"
    model = families.make_folder(name, folder).eval()
    tok = families.tokenizer()
    long, dynamic = name.endswith("-long"), name.endswith("-dynamic")
    texts = [t[:80] for t in families.TEXTS] if long or dynamic else families.TEXTS
    row = {"class": type(model).__name__, "score": families.apart(program, model, tok, folder, texts)[0]}
    if dynamic:
        row["score"] = max(row["score"], score_far(program, model, tok, folder, families.TEXTS[0], families))
        model = families.load(folder)  # with the cache of its longest sequence gone
    row["greedy"] = greedy(program, model, tok, folder, families)
    rng = np.random.default_rng(3)
    short = (20, 60) if long or dynamic else (20, 120)
    batches = [[rng.integers(3, families.VOCAB - 8, rng.integers(*short)).tolist() for _ in range(2)] for _ in range(5)]
    data = f"{work}/{name}.jsonl"
    with open(data, "w") as out:
        for ids in (ids for batch in batches for ids in batch):
            out.write(json.dumps({"input_ids": ids}) + "\n")
    shared = ["max_steps=5", "learning_rate=1e-3", "max_length=" + ("96" if long or dynamic else "256")]
    rows = families.train(program, work, folder, data, name + "-full", *shared)
    row["steps"] = families.compare(rows, families.torch_steps(families.load(folder), batches, 1e-3))
    row["lora"] = lora(program, name, work, folder, data, batches, shared, families)
    written = families.load(f"{work}/{name}-full/model")
    row["written"] = families.apart(program, written, tok, f"{work}/{name}-full/model", texts)[0]
    if four:
        older = f"{work}/four/{name}"
        config = lambda f: json.loads(program.run(["drover", "inspect", f, "json=true"]))["config"]
        row["hf4"] = ("none" if not os.path.exists(older) else "OTHER" if program.hash(folder) != program.hash(older)
                      else "same" if config(folder) == config(older) else "OTHER NUMBERS")
    row["gguf"] = gguf(program, folder, f"{work}/{name}.gguf", families)
    return row


def lora(program, name, work, folder, data, batches, shared, families):
    from peft import PeftModel

    args = ["use_peft=true", "lora_r=4", "lora_alpha=8", "lora_target_modules=all-linear", "lora_dropout=0"]
    families.train(program, work, folder, data, name + "-start", *shared[1:], "max_steps=1", *args, "learning_rate=0")
    rows = families.train(program, work, folder, data, name + "-lora", *shared, *args)
    model = PeftModel.from_pretrained(families.load(folder), f"{work}/{name}-start/model", is_trainable=True)
    return families.compare(rows, families.torch_steps(model, batches, 1e-3))


LIMITS = dict(score=1e-4, steps=1e-3, lora=1e-3, written=1e-4)


def good(row):
    return "why" not in row and row["greedy"] == "equal" and all(row[k] <= LIMITS[k] for k in LIMITS) \
        and row.get("hf4", "same") in ("same", "none")


def show(rows):
    print("| kind | class | score | greedy | 5 steps | LoRA | written | transformers 4 | GGUF |\n|---|---|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        if "why" in row:
            print(f"| {name} | refused: {row['why']} |||||||")
            continue
        print(f"| {name} | {row['class']} | " + " | ".join(
            f"{row[k]:.0e}" if k in LIMITS else row[k] for k in ("score", "greedy", "steps", "lora", "written"))
            + f" | {row.get('hf4', '-')} | {row['gguf']} |")
    print(f"\n{sum(map(good, rows.values()))} of {len(rows)} kinds.")


def main():
    if sys.argv[1] == "--print":
        show(json.load(open(sys.argv[2])))
        return
    import torch

    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import families

    torch.set_num_threads(1)
    program, path, four = families.Program(sys.argv[1]), sys.argv[2], os.environ.get("DROVER_PYTHON4")
    rows = json.load(open(path)) if os.path.exists(path) else {}
    names = sys.argv[3:] or list(families.FAMILIES)
    with tempfile.TemporaryDirectory() as work:
        if four:
            os.mkdir(f"{work}/four")
            subprocess.run([four, families.__file__, "--make", *(w for n in names for w in (n, f"{work}/four/{n}"))],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in names:
            try:
                rows[name] = one(program, name, work, families, four)
            except (RuntimeError, AssertionError, ValueError) as why:
                rows[name] = {"why": str(why).strip().splitlines()[-1][-160:]}
            print(name, "ok" if good(rows[name]) else "FAILED", rows[name], flush=True)
            json.dump(rows, open(path, "w"), indent=1)


if __name__ == "__main__":
    main()

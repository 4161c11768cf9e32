"""The table of docs/OPERATIONS.md 13: each kind of model in drover beside transformers. Development only.

    families_table.py BIN_FOLDER RESULTS.json [KIND ...]     runs kinds, adds what came out
    families_table.py --print RESULTS.json                   the table, as Markdown

Needs torch, transformers 5, peft; DROVER_PYTHON4 names a python with transformers 4.56 (pip --target), DROVER_LLAMA a
folder with llama.cpp's libraries (llama_cpp.py says which). The kinds and their tiny folders are families.py's. A row:
log-probabilities of three texts (at most 1e-4 apart), greedy answers of 40 tokens (equal up to a place where the best
two are less than 1e-3 apart), loss and gradient norm of five steps of SFT (relative, 1e-3), the same of an adapter on
all linear modules, the trained folder opened by transformers; the folder as transformers 4 writes it (same weights,
same numbers) and the trained folder opened there; a GGUF file that `drover convert` wrote (same weights), and
llama.cpp's log-probabilities of it, whose keys and values are f16 and whose gelu is a table: at most 0.05 apart."""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

GREEDY = 40


class Four:
    """One process of transformers 4 for all kinds; what goes wrong there is told in the row, and the next kind goes on."""

    def __init__(self, python, script):
        self.process = subprocess.Popen([python, script, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("answer "):
                return json.loads(line[7:])
        raise RuntimeError("transformers 4 died")

    def column(self, program, name, folder, written, families):
        older = f"{folder}-older"
        answer = self.ask("make", name, older)
        if "why" in answer:
            return "none: " + answer["why"]
        if program.hash(folder) != program.hash(older):
            return "OTHER"
        config = lambda f: json.loads(program.run(["drover", "inspect", f, "json=true"]))["config"]
        if config(folder) != config(older):
            return "OTHER NUMBERS"
        answer = self.ask("logits", written)
        if "why" in answer:
            return "DOES NOT OPEN: " + answer["why"]
        far = np.abs(np.array(answer["logits"]) - families.last_logits(written)).max()
        return "same" if far < 1e-3 else f"FAR: {far:.0e}"


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


def gguf(program, folder, path, texts, tok, model, families, llama):
    """Written and read back; and what llama.cpp makes of it: (column, log-probabilities apart)."""
    tiny = f"{os.path.dirname(path)}/tiny"  # of a model by the name of phi3 llama.cpp wants Phi-3's tokens
    if os.path.lexists(tiny):
        os.remove(tiny)
    os.symlink(folder, tiny)
    try:
        program.run(["drover", "convert", tiny, "to=gguf", "dtype=f32", f"out={path}", "pre=smollm"])
    except RuntimeError as why:
        return str(why).strip().splitlines()[-1].split("drover convert: ")[-1].split(".gguf.part: ")[-1][:160], None
    same = "same" if program.hash(path) == program.hash(folder) else "OTHER"
    if not llama or os.path.basename(folder) in NO_LLAMA:
        return same, None
    llama.open(path)
    worst = 0.0
    config = json.loads(program.run(["drover", "inspect", path, "json=true"]))["config"]
    longest = config.get("max_position_embeddings", config.get("n_positions"))
    for text in texts:  # Mistral's window ends the file's context
        want, ids, _ = families.logprobs(model, tok, (text, ""))
        ids, want = ids[:longest], want[:longest - 1]
        rows = llama.decode(ids, 0, [1] * len(ids))
        got = [row[t] - np.logaddexp.reduce(row.astype(np.float64)) for row, t in zip(rows, ids[1:])]
        worst = max(worst, float(np.abs(want - np.array(got)).max()))
    llama.close()
    return same, worst


def one(program, name, work, families, four, llama):
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
        row["hf4"] = four.column(program, name, folder, f"{work}/{name}-full/model", families)
    row["gguf"], row["llama"] = gguf(program, folder, f"{work}/{name}.gguf", texts, tok, model, families, llama)
    return row


def lora(program, name, work, folder, data, batches, shared, families):
    from peft import PeftModel

    args = ["use_peft=true", "lora_r=4", "lora_alpha=8", "lora_target_modules=all-linear", "lora_dropout=0"]
    families.train(program, work, folder, data, name + "-start", *shared[1:], "max_steps=1", *args, "learning_rate=0")
    rows = families.train(program, work, folder, data, name + "-lora", *shared, *args)
    model = PeftModel.from_pretrained(families.load(folder), f"{work}/{name}-start/model", is_trainable=True)
    return families.compare(rows, families.torch_steps(model, batches, 1e-3))


LIMITS = dict(score=1e-4, steps=1e-3, lora=1e-3, written=1e-4)
LLAMA_FAR = 0.05  # its cache is f16
# llama.cpp has no such architecture, or no key for what makes the kind
NO_GGUF = ("opt", "gptj", "gpt-neo", "qwen2-window", "starcoder2", "falcon-serial", "gpt-neox-serial", "llama-dynamic",
           "smollm3-window", "exaone4-window", "ernie-bias", "qwen3-bias")
# llama.cpp runs Phi-3 without its window, and chooses longrope's list by the context that it is given
NO_LLAMA = ("phi3", "phi3-long")


def good(name, row):
    """What can be is: a kind that transformers 4.56 or llama.cpp lacks fails nothing, all else does."""
    return ("why" not in row and row["greedy"] == "equal" and all(row[k] <= LIMITS[k] for k in LIMITS)
            and (row.get("hf4", "same") == "same" or "has no attribute" in row["hf4"])
            and (row["gguf"] == "same" or (name in NO_GGUF and row["gguf"] != "OTHER"))
            and (row.get("llama") or 0) <= LLAMA_FAR)


def show(rows):
    print("| kind | class | score | greedy | 5 steps | LoRA | written | transformers 4 | GGUF | llama.cpp |\n"
          "|---|---|---|---|---|---|---|---|---|---|")
    notes = []
    for name, row in rows.items():
        if "why" in row:
            print(f"| {name} | refused: {row['why']} ||||||||")
            continue
        four, file = row.get("hf4", "-"), row["gguf"]
        for cell in (four, file):
            if cell not in ("same", "-") and cell not in notes:
                notes.append(cell)
        note = lambda cell: cell if cell in ("same", "-") else f"({notes.index(cell) + 1})"
        llama = "-" if row.get("llama") is None else f"{row['llama']:.0e}"
        print(f"| {name} | {row['class']} | " + " | ".join(
            f"{row[k]:.0e}" if k in LIMITS else row[k] for k in ("score", "greedy", "steps", "lora", "written"))
            + f" | {note(four)} | {note(file)} | {llama} |")
    print()
    for i, why in enumerate(notes):
        print(f"- ({i + 1}) `{why}`")
    print(f"\n{sum(good(n, r) for n, r in rows.items())} of {len(rows)} kinds.")


def main():
    if sys.argv[1] == "--print":
        show(json.load(open(sys.argv[2])))
        return
    import torch

    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import families

    torch.set_num_threads(1)
    program, path = families.Program(sys.argv[1]), sys.argv[2]
    four = Four(os.environ["DROVER_PYTHON4"], families.__file__) if "DROVER_PYTHON4" in os.environ else None
    llama = None
    if "DROVER_LLAMA" in os.environ:
        from llama_cpp import Llama

        llama = Llama(os.environ["DROVER_LLAMA"])
    rows = json.load(open(path)) if os.path.exists(path) else {}
    with tempfile.TemporaryDirectory() as work:
        for name in sys.argv[3:] or families.FAMILIES:
            try:
                rows[name] = one(program, name, work, families, four, llama)
            except (RuntimeError, AssertionError, AttributeError, ValueError, KeyError, SystemExit) as why:
                rows[name] = {"why": str(why).strip().splitlines()[-1][-300:]}
            print(name, "ok" if good(name, rows[name]) else "FAILED", rows[name], flush=True)
            order = [n for n in families.FAMILIES if n in rows]
            json.dump({n: rows[n] for n in order}, open(path, "w"), indent=1)


if __name__ == "__main__":
    main()

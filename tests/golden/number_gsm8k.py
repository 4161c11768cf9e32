"""Rule `number` over real solutions: GSM8K (Cobbe et al. 2021).

    python3 tests/golden/number_gsm8k.py BIN FOLDER        (of test.jsonl, train.jsonl and example_model_solutions.jsonl)

1. Of each written solution the rule reads the number that the authors' own pattern reads, and so does a reader
   without the marked line.
2. Of each solution that a model wrote, the rule agrees with the authors' `is_correct`.
"""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BIN, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
MARKED = re.compile(r"#### (\-?[0-9\.\,]+)")  # grade-school-math/dataset.py


def judged(rows, name):
    """The places of rows (completion, gold) that the rule calls right."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        path.write_text("".join(json.dumps({"prompt": str(i), "completion": text, "gold": gold}) + "\n" for i, (text, gold) in enumerate(rows)))
        subprocess.run([BIN / "drover", "data", "filter", path, "by.rule=number", "by.column=gold", "above=0.5", f"output={out}", "disable_tqdm=true"],
                       check=True, capture_output=True, timeout=300)
        right = {int(json.loads(line)["prompt"]) for line in out.read_text().splitlines()}
    print(f"{name}: {len(right)} of {len(rows)} right")
    return right


bad = 0
for name in ("test", "train"):
    answers = [json.loads(line)["answer"] for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    gold = [MARKED.search(a).group(1).replace(",", "") for a in answers]
    right = judged(list(zip(answers, gold)), f"{name}, as written")
    bad += len(answers) - len(right)
    whole = judged([(a, a) for a in answers], f"{name}, the solution as column")
    bad += len(answers) - len(whole)
    bare = [a[: MARKED.search(a).start()].rstrip() for a in answers]
    kept = judged(list(zip(bare, gold)), f"{name}, without the marked line")
    for i in [i for i in range(len(bare)) if i not in kept][:4]:
        print("  ", repr(bare[i][-70:]), "against", gold[i])

said = []
for line in (FOLDER / "example_model_solutions.jsonl").read_text().splitlines():
    row = json.loads(line)
    gold = row["ground_truth"].rsplit("A: ", 1)[-1]
    said += [(v["solution"], gold, v["is_correct"]) for v in row.values() if isinstance(v, dict)]
right = judged([(s, g) for s, g, _ in said], "solutions of models")
differ = [i for i, (_, _, ok) in enumerate(said) if ok != (i in right)]
print(f"solutions of models: {len(said) - len(differ)} of {len(said)} as the authors judge them")
for i in differ[:8]:
    print("  ", repr(said[i][0][-60:]), "against", said[i][1], "authors:", said[i][2])
sys.exit(bad > 0)

"""What a fleet's rewarder said of answers to one prompt is what `drover judge` says of each two of them.

usage: judge_pairs.py DROVER JUDGE TEMPLATE RUN EACH       (for judge.sh)"""
import itertools, json, subprocess, sys

drover, judge, template, run, each = *sys.argv[1:5], int(sys.argv[5])
groups = {}
with open(f"{run}/samples.jsonl") as f:
    for row in map(json.loads, f):
        groups.setdefault(row["task"], {})[row["sample"]] = row
assert groups and all(len(g) == each for g in groups.values()), f"groups of {sorted(map(len, groups.values()))}"
pairs = [(g[i], g[j]) for g in groups.values() for i, j in itertools.combinations(range(each), 2)]
asked = "".join(json.dumps({"prompt": a["prompt"], "a": a["completion"], "b": b["completion"]}) + "\n" for a, b in pairs)
said = subprocess.run([drover, "judge", f"model={judge}", f"template={template}"], input=asked, text=True, check=True,
                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
lines = [json.loads(line) for line in said.splitlines()]
assert [(line["prompt"], line["a"], line["b"]) for line in lines] == [(a["prompt"], a["completion"], b["completion"]) for a, b in pairs], lines[:2]
for name, text in (("asked", asked), ("said", said)):  # what was asked and what was said of it are the same items
    with open(f"{run}/{name}.jsonl", "w") as f:
        f.write(text)
    subprocess.run([drover, "prefs", "import", f"{run}/pairs.db", f"{run}/{name}.jsonl", "annotator=the-judge"], check=True, stderr=subprocess.DEVNULL)
    held = json.loads(subprocess.run([drover, "prefs", "stats", f"{run}/pairs.db", "json=-"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    different = len({(json.dumps(a["prompt"]), a["completion"], b["completion"]) for a, b in pairs})
    assert held["items"] == different and held["judged"] == (different if name == "said" else 0), held
won = {}
for (a, b), line in zip(pairs, said.splitlines()):
    p = json.loads(line)["p_a"]
    for row, share in ((a, p), (b, 1 - p)):
        key = row["task"], row["sample"]
        won[key] = won.get(key, 0) + share / (each - 1)
worst = max(abs(groups[t][s]["rewards"]["ai"] - w) for (t, s), w in won.items())
spread = max(won.values()) - min(won.values())
assert worst < 1e-6 < spread, f"scores differ by {worst} from the judge's, which lie {spread} apart"
with open(f"{run}/metrics.jsonl") as f:
    lines = [json.loads(line) for line in f]
assert all(abs(m["rewards/ai/mean"] - .5) < 1e-6 and m["grad_norm"] > 0 for m in lines), lines
if "drover_pairs" in lines[0]:  # each group is a pair
    assert all(m["drover_pairs"] == 24 and m["objective/scores_margin"] > 0 for m in lines), lines

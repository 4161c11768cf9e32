"""WMT 2023 English-German, ten systems marked by three raters a segment (MQM), as rows for `drover agreement` and `drover rank`.

    python3 tests/golden/wmt_mqm.py $DROVER_TEST_DATA/wmt-mqm FOLDER

writes FOLDER/judgements.jsonl (level=pairs: item = segment and two systems, prompt = document; gold rows of hidden errors),
FOLDER/votes.jsonl (model_a, model_b, winner, prompt = document, judge = rater) and FOLDER/scores.json (mean MQM score of each
system, lower is better). A score is the sum of a rater's errors in a segment: major 5, minor 1, minor punctuation .1,
non-translation 25, source issues 0; the lower one is preferred, equal ones tie.

Printed, computed here and not by drover: how many tie when sums are compared as they are added up in binary, and how much wider
errors by document are than "naive" ones, by each thing that the word may mean.
"""
import collections
import glob
import io
import itertools
import json
import os
import sys
import tarfile

import numpy as np


def weight(category, severity):
    if category.startswith("Source issue") or severity.lower() == "no-error":
        return 0.0
    if category.startswith("Non-translation"):
        return 25.0
    if severity.lower() == "major":
        return 5.0
    if severity.lower() == "minor":
        return 0.1 if category == "Fluency/Punctuation" else 1.0
    raise SystemExit(f"severity {severity} of {category}")


def rows(folder):
    """The published table, as fields."""
    with tarfile.open(glob.glob(os.path.join(folder, "*.tsv.tar.gz"))[0]) as archive:
        file = archive.extractfile(next(m for m in archive if m.name.endswith(".tsv")))
        for line in itertools.islice(io.TextIOWrapper(file, encoding="utf8", newline="\n"), 1, None):
            yield line.rstrip("\n").split("\t")


def mean_error(value, cluster):
    """Of a mean, of rows that hang together within a cluster."""
    _, at = np.unique(cluster, return_inverse=True)
    total = np.bincount(at, value - value.mean())
    return np.sqrt((total**2).sum() * len(total) / (len(total) - 1)) / len(value)


def agreement(groups):
    """Share of agreeing pairs of raters, averaged over items: its error by document, by segment, and the naive ones."""
    said = collections.defaultdict(list)
    for (doc, segment, _), values in groups.items():
        for a, b in itertools.combinations(sorted(values), 2):
            said[doc, segment, a, b].append(np.sign(values[a] - values[b]))
    share = np.array([np.mean([x == y for x, y in itertools.combinations(v, 2)]) for v in said.values()])
    p, n = share.mean(), len(share)
    by = {"item": mean_error(share, np.arange(n)), "binomial, an item a row": np.sqrt(p * (1 - p) / n),
          "binomial, a pair of judgements a row": np.sqrt(p * (1 - p) / (3 * n))}
    document, segment = (mean_error(share, [k[i] for k in said]) for i in (0, 1))
    print(f"percent {p:.3f}: error by document over that by ...")
    for name, error in [("segment", segment), *by.items()]:
        print(f"    {name:38} {document / error:.2f}")


def strengths(groups, systems):
    """Bradley and Terry with ties as half: the same of its strengths, means over the systems."""
    at = {s: i for i, s in enumerate(systems)}
    x, y, document = [], [], []
    for (doc, _, _), values in groups.items():
        for a, b in itertools.combinations(sorted(values), 2):
            x.append(np.eye(len(systems))[at[a]] - np.eye(len(systems))[at[b]])
            y.append((1 - np.sign(values[a] - values[b])) / 2)
            document.append(doc)
    x, y, w = np.array(x), np.array(y), np.zeros(len(systems))
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        inverse = np.linalg.pinv((x * (p * (1 - p))[:, None]).T @ x)
        w = w + inverse @ (x.T @ (y - p))
    pull = x * (y - p)[:, None]

    def error(cluster):
        _, of = np.unique(cluster, return_inverse=True)
        total = np.zeros((of.max() + 1, len(systems)))
        np.add.at(total, of, pull)
        return np.sqrt(np.diag(inverse @ (total.T @ total * len(total) / (len(total) - 1)) @ inverse))

    print("strengths: error by document over that by ...")
    for name, naive in (("row (sandwich)", error(np.arange(len(y)))), ("information matrix", np.sqrt(np.diag(inverse)))):
        print(f"    {name:38} {np.mean(error(document) / naive):.2f}")


def main(folder, to):
    score, gold = collections.defaultdict(float), []
    for system, doc, _, segment, rater, _, _, category, severity, _ in rows(folder):
        key = doc, segment, rater, system
        if severity == "HOTW-test":
            gold.append((key, category))
            continue
        score[key] += weight(category, severity)
    # In tenths, so that sums of .1 tie where they should.
    exact = {key: round(10 * value) for key, value in score.items()}
    systems = sorted({key[3] for key in exact})
    groups = collections.defaultdict(dict)
    for (doc, segment, rater, system), value in exact.items():
        groups[doc, segment, rater][system] = value
    os.makedirs(to, exist_ok=True)
    ties = count = 0
    with open(f"{to}/judgements.jsonl", "w") as judgements, open(f"{to}/votes.jsonl", "w") as votes:
        for (doc, segment, rater), values in sorted(groups.items()):
            for a, b in itertools.combinations(sorted(values), 2):
                won = "a" if values[a] < values[b] else "b" if values[a] > values[b] else "tie"
                count += 1
                ties += won == "tie"
                print(json.dumps({"item": f"{segment} {a} {b}", "annotator": rater, "value": won, "a": a, "b": b, "prompt": doc}), file=judgements)
                print(json.dumps({"model_a": a, "model_b": b, "winner": won if won == "tie" else f"model_{won}", "prompt": doc, "judge": rater}), file=votes)
        for (doc, segment, rater, system), found in gold:
            print(json.dumps({"item": f"gold {segment} {system}", "annotator": rater, "value": "a" if found == "Found" else "b",
                              "gold": "a", "why": "gold", "prompt": doc}), file=judgements)
    with open(f"{to}/scores.json", "w") as file:
        json.dump({s: sum(v for k, v in exact.items() if k[3] == s) / 10 / sum(k[3] == s for k in exact) for s in systems}, file, indent=1)
    raw = collections.defaultdict(list)
    for (*of, _), value in score.items():
        raw[tuple(of)].append(value)
    equal = sum(a == b for values in raw.values() for a, b in itertools.combinations(values, 2))
    print(f"{count} preferences, {100 * ties / count:.1f} % ties, {len(gold)} gold rows, {len(systems)} systems")
    print(f"compared as binary sums: {100 * equal / count:.1f} % ties")
    agreement(groups)
    strengths(groups, systems)


main(sys.argv[1], sys.argv[2])

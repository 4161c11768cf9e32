"""WMT 2023 English-German, ten systems marked by three raters a segment (MQM), as rows for `drover agreement` and `drover rank`.

    python3 tests/golden/wmt_mqm.py $DROVER_TEST_DATA/wmt-mqm FOLDER

writes FOLDER/judgements.jsonl (level=pairs: item = segment and two systems, prompt = document; gold rows of hidden errors),
FOLDER/votes.jsonl (model_a, model_b, winner, prompt = document, judge = rater) and FOLDER/scores.json (mean MQM score of each
system, lower is better). A score is the sum of a rater's errors in a segment: major 5, minor 1, minor punctuation .1,
non-translation 25, source issues 0; the lower one is preferred, equal ones tie.
"""
import collections
import glob
import io
import itertools
import json
import os
import sys
import tarfile


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
    print(f"{count} preferences, {100 * ties / count:.1f} % ties, {len(gold)} gold rows, {len(systems)} systems")


main(sys.argv[1], sys.argv[2])

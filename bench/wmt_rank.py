"""Systems of WMT 2023 English-German ranked by what raters preferred: drover rank on real people.

    python3 bench/wmt_rank.py DROVER [DATA]           DATA: default $DROVER_TEST_DATA, ../shared/data

wmt-mqm has errors that raters marked in translations of ten systems (one of them the reference): each rater
read all ten translations of a segment. A translation's error score is the sum of its errors (major 5, minor 1,
minor punctuation .1, non-translation 25, errors of the source 0; planted errors are gold questions and count for
nobody); of two translations of a segment by one rater the lower score is preferred, equal ones tie. Printed: the
systems by every model of `drover rank`, Kendall's tau with the ranking by mean score, and by Bradley and Terry
which pairs differ, with the interval of the difference, by document and (naive) by row."""
import collections
import io
import itertools
import json
import os
import subprocess
import sys
import tarfile
import tempfile

NAME = "wmt-mqm/sxs_mqm_generalMT2023_ende.3ratingsPerSegment.tsv.tar.gz"
MODELS = ["bradley-terry", "davidson", "rao-kupper", "thurstone", "plackett-luce", "elo"]


def weight(category, severity):
    if severity in ("HOTW-test", "No-error") or category.startswith("Source"):
        return 0
    if category.startswith("Non-translation"):
        return 25
    if severity == "Major":
        return 5
    return .1 if category == "Fluency/Punctuation" else 1


def scores(path):
    """(document, segment, rater) -> {system: error score}"""
    with tarfile.open(path) as tar:
        text = tar.extractfile(tar.getmembers()[0]).read().decode("utf8")
    found = collections.defaultdict(dict)
    for line in io.StringIO(text).readlines()[1:]:
        system, doc, _, segment, rater, _, _, category, severity = line.split("\t")[:9]
        of = found[doc, segment, rater]
        of[system] = of.get(system, 0) + weight(category, severity)
    return found


def votes(found):
    for (doc, segment, rater), of in sorted(found.items()):
        for a, b in itertools.combinations(sorted(of), 2):
            gap = of[a] - of[b]
            yield {"model_a": a, "model_b": b, "prompt": doc, "judge": rater,
                   "winner": "tie" if abs(gap) < 1e-9 else "model_a" if gap < 0 else "model_b"}


def rankings(found):
    """The same as one ranking a rater and segment; who has the same score shares a place."""
    for (doc, segment, rater), of in sorted(found.items()):
        places = collections.defaultdict(list)
        for system, score in of.items():
            places[round(score, 6)].append(system)
        yield {"ranking": [places[s] for s in sorted(places)], "prompt": doc, "judge": rater}


def tau(x, y):
    pairs = list(itertools.combinations(range(len(x)), 2))
    return sum((x[i] - x[j]) * (y[i] - y[j]) > 0 for i, j in pairs) * 2 / len(pairs) - 1


def rank(drover, rows, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "votes.jsonl")
        with open(path, "w") as out:
            for row in rows:
                out.write(json.dumps(row) + "\n")
        out = os.path.join(folder, "board.json")
        subprocess.run([drover, "rank", path, "json=" + out, *options], check=True, stdout=subprocess.DEVNULL)
        with open(out) as file:
            return json.load(file)


def main():
    drover = sys.argv[1]
    data = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("DROVER_TEST_DATA", "../shared/data")
    found = scores(os.path.join(data, NAME))
    rows = list(votes(found))
    ties = sum(r["winner"] == "tie" for r in rows)
    documents = len({r["prompt"] for r in rows})
    print("%d preferences, %.1f %% ties, %d documents" % (len(rows), 100 * ties / len(rows), documents))
    total = collections.Counter()
    for of in found.values():
        total.update(of)
    means = {s: total[s] / len(found) for s in total}
    boards = {m: rank(drover, rankings(found) if m == "plackett-luce" else rows, "model=" + m) for m in MODELS}
    strong = {m: {r["name"]: r for r in b["ranking"]} for m, b in boards.items()}
    order = [r["name"] for r in boards["bradley-terry"]["ranking"]]
    print("| system | mean errors | " + " | ".join(MODELS) + " | rank |")
    print("|---" * (len(MODELS) + 3) + "|")
    for s in order:
        bt = strong["bradley-terry"][s]
        print("| %s | %.2f | %s | %d–%d |" % (s, means[s], " | ".join("%.0f" % strong[m][s]["rating"] for m in MODELS),
                                             bt["rank_low"], bt["rank_high"]))
    print("tau with the ranking by mean score: "
          + ", ".join("%s %.3f" % (m, tau([strong[m][s]["strength"] for s in order], [-means[s] for s in order]))
                      for m in MODELS))
    naive = rank(drover, rows, "cluster=row")
    wider = [strong["bradley-terry"][r["name"]]["se"] / r["se"] for r in naive["ranking"]]
    print("errors by document over naive ones: %.2f to %.2f, mean %.2f"
          % (min(wider), max(wider), sum(wider) / len(wider)))
    apart = {frozenset((p["a"], p["b"])): p for p in naive["pairs"]}
    for p in boards["bradley-terry"]["pairs"]:
        if p["p_holm"] < .05:
            print("%s > %s by %.2f [%.2f, %.2f]" % (p["a"], p["b"], p["difference"], p["low"], p["high"]))
    print("%d pairs differ by document, %d by row"
          % (sum(p["p_holm"] < .05 for p in boards["bradley-terry"]["pairs"]),
             sum(p["p_holm"] < .05 for p in apart.values())))


if __name__ == "__main__":
    main()

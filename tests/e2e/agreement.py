"""`drover agreement` from files to figures: published values, JSON in its three forms, the order of rows, errors with their line.
usage: agreement.py BIN"""
import json
import os
import random
import subprocess
import sys
import tempfile

DROVER = os.path.abspath(os.path.join(sys.argv[1], "drover"))


def run(*words, status=0):
    done = subprocess.run([DROVER, "agreement", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == status, (words, done.returncode, done.stderr)
    return done


def write(name, rows):
    with open(name, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return name


def krippendorff_2011():
    """Four coders, twelve units: the four levels as published, from JSON lines and from CSV."""
    coders = {"A": "123321412...", "B": "1233224125.3", "C": ".3332342251.", "D": "12332441251."}
    rows = [{"item": u, "annotator": c, "value": int(v)} for c, values in coders.items() for u, v in enumerate(values) if v != "."]
    write("k.jsonl", rows)
    with open("k.csv", "w") as file:
        file.write("item,annotator,value\n" + "".join(f"{r['item']},{r['annotator']},{r['value']}\n" for r in rows))
    want = {"nominal": .743421, "ordinal": .815388, "interval": .849107, "ratio": .797403}
    for level, value in want.items():
        for name in ("k.jsonl", "k.csv"):
            told = json.loads(run(name, f"level={level}", "json=true").stdout)
            alpha = told["krippendorff_alpha"]
            assert abs(alpha["value"] - value) < 5e-7 and alpha["low"] < value < alpha["high"], (level, name, alpha)
            assert told["fleiss_kappa"]["value"] is None and told["fleiss_kappa"]["why"], told["fleiss_kappa"]
            assert told["unfinished"] > 0, told


def json_has_one_meaning():
    """true and -: the object alone on standard output; PATH: there, and the table on standard output; no file called `true`."""
    objects = []
    for how in ("true", "-"):
        done = run("k.jsonl", f"json={how}")
        objects.append(json.loads(done.stdout))
        assert "Krippendorff" in done.stderr
    done = run("k.jsonl", "json=out.json")
    with open("out.json") as file:
        objects.append(json.load(file))
    assert "Krippendorff" in done.stdout
    assert objects[0] == objects[1] == objects[2]
    assert "Krippendorff" in run("k.jsonl", "json=false").stdout
    assert not os.path.exists("true") and not os.path.exists("-") and not os.path.exists("false")


def order_is_no_figure():
    """Rows in any order, candidates either way round, judgements asked for on disagreement: the same JSON."""
    random.seed(3)
    rows = []
    for i in range(60):
        for j in range(3):
            u = random.gauss(0, 1) + (i % 5 - 2)
            rows.append({"item": i, "annotator": f"w{(i + j) % 5}", "a": "m", "b": "n", "prompt": f"p{i // 2}", "time": 10 * i + j,
                         "value": "tie" if abs(u) < .4 else "a" if u > 0 else "b"})
    turn = {"a": "b", "b": "a", "tie": "tie"}
    shown = lambda told: {k: told[k] for k in ("percent", "krippendorff_alpha", "fleiss_kappa", "cohen_kappa", "items", "judgements")}
    plain = shown(json.loads(run(write("plain.jsonl", rows), "level=pairs", "json=-").stdout))
    other = [dict(r, a="n", b="m", value=turn[r["value"]]) if r["item"] % 3 == 0 else r for r in rows]
    random.shuffle(other)
    other += [{"item": i, "annotator": "z", "a": "m", "b": "n", "value": "b", "why": "disagreement", "time": 9999, "prompt": f"p{i // 2}"} for i in range(0, 60, 2)]
    assert shown(json.loads(run(write("other.jsonl", other), "level=pairs", "json=-").stdout)) == plain
    assert plain["percent"]["by_item"]["low"] > 0 and plain["krippendorff_alpha"]["method"] == "bootstrap"


def errors_say_where():
    write("bad.jsonl", [{"item": 1, "annotator": 1, "value": "a"}, {"item": 1, "annotator": 2, "value": "left"}])
    assert "bad.jsonl:2" in run("bad.jsonl", "level=pairs", status=1).stderr
    assert "nominal" in run("k.jsonl", "level=pears", status=1).stderr
    assert "none of the" in run("k.jsonl", "judge=nobody", status=1).stderr
    run(status=2)
    run("nowhere.jsonl", status=1)
    done = run(write("more.jsonl", [{"item": i, "annotator": a, "value": 1, "colour": "x"} for i in range(3) for a in "ab"]))
    assert "colour" in done.stderr and "0 / 0" in done.stdout, done


def a_judge_is_apart():
    rows = [{"item": i, "annotator": a, "value": "xyz"[(i * i + (a == "cy" and i % 4 == 0)) % 3]} for i in range(60) for a in ("al", "bo", "cy")]
    people = json.loads(run(write("people.jsonl", rows), "json=-").stdout)
    rows += [{"item": i, "annotator": "model", "value": "xyz"[i * i % 3]} for i in range(60)]
    told = json.loads(run(write("judged.jsonl", rows), "judge=model", "json=-").stdout)
    assert told["krippendorff_alpha"] == people["krippendorff_alpha"] and told["annotators"] == 3
    assert told["judge"]["may_replace"] == "yes" and told["judge"]["omega"] == 1, told["judge"]


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    krippendorff_2011()
    json_has_one_meaning()
    order_is_no_figure()
    errors_say_where()
    a_judge_is_apart()
print("ok")

"""drover rank: what it prints, writes and refuses, and that no order of rows or names has a part in it.
usage: rank.py BIN_FOLDER"""
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../bench"))
DROVER = os.path.join(sys.argv[1], "drover")


def rank(path, *options, status=0):
    done = subprocess.run([DROVER, "rank", path, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (options, done.returncode, done.stderr)
    return done


def write(folder, rows, name="votes.jsonl"):
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.writelines(json.dumps(r) + "\n" for r in rows)
    return path


def simulated(n=600, seed=3):
    """Three models of strengths .8, 0, -.8, votes in threes on a prompt, some of them ties."""
    r = random.Random(seed)
    strength = {"ash": .8, "birch": 0, "cedar": -.8}
    for i in range(n):
        a, b = r.sample(sorted(strength), 2)
        won = r.random() < 1 / (1 + math.exp(strength[b] - strength[a]))
        yield {"model_a": a, "model_b": b, "prompt": "p%d" % (i // 3),
               "winner": "tie" if r.random() < .1 else "model_a" if won else "model_b"}


def figures(board, name):
    """All that a board says of each model, by its name."""
    return {name[r["name"]]: {k: v for k, v in r.items() if k != "name"} for r in board["ranking"]}


def same(a, b):
    return a == b if not isinstance(a, float) else abs(a - b) < 1e-8 * max(1, abs(a))


def no_order(folder, rows):
    other = {"ash": "zebra", "birch": "yak", "cedar": "ape"}
    turned = {"model_a": "model_b", "model_b": "model_a", "tie": "both_bad"}
    mixed = [{"model_a": other[r["model_b"]], "model_b": other[r["model_a"]], "prompt": r["prompt"],
              "winner": turned[r["winner"]]} for r in random.Random(8).sample(rows, len(rows))]
    for options in (["se=bootstrap", "draws=50"], ["model=davidson"], ["model=thurstone", "penalty=1"],
                    ["model=plackett-luce"], ["like=arena"]):
        a = json.loads(rank(write(folder, rows), "json=true", *options).stdout)
        b = json.loads(rank(write(folder, mixed), "json=true", *options).stdout)
        a, b = figures(a, {n: n for n in other}), figures(b, {v: k for k, v in other.items()})
        for model in a:
            for key in a[model]:
                assert same(a[model][key], b[model][key]), (options, model, key, a[model], b[model])


def what_is_put_out(folder, rows):
    path, out, picture = write(folder, rows), os.path.join(folder, "b.json"), os.path.join(folder, "b.svg")
    table = rank(path, "json=" + out, "svg=" + picture).stdout
    lines = table.splitlines()
    assert [line.split()[1] for line in lines[1:4]] == ["ash", "birch", "cedar"], table
    assert "errors: sandwich by prompt (200)" in table, table
    with open(out) as file:
        board = json.load(file)
    printed = json.loads(rank(path, "json=true").stdout)  # one object and nothing else
    assert printed == board
    assert board["cluster"] == "prompt" and board["scale"] == "logit" and board["se"] == "sandwich"
    assert [r["name"] for r in board["ranking"]] == ["ash", "birch", "cedar"]
    assert abs(sum(r["strength"] for r in board["ranking"])) < 1e-9
    assert all(r["low"] < t < r["high"] for r, t in zip(board["ranking"], (.71, 0, -.71)))  # ties as halves shrink
    assert board["components"] == [["ash", "birch", "cedar"]] and len(board["pairs"]) == 3
    assert sum(r["games"] for r in board["ranking"]) == 2 * len(rows)
    root = xml.etree.ElementTree.parse(picture).getroot()
    texts = "".join(root.itertext())
    assert "ash" in texts and "script" not in texts
    by_row = json.loads(rank(path, "json=true", "cluster=row").stdout)
    assert by_row["cluster"] == "row" and by_row["clusters"] == len(rows)
    few = rank(write(folder, rows[:60]), "penalty=0.1").stdout
    assert "warning: 20 clusters" in few, few


def what_is_refused(folder, rows):
    bad = rank(write(folder, rows[:2] + [dict(rows[0], winner="ash")]), status=1).stderr
    assert "votes.jsonl:3: winner: 'ash' is none of" in bad and bad.count("\n") == 1, bad
    apart = [{"model_a": a, "model_b": b, "winner": "model_a"} for a, b in ("ab", "ba", "ac", "bc")]
    said = rank(write(folder, apart), "json=true", status=1)
    assert "2 groups: {a, b} (lost to no other); {c} (won against no other)" in said.stderr, said.stderr
    board = json.loads(said.stdout)
    assert board["components"] == [["a", "b"], ["c"]] and board["ranking"] is None
    assert "lost to no other" in board["why"]
    assert rank(write(folder, apart), "penalty=0.5").stdout.count("held together by the penalty alone") == 1
    self_votes = [{"model_a": "ash", "model_b": "ash", "winner": w, "prompt": "own"} for w in ("model_a", "tie")]
    path = write(folder, rows[:3] + self_votes + rows[3:])
    board = json.loads(rank(path, "json=true").stdout)
    assert board.pop("against_itself") == 2 and board["votes"] == len(rows), board["votes"]
    alone = json.loads(rank(write(folder, rows, "alone.jsonl"), "json=true").stdout)
    assert alone.pop("against_itself") == 0 and alone == board, "a model against itself moves figures"
    assert "2 of a model against itself" in rank(path).stdout
    assert "no such file" in rank(os.path.join(folder, "none"), status=1).stderr.lower()
    assert "usage" in rank("model=elo", status=2).stderr


def biased_votes_are_read(folder, rows):
    """What eval bias writes of its votes is ranked as they are."""
    words = {"model_a": "a", "model_b": "b", "tie": "tie"}
    told = [dict(prompt=r["prompt"], a="x" * (1 + i % 7), b="y" * (1 + i % 5), model_a=r["model_a"],
                 model_b=r["model_b"], verdict=words[r["winner"]], judge="j") for i, r in enumerate(rows)]
    path, out = write(folder, told, "told.jsonl"), os.path.join(folder, "lines.jsonl")
    subprocess.run([DROVER, "eval", "bias", "dataset=" + path, "output=" + out, "resamples=50"], check=True,
                   stdout=subprocess.DEVNULL, timeout=60)
    with open(out) as file:
        lines = [json.loads(line) for line in file]
    assert len(lines) == len(rows) and all(line["first"] == "a" for line in lines)
    assert json.loads(rank(out, "json=true").stdout) == json.loads(rank(write(folder, rows), "json=true").stdout)
    swayed = json.loads(rank(out, "json=true", "covariates=position,length").stdout)["effects"]
    assert list(swayed) == ["position", "length"]
    assert all(e["low"] < 0 < e["high"] for e in swayed.values()), swayed


def a_store_is_ranked(folder, rows):
    """Votes that went into a store and out of it, as its arena log and as the store itself: the same board as before, with
    sides, lengths and prompts."""
    r = random.Random(5)
    words = {"model_a": "model_a", "model_b": "model_b", "tie": "tie"}
    direct, log = [], []
    for i, row in enumerate(rows):
        answer = {side: "word " * r.randrange(1, 40) + str(i) for side in "ab"}
        direct.append(dict(row, judge="j%d" % (i % 4), first="a", prompt="of " + row["prompt"], **{"answer_" + side: text for side, text in answer.items()}))
        log.append({"question_id": "q%d" % i, "model_a": row["model_a"], "model_b": row["model_b"], "winner": words[row["winner"]], "judge": "j%d" % (i % 4), "turn": 1, "tstamp": 1.7e9 + i}
                   | {"conversation_" + side: [{"role": "user", "content": "of " + row["prompt"]}, {"role": "assistant", "content": text}] for side, text in answer.items()})
    store, out = os.path.join(folder, "a store"), os.path.join(folder, "out.jsonl")
    subprocess.run([DROVER, "prefs", "import", store, write(folder, log, "log.jsonl")], check=True, stderr=subprocess.DEVNULL, timeout=60)
    subprocess.run([DROVER, "prefs", "export", store, "format=arena", "output=" + out], check=True, stderr=subprocess.DEVNULL, timeout=60)
    options = ("covariates=position,length", "json=true")
    want, of_store, of_log = (json.loads(rank(path, *options).stdout) for path in (write(folder, direct, "direct.jsonl"), store, out))
    assert of_store == of_log and want["cluster"] == of_store["cluster"] == "prompt" and want["clusters"] == of_store["clusters"]
    name = {n: n for n in ("ash", "birch", "cedar")}
    for a, b in [(figures(want, name)[n], figures(of_store, name)[n]) for n in name] + [(want["effects"][e], of_store["effects"][e]) for e in ("position", "length")]:
        assert all(same(a[key], b[key]) for key in a), (a, b)
    assert "nothing reads" not in rank(out).stderr


def real_people():
    import wmt_rank

    path = os.path.join(os.environ.get("DROVER_TEST_DATA", ""), wmt_rank.NAME)
    if not os.path.exists(path):
        print("skipped: no wmt-mqm in DROVER_TEST_DATA")
        return
    found = wmt_rank.scores(path)
    rows = list(wmt_rank.votes(found))
    assert len(rows) == 14040
    board = wmt_rank.rank(DROVER, rows)
    systems = [r["name"] for r in board["ranking"]]
    mean = [-sum(of[s] for of in found.values()) for s in systems]
    tau = wmt_rank.tau([r["strength"] for r in board["ranking"]], mean)
    assert board["clusters"] == 30 and abs(tau - .82) < .01, tau


with tempfile.TemporaryDirectory() as work:
    votes = list(simulated())
    no_order(work, votes)
    what_is_put_out(work, votes)
    what_is_refused(work, votes)
    biased_votes_are_read(work, votes)
    a_store_is_ranked(work, votes)
real_people()
print("rank: ok")

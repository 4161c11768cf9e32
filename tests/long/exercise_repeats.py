#!/usr/bin/env python3
"""Is what is printed about people true? Two people judge the same 60 pairs through the page's HTTP, each by chance and
sigma(utility + a liking of the left + a taste for length), all known; `drover agreement` and `drover rank` say what they find.
Their 95 % intervals have to hold the truth in 92 % of the repeats. usage: exercise_repeats.py BIN_FOLDER [REPEATS]"""
import concurrent.futures
import json
import math
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from annotate_stand import Person, Server, check  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
REPEATS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
ITEMS, STRENGTH, LEFT, LENGTH = 60, {"m1": 0.7, "m2": 0.0, "m3": -0.7}, 0.5, 0.8


def draw_pair(draw):
    """Two models and how long their answers are, in characters."""
    return [(name, round(math.exp(draw.gauss(4.5, 0.6))) + 12) for name in draw.sample(sorted(STRENGTH), 2)]


def left_wins(left, right):
    """P(left): the law by which both people choose."""
    odds = STRENGTH[left[0]] - STRENGTH[right[0]] + LEFT + LENGTH * math.log(left[1] / right[1])
    return 1 / (1 + math.exp(-odds))


def truth():
    """Of a random item, shown to one person one way round and to the other the other way, as the store does."""
    draw, n, agree, left, longer, unequal = random.Random(1), 400000, 0.0, 0.0, 0.0, 0
    for _ in range(n):
        one, two = draw_pair(draw)
        p, q = left_wins(one, two), 1 - left_wins(two, one)
        agree += p * q + (1 - p) * (1 - q)
        left += (p + 1 - q) / 2
        if one[1] != two[1]:
            unequal += 1
            longer += (p + q) / 2 if one[1] > two[1] else 1 - (p + q) / 2
    percent = agree / n
    return {"percent": percent, "alpha": 2 * percent - 1, "Fleiss": 2 * percent - 1, "Cohen": 2 * percent - 1, "left": left / n, "longer": longer / unequal,
            "strength": STRENGTH, "position": LEFT, "length": LENGTH}


def drover(*words):
    ended = subprocess.run([BIN + "/drover", *words], capture_output=True, text=True, timeout=300)
    check(not ended.returncode, words, ended.stderr)
    return ended.stdout


def people_judge(server, draw, of):
    owner = Person(server, token=server.token)
    link = owner.ask("/api/admin/invite", {"role": "annotator", "label": "friend", "hours": 1})["link"]
    for person in (owner, Person(server, invite=link.split("#invite=")[1], name="friend")):
        while (offer := person.next())["offer"] == "given":
            left, right = (of[place["parts"][-1]["text"]] for place in offer["assignment"]["places"])
            person.judge(offer["assignment"], verdict="chosen", place=int(draw.random() >= left_wins(left, right)))
        check(offer["offer"] == "finished", offer)


def repeat(seed):
    """All intervals of one study: {figure: [(low, high)]}."""
    draw, rows, of = random.Random(1000 + seed), [], {}
    for i in range(ITEMS):
        pair = draw_pair(draw)
        texts = [f"{i}.{k} ".ljust(length, "x") for k, (_, length) in enumerate(pair)]
        of.update(zip(texts, pair))
        said = [[{"role": "user", "content": f"question {i}"}, {"role": "assistant", "content": text}] for text in texts]
        rows.append({"question_id": f"q{i}", "model_a": pair[0][0], "model_b": pair[1][0], "winner": "tie", "judge": "nobody", "turn": 1,
                     "conversation_a": said[0], "conversation_b": said[1]})
    with tempfile.TemporaryDirectory() as folder:
        store, votes = folder + "/prefs.db", folder + "/votes.jsonl"
        with open(votes, "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        drover("prefs", "create", store, "overlap=2", "gold_rate=0", "repeat_rate=0")
        drover("prefs", "import", store, votes, "verdicts=false")
        server = Server(BIN, None, 2, store=store)
        people_judge(server, draw, of)
        server.end()
        told = json.loads(drover("agreement", store, "json=-"))
        drover("prefs", "export", store, "format=arena", "output=" + votes)
        with open(votes) as file:
            rows = [json.loads(line) for line in file]
        check(len(rows) == 2 * ITEMS, len(rows), "votes")
        for row in rows:
            row["prompt"] = row["question_id"]
            row["x"] = {"characters": math.log(of[row["conversation_a"][-1]["content"]][1] / of[row["conversation_b"][-1]["content"]][1])}
        with open(votes, "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        ranked = json.loads(drover("rank", votes, "model=bradley-terry", "covariates=position,characters", "json=-"))
    return told, ranked


def intervals(told, ranked):
    ends = lambda one: (one["low"], one["high"])  # noqa: E731
    out = {"percent": [ends(told["percent"])], "alpha": [ends(told["krippendorff_alpha"])], "Fleiss": [ends(told["fleiss_kappa"])],
           "Cohen": [ends(told["cohen_kappa"]["pairs"][0]["kappa"])], "left": [ends(one["left"]) for one in told["by_annotator"]],
           "longer": [ends(one["longer"]) for one in told["by_annotator"]]}
    effects = {name: ends(one) for name, one in ranked["effects"].items()}
    out |= {"position": [effects["position"]], "length": [effects["characters"]], "strength": [(one["low"] - STRENGTH[one["name"]], one["high"] - STRENGTH[one["name"]]) for one in ranked["ranking"]]}
    return out


def main():
    true = truth() | {"strength": 0}
    held = {name: [] for name in true}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for told, ranked in pool.map(repeat, range(REPEATS)):
            for name, list_of in intervals(told, ranked).items():
                held[name] += [low is not None and low <= true[name] <= high for low, high in list_of]
    shares = {name: sum(of) / len(of) for name, of in held.items()}
    print(f"{REPEATS} repeats of {ITEMS} items and two people; how often a 95 % interval holds the truth")
    for name, share in shares.items():
        print(f"{name:<10} {'' if name == 'strength' else f'{true[name]:+.3f}':>8}   {share:.3f} of {len(held[name])}")
    check(REPEATS < 100 or min(shares.values()) >= 0.92, shares)
    print("ok")


main()

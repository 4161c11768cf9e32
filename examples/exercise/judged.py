#!/usr/bin/env python3
"""The answers that people compared, put before a model: what it prefers becomes pairs to train on, and rows beside theirs.
usage: judged.py VOTES.jsonl MODEL TEMPLATE FOLDER    VOTES: drover prefs export STORE format=arena
FOLDER/pairs.jsonl       what was asked: {"prompt", "a", "b"}, for `drover judge` and `drover eval bias`
FOLDER/preferences.jsonl what the model prefers, for the trainers
FOLDER/everybody.jsonl   its choices and people's, for `drover agreement … level=pairs judge=model`"""
import json
import os
import subprocess
import sys


def put(folder, name, rows):
    with open(os.path.join(folder, name), "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def main():
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    votes, model, template, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    items, rows = {}, []
    for line in open(votes):
        vote = json.loads(line)
        prompt, sides = vote["conversation_a"][:-1], [vote["conversation_a"][-1], vote["conversation_b"][-1]]
        # a vote's a is what stood left; an item's a is what its first vote had there
        item = items.setdefault(vote["question_id"], {"prompt": prompt, "a": sides[0]["content"], "b": sides[1]["content"]})
        turned = sides[0]["content"] != item["a"]
        value = {"model_a": "ab"[turned], "model_b": "ba"[turned], "tie": "tie"}.get(vote["winner"], "both_bad")
        rows.append({"item": vote["question_id"], "annotator": vote["judge"], "value": value, "why": vote.get("why", "plan"), "prompt": json.dumps(prompt),
                     "answer_a": item["a"], "answer_b": item["b"], **({"side": "right" if (value == "a") == turned else "left"} if value in "ab" else {})})
    put(folder, "pairs.jsonl", items.values())
    with open(os.path.join(folder, "pairs.jsonl")) as asked:
        said = subprocess.run(["drover", "judge", "--model", model, "--template", template], stdin=asked, stdout=subprocess.PIPE, text=True, check=True).stdout
    preferences = []
    for (name, item), line in zip(items.items(), said.splitlines(), strict=True):
        verdict = json.loads(line)["verdict"]
        rows.append({"item": name, "annotator": "model", "value": verdict, "prompt": json.dumps(item["prompt"]), "answer_a": item["a"], "answer_b": item["b"]})
        if verdict in ("a", "b"):
            chosen, rejected = (item["a"], item["b"]) if verdict == "a" else (item["b"], item["a"])
            preferences.append({"prompt": item["prompt"], "chosen": [{"role": "assistant", "content": chosen}], "rejected": [{"role": "assistant", "content": rejected}]})
    put(folder, "preferences.jsonl", preferences)
    put(folder, "everybody.jsonl", rows)
    print(f"{len(items)} items judged by {model}, {len(preferences)} of them decided: {folder}")


main()

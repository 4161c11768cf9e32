#!/usr/bin/env python3
"""What does a reward model learn from a few judgements? Each prompt in turn is left out, a model is trained on the others
and asked about it; beside it stand "the longer wins", a coin, and the other person.
usage: leave_one_out.py VOTES.jsonl MODEL [keys of `drover reward`]    VOTES: drover prefs export STORE format=arena"""
import collections
import json
import math
import os
import subprocess
import sys
import tempfile


def wilson(share, n, z=1.959964):
    """95 % of a share of n; n may not be whole where ties count one half."""
    middle, half = (share + z * z / 2 / n), z * math.sqrt(share * (1 - share) / n + z * z / 4 / n / n)
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def drover(*words, **how):
    ended = subprocess.run(["drover", *words], capture_output=True, text=True, **how)
    if ended.returncode:
        raise SystemExit(f"drover {words[0]}: {ended.stderr}")
    return ended.stdout


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


class Item:
    """Two answers to a prompt, and who chose which: 0 or 1. Ties choose nothing and are left out."""

    def __init__(self, vote):
        self.prompt, self.answers, self.said = vote["conversation_a"][:-1], [vote["conversation_a"][-1], vote["conversation_b"][-1]], {}

    def pairs(self):
        """A row for each answer that somebody chose, its weight the share of those who did."""
        said = list(self.said.values())
        return [{"prompt": self.prompt, "chosen": [self.answers[choice]], "rejected": [self.answers[1 - choice]], "weight": said.count(choice) / len(said)} for choice in sorted(set(said))]


def read(path):
    """Items by prompt. A vote's a and b are sides of the page: the first vote of an item says which answer is 0."""
    prompts, items = collections.defaultdict(list), {}
    for line in open(path):
        vote = json.loads(line)
        if vote.get("why", "plan") != "plan" or vote["winner"] not in ("model_a", "model_b"):
            continue
        if vote["question_id"] not in items:
            items[vote["question_id"]] = Item(vote)
            prompts[json.dumps(vote["conversation_a"][:-1])].append(items[vote["question_id"]])
        item = items[vote["question_id"]]
        chosen = vote["conversation_a" if vote["winner"] == "model_a" else "conversation_b"][-1]
        item.said[vote["judge"]] = item.answers.index(chosen)
    return prompts


def scores(prompts, left_out, model, keys):
    """Both answers' rewards of the items of one prompt, by a model that never saw it."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = os.path.join(folder, "pairs.jsonl")
        with open(pairs, "w") as file:
            file.write(lines(pair for prompt, items in prompts.items() if prompt != left_out for item in items for pair in item.pairs()))
        drover("reward", "model=" + model, "dataset=" + pairs, "output_dir=" + folder + "/rm", "disable_tqdm=true", "save_strategy=no", *keys)
        asked = lines({"prompt": item.prompt, "completion": [answer]} for item in prompts[left_out] for answer in item.answers)
        got = [json.loads(line)["score"] for line in drover("reward-score", "--model", folder + "/rm", input=asked).splitlines()]
    return list(zip(got[::2], got[1::2]))


def right(first, second, choice):
    """1 if what is higher was chosen, one half if neither is."""
    return 0.5 if first == second else float((second > first) == choice)


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    prompts = read(sys.argv[1])
    told = {"the reward model": [], "the longer wins": [], "the other person": []}
    try:
        for done, left_out in enumerate(prompts):
            print(f"\r{done} of {len(prompts)} prompts; Ctrl-C tells what is known by then", end="", file=sys.stderr)
            for item, reward in zip(prompts[left_out], scores(prompts, left_out, sys.argv[2], sys.argv[3:])):
                said, length = list(item.said.values()), [len(answer["content"]) for answer in item.answers]
                told["the reward model"].append(sum(right(*reward, choice) for choice in said) / len(said))
                told["the longer wins"].append(sum(right(*length, choice) for choice in said) / len(said))
                if len(said) > 1:
                    told["the other person"].append(sum(a == b for i, a in enumerate(said) for b in said[:i]) / (len(said) * (len(said) - 1) / 2))
    except KeyboardInterrupt:
        print(f"\n{done} of {len(prompts)} prompts were left out", file=sys.stderr)
    print("\r" + " " * 70 + "\r", end="", file=sys.stderr)
    print(f"{'right about a choice':<22} {'share':>6}   95 % (Wilson), an item counted once")
    for name, of in told.items():
        if of:
            share = sum(of) / len(of)
            print(f"{name:<22} {share:6.3f}   {wilson(share, len(of))[0]:.3f} .. {wilson(share, len(of))[1]:.3f}   {len(of)} items")
    print(f"{'a coin':<22} {0.5:6.3f}")


main()

#!/usr/bin/env python3
"""What the commands of docs/EXERCISE.md said, as its table "What was seen".
usage: exercise_seen.py OUT    OUT: the file `out` in the folder that DROVER_KEEP named (exercise.sh)"""
import re
import sys

FIGURE = r"([-+]?[0-9.]+)"


def found(text, pattern):
    got = re.search(pattern, text, re.M)
    if not got:
        raise SystemExit(f"{sys.argv[1]} has no {pattern}")
    return got.groups()


def row(words, value, low=None, high=None):
    print(f"| {words} | {value} | {low + ' .. ' + high if low else '–'} |")


def share(words, text, pattern):
    """A figure that was written in percent, as a share."""
    row(words, *(f"{float(one) / 100:.3f}" for one in found(text, pattern)))


def main():
    with open(sys.argv[1]) as file:
        text = file.read()
    print("| | | 95 % |\n|---|---|---|")
    row("two people choose the same", *found(text, rf"^percent +{FIGURE} +{FIGURE} \.\. {FIGURE}"))
    row("Krippendorff's α", *found(text, rf"^Krippendorff's alpha +{FIGURE} +{FIGURE} \.\. {FIGURE}"))
    for name, words in (("the reward model", "a choice that the reward model was not shown, it gets right"), ("the longer wins", "so does *the longer wins*"), ("the other person", "so does *the other person*")):
        row(words, *found(text, rf"^{name} +{FIGURE} +{FIGURE} \.\. {FIGURE}"))
    row("so does *a coin*", *found(text, rf"^a coin +{FIGURE}"))
    row("the judge takes the answer shown first", *found(text, rf"^first chosen +{FIGURE} \[{FIGURE}, {FIGURE}\]"))
    row("the judge takes the longer one", *found(text, rf"^longer chosen +{FIGURE} \[{FIGURE}, {FIGURE}\]"))
    row("may it stand for one of them", *found(text, r"replace one of these people\? ([a-z ]+)"))
    wins = text.split("win rate ")[1:]
    if len(wins) != 2:
        raise SystemExit(f"{sys.argv[1]} has {len(wins)} win rates, and not the judge's and the reward model's")
    for by, said in (("the judge", wins[0]), ("the reward model of people", wins[1])):
        share(f"the pupil wins, by {by}", "win rate " + said, rf"^win rate +{FIGURE} % \[{FIGURE}, {FIGURE}\]")
        share(f"… at equal length, by {by}", said, rf"^at equal length +{FIGURE} % \[{FIGURE}, {FIGURE}\]")
    row("the judge's verdicts on it that change with the order", *found(wins[0], r"^position +([0-9]+ of [0-9]+)"))
    row("mean length of the pupil's answers", "{} tokens, before {}".format(*found(wins[0], rf"^model's answers +mean {FIGURE}")[:1] + found(wins[0], rf"^baseline's answers +mean {FIGURE}")))


main()

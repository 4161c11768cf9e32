#!/usr/bin/env python3
"""Two people who judge what `drover annotate` shows, over HTTP: by a taste of length, a liking of the left, and chance.
usage: exercise_people.py LOG OUT [alone]    LOG: what the command says; OUT: what each said of which answers"""
import json
import math
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from annotate_stand import Person, check  # noqa: E402


class Page:
    """The server that a log is of."""

    def __init__(self, log, seconds=300):
        end, found = time.monotonic() + seconds, None
        while not found and time.monotonic() < end:
            time.sleep(0.05)
            with open(log) as file:
                found = re.search(r"^open (http)://([^/]+)/#token=(\w+)$", file.read(), re.M)
        check(found, "no address in", log)
        self.scheme, self.host, self.token = found.groups()
        self.port = int(self.host.split(":")[1])

    def address(self):
        return f"{self.scheme}://{self.host}/#token={self.token}"


def choice(draw, texts, left, longer):
    """The place that is chosen: P(left) = sigmoid(left + longer * log(length left / length right))."""
    odds = left + longer * math.log((len(texts[0]) + 1) / (len(texts[1]) + 1))
    return int(draw.random() >= 1 / (1 + math.exp(-odds)))


def judge_all(person, draw, left, longer):
    said = []
    while (offer := person.next())["offer"] == "given":
        texts = [place["parts"][-1]["text"] for place in offer["assignment"]["places"]]
        place = choice(draw, texts, left, longer)
        person.judge(offer["assignment"], verdict="chosen", place=place)
        said.append([json.dumps(offer["assignment"]["prompt"]) + min(texts) + max(texts), texts[place]])
    check(offer["offer"] == "finished", offer)
    return dict(said)


def main():
    page = Page(sys.argv[1])
    owner = Person(page, token=page.token)
    people = [owner]
    if sys.argv[3:] != ["alone"]:
        link = owner.ask("/api/admin/invite", {"role": "annotator", "label": "friend", "hours": 1})["link"]
        people.append(Person(page, invite=link.split("#invite=")[1], name="friend"))
    said = [judge_all(person, random.Random(seed), 0.5 * seed, 1.5) for seed, person in enumerate(people)]
    with open(sys.argv[2], "w") as file:
        json.dump(said, file)


if __name__ == "__main__":
    main()

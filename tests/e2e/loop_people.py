"""People who judge a run's pairs over HTTP, by what an answer is worth in the small world: P(a) = sigmoid(sharpness * (U(a) - U(b))).
They think for a while, take back one in `undo`, and some leave in the middle of an item without a word. A server that dies and
comes back at the same port they wait for, as a browser does: the same judgement is sent again under the same id."""
import http.client
import json
import math
import random
import subprocess
import threading
import time
import uuid

from annotate_stand import Person, check


class Worth:
    """utility of an answer, by a program that speaks of the world's own formula."""

    def __init__(self, program):
        self.lock = threading.Lock()
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def of(self, prompt, answer):
        with self.lock:
            self.process.stdin.write(json.dumps({"prompt": prompt, "answer": answer}) + "\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


class Human(threading.Thread):
    """think: from and to, times tempo() seconds; leaves: judgements after which it goes with an item in its hands, or None."""

    def __init__(self, person, worth, seed, think, tempo, undo=0.03, leaves=None, sharpness=2.0):
        super().__init__(daemon=True)
        self.person, self.worth, self.draw = person, worth, random.Random(seed)
        self.think, self.tempo, self.undo, self.leaves, self.sharpness = think, tempo, undo, leaves, sharpness
        self.going, self.saved, self.undone, self.waits, self.slowest = True, 0, 0, 0.0, 0.0
        self.trouble = None
        self.start()

    def insist(self, path, body):
        """Until the server answers; None: it says no, which is its right (a lease that is over, say)."""
        while self.going:
            begun = time.monotonic()
            try:
                status, data, _ = self.person.raw("POST", path, json.dumps(body))
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
                continue
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if status == 200:
                return json.loads(data)
            if status in (404, 409):
                return None
            check(status in (429, 500, 507), path, status, data[:200])
            time.sleep(0.2)
        return None

    def judge(self, item):
        prompt = item["prompt"]["parts"][-1]["text"]
        worth = [self.worth.of(prompt, place["parts"][-1]["text"]) for place in item["places"]]
        odds = self.sharpness * (worth[0] - worth[1])
        said = {"verdict": "tie"} if worth[0] == worth[1] else {
            "verdict": "chosen", "place": int(self.draw.random() >= 1 / (1 + math.exp(-odds)))}
        return self.insist("/api/judge", {"id": uuid.UUID(int=self.draw.getrandbits(128)).hex, "assignment": item["id"], "shown_ms": 900, **said})

    def run(self):
        try:
            while self.going:
                offer = self.insist("/api/next", {})
                if not offer or offer["offer"] != "given":
                    time.sleep(min(1, self.think[0] * self.tempo() / 4))
                    continue
                time.sleep(self.draw.uniform(*self.think) * self.tempo())
                if self.leaves is not None and self.saved >= self.leaves:
                    return  # with the item, and without a word
                if self.judge(offer["assignment"]):
                    self.saved += 1
                    if self.draw.random() < self.undo and self.insist("/api/undo", {"id": uuid.UUID(int=self.draw.getrandbits(128)).hex}):
                        self.undone += 1
        except BaseException as trouble:  # a person that a test lost is a fault of the test
            self.trouble = trouble
            raise


def invited(owner, server, n):
    """n people with links of their own."""
    people = []
    for i in range(n):
        link = owner.ask("/api/admin/invite", {"role": "annotator", "label": f"p{i}", "hours": 9})["link"]
        people.append(Person(server, invite=link.split("#invite=")[1], name=f"person {i}"))
    return people

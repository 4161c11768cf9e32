#!/usr/bin/env python3
"""A run that people judge, in a real browser: pairs of a real run come to the page while it learns, which says whose they are and looks
again by itself; the admin page shows how far the run is. usage: loop.py BIN_FOLDER [PICTURES]"""
import json
import os
import shutil
import sys
import tempfile

from browser import Browser, Keys  # says what is missing, first
from annotate_stand import Server, check
from fleet import BIN, Run, prepare

STEPS = 24


class Judged(Run):
    def start(self):
        self.process = self.spawn(
            "drover", "online-dpo", "model=sft", "reward_model_path=rm", "dataset=world/prompts.jsonl", f"output_dir={self.name}",
            f"max_steps={STEPS}", "per_device_train_batch_size=8", "max_new_tokens=24", "temperature=1", "gradient_checkpointing=false",
            "eval_prompts=0", "people.per_iteration=1", "people.max_age=4")


def judge(browser, n):
    """By the keyboard; what is shown next is another pair, or a page that waits."""
    last = None
    for i in range(n):
        last = browser.until("the next pair", lambda: browser.item() not in (None, last) and browser.item())
        browser.keys("12"[i % 2], Keys.ENTER)
        browser.saved()


def main():
    Browser.pictures = os.path.abspath(sys.argv[2]) if sys.argv[2:] else None
    os.chdir(tempfile.mkdtemp(prefix="drover-browser-loop-"))
    prepare()
    state = {}

    def act(run, now):
        if state or not os.path.exists(f"{run.name}/fleet.json"):
            return
        state["server"] = server = Server(BIN, None, 1, f"run={run.name}", store=os.path.abspath("people.db"))
        state["browser"] = browser = Browser()
        browser.open(server.address())
        browser.until("the first pair", lambda: browser.item())
        check(browser.text("#title").startswith("Answers of run "), browser.text("#title"))
        browser.picture("loop-item")
        judge(browser, 3)
        browser.open(f"http://{server.host}/admin")
        browser.until("the run's card", lambda: "is here" in browser.text("#fleet-words"))
        browser.until("judgements go back", lambda: "Judgements on their way\n0" in browser.text("#fleet-figures"))
        browser.picture("loop-admin")

    run = Judged("judged", act, limit=300)
    browser, server = state["browser"], state["server"]
    try:
        browser.until("it is over", lambda: "is over" in browser.text("#fleet-words") or "does not answer" in browser.text("#fleet-words"))
        browser.open(f"http://{server.host}/")
        for _ in range(STEPS):  # what is left is judged all the same, and then the page waits
            browser.until("a pair, or rest", lambda: browser.item() or not browser.js("return document.getElementById('rest').hidden"))
            if not browser.item():
                break
            last = browser.item()
            browser.keys("3", Keys.ENTER)
            browser.until("the next", lambda: browser.item() != last)
        browser.until("told that no more comes", lambda: "The run is over" in browser.text("#rest"))
        browser.picture("loop-rest")
        browser.quiet()
    finally:
        browser.end()
        server.end()
    with open(f"{run.name}/metrics.jsonl") as f:
        last = [json.loads(line) for line in f if "people/judged" in line][-1]
    check(last["people/judged"] >= 3, last)
    print(f"loop: {last['people/judged']:.0f} judgements of a browser came to the run, {last['people/trained']:.0f} of them it learnt")
    folder = os.getcwd()
    os.chdir("/")
    shutil.rmtree(folder)


main()

#!/usr/bin/env python3
"""The exercise's two people in a real browser: the owner by the keyboard alone, the friend, who comes by a link of the admin page,
by clicking. Both choose by a taste of length, a liking of the left, and chance. usage: people.py LOG OUT
DROVER_KEEP: the folder that pictures go to, if any."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from annotate_stand import check  # noqa: E402
from browser import Browser, By, Keys  # noqa: E402
from exercise_people import Page, choice  # noqa: E402

SHOWN = """if (document.getElementById('task').hidden) return null;
const raw = [...document.querySelectorAll('.place .body')].map((body) => body.querySelector('pre.raw'));
return raw.length == 2 && raw.every((one) => one) ? [document.getElementById('prompt').textContent, raw[0].textContent, raw[1].textContent] : null"""


def click(browser, where):
    browser.driver.find_element(By.CSS_SELECTOR, where).click()


def judge_all(browser, draw, left, by_keys):
    said, last = {}, None
    browser.until("an item", lambda: not browser.js("return document.getElementById('task').hidden"))
    browser.keys("r") if by_keys else click(browser, "#raw-button")  # the text as the model wrote it
    while True:
        seen = browser.until("the next item", lambda: browser.text("#rest").startswith("Everything is done") and "done" or browser.js(SHOWN) not in (None, last) and browser.js(SHOWN))
        if seen == "done":
            return said
        place = choice(draw, seen[1:], left, 1.5)
        if not said:
            browser.picture(f"judging-{'keys' if by_keys else 'phone'}")
        if by_keys:
            browser.keys("12"[place], Keys.ENTER)
        else:
            click(browser, f'#choices [data-key="{place + 1}"]')
            click(browser, "#next-button")
        said[seen[0] + min(seen[1:]) + max(seen[1:])] = seen[1 + place]
        last = seen


def main():
    page = Page(sys.argv[1])
    Browser.pictures = os.environ.get("DROVER_KEEP")
    owner, friend = Browser(), Browser(390, 844)
    try:
        owner.open(page.address())
        owner.until("an item", lambda: not owner.js("return document.getElementById('task').hidden"))
        owner.open(f"{page.scheme}://{page.host}/admin")
        owner.until("the admin page", lambda: "owner" in owner.text("#people") or owner.text("#people"))
        owner.js("document.querySelector('#invite-form button').focus()")
        owner.keys(Keys.ENTER)
        link = owner.until("a link", lambda: owner.js("return document.getElementById('invite-link').value"))
        friend.open(link)
        friend.until("the door", lambda: friend.js("return !document.getElementById('join-form').hidden"))
        friend.driver.find_element(By.CSS_SELECTOR, "#join-form input[name=name]").send_keys("friend")
        click(friend, "#join-form button")
        owner.open(f"{page.scheme}://{page.host}/")
        said = [judge_all(owner, random.Random(0), 0.0, True), judge_all(friend, random.Random(1), 0.5, False)]
        owner.quiet()
        friend.quiet()
    finally:
        owner.end()
        friend.end()
    check(said[0].keys() == said[1].keys(), len(said[0]), len(said[1]))
    with open(sys.argv[2], "w") as file:
        json.dump(said, file)


main()

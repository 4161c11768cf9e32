#!/usr/bin/env python3
"""The page of `drover annotate` in a real browser: keyboard alone through every mode, text of models that would act, drafts
and lost connections, undo, phone and desktop, light and dark. usage: annotate.py BIN_FOLDER [PICTURES]"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from annotate_stand import PAIRS, Person, Server, check  # noqa: E402
from browser import Browser, By, Keys  # noqa: E402

BIN = sys.argv[1]
PICTURES = sys.argv[2] if len(sys.argv) > 2 else None
Browser.pictures = PICTURES

LONG = "\n\n".join(f"Paragraph {i} of an answer that goes on and on, **with** words." for i in range(60))
EVIL = """Text first.

<script>document.title = 'owned'</script>
<img src=x onerror="document.title='owned'">
<a href="javascript:document.title='owned'">click</a> [click](javascript:document.title='owned') <svg/onload=document.title='owned'>
<iframe srcdoc="<script>parent.document.title='owned'</script>"></iframe><style>body{display:none}</style>
![x](https://tracker.invalid/pixel.png) <details ontoggle=document.title='owned' open>x</details>

```js
document.title = 'owned' // </code></pre><script>document.title='owned'</script>
```
"""
MODES = [
    {"key": "pair", "mode": "pair", "prompt": "How does **photosynthesis** work?", "candidates": ["Plants turn light, water and air into sugar.\n\n```python\nsugar = light + water\n```\n\n| in | out |\n|-|-|\n| light | sugar |", LONG]},
    {"key": "rank", "mode": "rank", "prompt": "A title for a book about bees?", "candidates": ["Bees", "The hum of the hive", "A book"]},
    {"key": "steps", "mode": "steps", "prompt": "12 * 13?", "candidates": [["12 * 10 = 120", "12 * 3 = 38", "120 + 38 = 158"]]},
    {"key": "trajectory", "mode": "trajectory", "prompt": "The weather in Bern?", "candidates": [
        [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": "{\"city\": \"Bern\"}"}}]}, {"role": "tool", "name": "weather", "content": "{\"t\": 4} <script>document.title='owned'</script>"}, {"role": "assistant", "content": "4 degrees."}],
        [{"role": "assistant", "content": "Sunny, I guess."}]]},
    {"key": "rewrite", "mode": "rewrite", "prompt": "Refuse politely.", "candidates": ["no"]},
]


def one_mode(key, browser):
    """A server of its own, since the items of a store come in an order that it draws."""
    server = Server(BIN, [item for item in MODES if item["key"] == key], 1, "strength=true", "criteria=[helpful]")
    browser.open(server.address())
    browser.until("an item", lambda: not browser.js("return document.getElementById('task').hidden"))
    check("token" not in browser.driver.current_url, "the token stays in the address:", browser.driver.current_url)
    return server


def judged(server):
    """What the store has, asked for by the owner in another browser."""
    owner = Person(server, token=server.address().split("token=")[1])
    return owner.ask("/api/admin/state")["progress"]["judged"]


TRAINED = {"pair": "reward", "rank": "reward", "steps": "prm", "trajectory": "reward", "rewrite": "sft"}


def train(folder, key, store):
    """What a page left is what the mode's trainer reads, with nothing between them."""
    model = os.path.join(folder, "world", "model")
    if not os.path.exists(model):
        subprocess.run([BIN + "/drover", "world", "make", "dir=" + os.path.join(folder, "world"), "layers=1", "width=32", "heads=2", "context=4096",
                        "demonstrations=8", "pairs=8", "train=8", "heldout=8"], capture_output=True, check=True)
    out = os.path.join(folder, key)
    ended = subprocess.run([BIN + "/drover", TRAINED[key], "model=" + model, "dataset=" + store, "output_dir=" + out, "chat_template_path=qwen2.5", "max_length=4096", "max_steps=2",
                            "per_device_train_batch_size=1", "save_strategy=no", "disable_tqdm=true"], capture_output=True, text=True)
    check(ended.returncode == 0 and os.path.exists(out + "/model/model.safetensors"), key, "does not train", TRAINED[key], ended.stderr)


def modes(browser):
    """Each by the keyboard alone, what it leaves in the store, and that this trains."""
    folder = tempfile.TemporaryDirectory()
    for key, keys, words in (("pair", ["?", Keys.ESCAPE, "2", "9", "d", "r", "d", "r", "2", Keys.ENTER], None), ("rank", ["2", "1", "3", Keys.ENTER], None),
                             ("steps", ["j", "j", Keys.ENTER], None), ("trajectory", ["1", Keys.ENTER], None), ("rewrite", ["e", "No, thank you. ", Keys.ESCAPE, Keys.ENTER], None)):
        server = one_mode(key, browser)
        browser.picture(key)
        browser.keys(*keys)
        browser.until(key + " is judged by keys", lambda: browser.text("#rest").startswith("Everything is done"))
        check(judged(server) == 1, key)
        browser.quiet()
        server.end()
        train(folder.name, key, server.store)


def hostile(browser):
    items = [{"mode": "pair", "prompt": EVIL, "candidates": [EVIL, [{"role": "assistant<script>", "content": EVIL}]]}]
    server = Server(BIN, items, 1)
    browser.open(server.address())
    browser.shown("<script>")
    for keys in (["r"], ["r"], ["d"]):
        browser.keys(*keys)
        time.sleep(0.2)
    for link in browser.driver.find_elements(By.CSS_SELECTOR, ".html a"):
        check(not (link.get_attribute("href") or "").lower().startswith("javascript"), link.get_attribute("outerHTML"))
    check(not browser.driver.find_elements(By.CSS_SELECTOR, ".html script, .html img, .html iframe, .html svg, .html style, .html details"), "an element of a model's")
    browser.quiet()
    browser.picture("hostile")
    server.end()


def drafts(browser):
    """A reload keeps what was chosen; a server that is gone keeps it waiting; two tabs; undo shows the same sides."""
    server = Server(BIN, PAIRS, 1)
    browser.open(server.address())
    browser.until("an item", browser.item)
    before = browser.item()
    browser.keys("1", "w", "because of <b>", Keys.ESCAPE)
    browser.driver.refresh()
    browser.until("the draft", lambda: browser.item() == before and browser.js("return document.querySelector('#choices [data-key=\"1\"]').getAttribute('aria-pressed')") == "true")
    check(browser.js("return document.getElementById('reason').value") == "because of <b>", "the reason of a draft")
    browser.keys(Keys.ENTER)
    browser.saved()
    second = browser.until("the next item", lambda: browser.item() not in (None, before) and browser.item())
    browser.keys("u")
    browser.until("undo", lambda: browser.item() == before)
    check(browser.js("return document.getElementById('reason').value") == "because of <b>", "undo forgets what was chosen")
    browser.keys(Keys.ENTER)
    browser.until("the next item again", lambda: browser.item() == second)
    # the server dies: what is chosen waits, a reload too, and is sent once it is back
    port = server.port
    server.end(signal.SIGKILL)
    browser.keys("2", Keys.ENTER)
    browser.until("it waits", lambda: "Not saved yet" in browser.text("#state"))
    browser.picture("waits")
    server.words = (f"listen=127.0.0.1:{port}",)
    server.start()
    browser.until("it was sent", lambda: browser.item() not in (None, second))
    owner = Person(server, token=server.token)
    check(owner.ask("/api/admin/state")["progress"]["judged"] == 2, "once each")
    # another tab judges the same item
    third = browser.item()
    owner.judge(owner.next()["assignment"])
    browser.keys("1", Keys.ENTER)
    browser.until("the next one", lambda: browser.item() not in (None, third))
    check(owner.ask("/api/admin/state")["progress"]["judged"] == 3, "two tabs")
    browser.quiet()
    server.end()


def team(phone):
    """Purpose before guidelines, also where one stands over the other; a reviewer decides what two people differ on, one after the other."""
    folder = tempfile.TemporaryDirectory()
    for name in ("purpose", "guideline"):
        with open(os.path.join(folder.name, name), "w") as file:
            file.write(f"# Of the {name}\n\nWords.")
    server = Server(BIN, PAIRS[:2], 2, *(f"{name}={folder.name}/{name}" for name in ("purpose", "guideline")))
    owner = Person(server, token=server.token)
    invite = [owner.ask("/api/admin/invite", {"role": role, "hours": 1, "label": ""})["link"].split("#invite=")[1] for role in ("annotator", "annotator", "reviewer")]
    for n in range(2):
        person = Person(server, invite=invite[n], name="abc"[n])
        while (offer := person.next())["offer"] == "given":
            texts = [place["parts"][-1]["text"] for place in offer["assignment"]["places"]]
            person.judge(offer["assignment"], verdict="chosen", place=texts.index(sorted(texts)[n]))
    phone.open(f"{server.scheme}://{server.host}/#invite={invite[2]}")
    phone.until("the door", lambda: phone.js("return !document.getElementById('join-form').hidden"))
    phone.driver.find_element(By.CSS_SELECTOR, "#join-form input[name=name]").send_keys("rita")
    phone.driver.find_element(By.CSS_SELECTOR, "#join-form button").click()
    phone.until("the purpose", lambda: "Of the purpose" in phone.text("#purpose"))
    phone.driver.find_element(By.ID, "begin-button").click()
    phone.until("the guidelines", lambda: "Of the guideline" in phone.text("#guide"))
    phone.driver.find_element(By.ID, "guide-close").click()
    phone.until("nothing to judge", lambda: phone.text("#rest").startswith("Everything is done"))
    phone.driver.find_element(By.ID, "rest-review").click()
    for left in (2, 1):
        phone.until("the queue", lambda: f"{left} item" in phone.text("#review-words"))
        phone.picture(f"review-{left}")
        phone.driver.find_element(By.CSS_SELECTOR, "#review-list button").click()
        phone.until("what people said", lambda: "What people said" in phone.text("#task"))
        phone.driver.find_element(By.CSS_SELECTOR, '#choices [data-key="1"]').click()
        phone.driver.find_element(By.ID, "next-button").click()
    phone.until("the empty queue", lambda: "Nothing waits" in phone.text("#review-words"))
    check(owner.ask("/api/admin/state")["progress"]["adjudicated"] == 2, "decided")
    check(owner.ask("/api/admin/guideline_text")["text"].startswith("# Of the guideline"), "the guidelines as they were written")
    phone.quiet()
    server.end()


def looks():
    """Stacked on a phone, beside one another on a desk; nothing wider than the screen; dark where the system is; 200 %."""
    for name, width, height, dark in (("desktop-light", 1280, 800, False), ("desktop-dark", 1280, 800, True), ("phone-light", 390, 844, False), ("phone-dark", 390, 844, True)):
        browser = Browser(width, height, dark)
        try:
            server = one_mode("pair", browser)
            boxes = browser.js("return [...document.querySelectorAll('.place')].map((p) => { const r = p.getBoundingClientRect(); return [r.left, r.top, r.right]; })")
            beside = boxes[0][0] != boxes[1][0] and boxes[0][1] == boxes[1][1]
            check(beside == (width > 600), name, boxes)
            check(browser.js("return document.documentElement.scrollWidth <= innerWidth"), name, "is wider than the screen")
            check(browser.js("const b = [...document.querySelectorAll('.body')].find((x) => x.innerText.includes('Paragraph 59')); return b.scrollHeight > b.clientHeight"), name, "a long answer does not scroll by itself")
            ground = browser.js("return getComputedStyle(document.body).backgroundColor")
            check((sum(int(part) for part in ground[4:-1].split(",")) < 300) == dark, name, ground)
            browser.keys("1")
            browser.picture(name)
            unnamed = browser.js("return [...document.querySelectorAll('button, input, select, textarea')].filter((e) => e.offsetParent && !(e.textContent.trim() || e.ariaLabel || (e.labels && e.labels.length))).map((e) => e.outerHTML)")
            check(not unnamed, "without a name for a screen reader:", unnamed)
            if name == "desktop-light":
                browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 640, "height": 400, "deviceScaleFactor": 2, "mobile": False})
                check(browser.js("return document.documentElement.scrollWidth <= innerWidth"), "200 % is wider than the screen")
                check(browser.js("return getComputedStyle(document.getElementById('answer')).position") == "static", "200 %: the choices stand over the answers")
                browser.picture("200-percent")
                browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 1000, "deviceScaleFactor": 1, "mobile": False})
                browser.js("document.getElementById('menu').open = true; document.getElementById('theme-button').click()")
                check(browser.js("return document.documentElement.dataset.theme") == "dark", "the button for dark")
                browser.open(browser.driver.current_url.split("#")[0] + "admin")
                browser.until("the admin page", lambda: "owner" in browser.text("#people"))
                browser.picture("admin")
                browser.quiet()
            server.end()
        finally:
            browser.end()


def main():
    if PICTURES:
        os.makedirs(PICTURES, exist_ok=True)
    browser = Browser()
    try:
        modes(browser)
        hostile(browser)
        drafts(browser)
    finally:
        browser.end()
    phone = Browser(390, 844)
    try:
        team(phone)
    finally:
        phone.end()
    looks()
    print("ok")


main()

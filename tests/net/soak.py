#!/usr/bin/env python3
"""A fleet that runs for long while workers come and go: memory and descriptors of every process stay where they were.

    soak.py BIN [key=value ...]      seconds=1800 for the real one

The fleet is that of `drover up` over ssh (standing.py), with a `drover metrics` at the head that is asked each second. Each `churn`
seconds a worker, a host's supervisor or a session of ssh is killed (and started again by drover), one worker leaves by SIGTERM, a
host's cable is out for a moment, or a watcher of the dashboard comes or goes. The head's supervisor, broker, learner, metrics and
all of the first host are left alone: these are judged. A process is flat when its medians of the last quarter are at most 5 % and
`slack` MB, and 3 descriptors, above those of the second quarter (the first is its warm-up: versions, buffers and arenas reach their
size). The journal is counted at the end, and `drover down` must leave nothing."""
import json, os, random, signal, statistics, sys, tempfile, time, urllib.request
from fleet import Watch, make_model
from net import Net
from standing import Standing

METRICS = "127.0.0.1:9464"
KEYS = {"seconds": "120", "churn": "4", "hosts": "3", "actors": "2", "answers": "16", "tokens": "48", "slots": "2", "cores": ".3",
        "rate": "100", "mb": "2", "seed": "1", "slack": "4", "overlap": "free:2", "folder": "", "each": "1"}


def keys_of(k, world):
    how, _, count = k["overlap"].partition(":")
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl",
            "rewards=[{name: length, rule: length, unit: characters, target: 40}]",
            "num_generations=4", "per_device_train_batch_size=4", f"gradient_accumulation_steps={int(k['answers']) // 4}",
            f"max_completion_length={k['tokens']}", "max_steps=1000000", "eval_prompts=0", "gradient_checkpointing=false",
            "learning_rate=1e-6", "beta=0.02", "save_steps=20", "overlap=none" if how == "none" else f"overlap.{how}={count}"]


class Churn:
    def __init__(self, fleet, k, calm):
        self.fleet, self.calm, self.random = fleet, calm, random.Random(k["seed"])
        self.k, self.next, self.later, self.watchers, self.count = k, 0.0, [], [], {}

    def did(self, what):
        self.count[what] = self.count.get(what, 0) + 1

    def act(self, now):
        for item in [x for x in self.later if now >= x[0]]:
            self.later.remove(item)
            item[1]()
        if now < self.next:
            return
        self.next = now + float(self.k["churn"]) * self.random.uniform(.5, 1.5)
        what = self.random.choice(("killed", "left", "cut", "watched"))
        able = [p for p in self.fleet.able() if p.host not in self.calm]
        workers = [p for p in able if p.role in ("actor", "rewarder")]
        if what == "killed" and able:
            victim = self.random.choice(able)
            victim.kill()
            self.did(f"{victim.role} killed")
        elif what == "left" and workers:
            self.random.choice(workers).signal(signal.SIGTERM)  # its supervisor starts another in its place
            self.did("worker left")
        elif what == "cut" and able:
            host = self.random.choice(able).host
            host.link(False)
            self.later.append((now + self.random.uniform(.2, 7), lambda: host.link(True)))
            self.did("cable out")
        elif what == "watched":
            if len(self.watchers) < 3:
                self.watchers.append(Watch(self.fleet.head, "tcp://127.0.0.1:5560", self.fleet.key("watcher")))
            else:
                self.watchers.pop(0).close()
            self.did("watcher")


def scrape():
    """Asks `drover metrics` each second, as Prometheus does; says how often it answered."""
    n = 0
    while True:
        try:
            with urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=5) as answer:
                n += b"drover_up 1" in answer.read()
        except OSError:
            pass
        print(n, flush=True)
        time.sleep(1)


def flat(rows, slack):
    """Of one process's (seconds, bytes, descriptors): the medians of each quarter, and whether second and last are alike."""
    quarter = len(rows) // 4
    parts = [rows[i * quarter:(i + 1) * quarter] for i in range(4)]
    size = [statistics.median(r[1] for r in part) / 1e6 for part in parts]
    files = [statistics.median(r[2] for r in part) for part in parts]
    return size, files, size[3] <= size[1] * 1.05 + slack and files[3] <= files[1] + 3


def main():
    k = dict(KEYS, bin=os.path.abspath(sys.argv[1]))
    for word in sys.argv[2:]:
        name, _, value = word.partition("=")
        if name not in k:
            raise SystemExit(f"no key {name}: {', '.join(KEYS)}")
        k[name] = value
    folder = os.path.abspath(k["folder"] or tempfile.mkdtemp(prefix="drover-soak-"))
    make_model(k["bin"], f"{folder}/world", float(k["mb"]))
    with Net() as net:
        rate, cores = float(k["rate"]) * 1e6 or None, float(k["cores"]) or None
        head, train = net.host("head", rate, rate), net.host("train", rate, rate)
        hosts = [net.host(f"h{i}", rate, rate, cores) for i in range(int(k["hosts"]))]
        entries = {h: {"actors": k["actors"], "rewarders": int(i < 2), "slots": k["slots"], "threads": 1} for i, h in enumerate(hosts)}
        with Standing(net, k["bin"], f"{folder}/fleet", head, entries) as fleet:
            fleet.wait(lambda: fleet.count_of("actor") == len(hosts) * int(k["actors"]), 300, "actors on all hosts")
            soak(k, fleet, train, hosts[0], f"{folder}/world")


def soak(k, fleet, train, quiet, world):
    learner = fleet.learner(train, "grpo", *keys_of(k, world))
    metrics = fleet.head.start([f"{k['bin']}/drover", "metrics", f"listen={METRICS}", "broker=tcp://127.0.0.1:5555",
                                f"key={fleet.key('watcher')}"], f"{fleet.where}/metrics.log")
    metrics.role = "metrics"
    scraper = fleet.head.start([sys.executable, os.path.abspath(__file__), "scrape"], f"{fleet.where}/scraped")
    calm = [fleet.up, learner, metrics, *(p for p in fleet.able() if p.role == "broker" or (p.host is quiet and p.role != "session"))]
    churn, rows, begin, last = Churn(fleet, k, (fleet.head, train, quiet)), {p: [] for p in calm}, time.monotonic(), 0.0
    while (now := time.monotonic() - begin) < float(k["seconds"]):
        if not fleet.tend():
            raise SystemExit(f"FAILED: the learner ended; {fleet.where}\n" + fleet.tails())
        churn.act(now)
        if now - last >= float(k["each"]):
            last = now
            for p in calm:
                size = p.footprint()
                if p.died is not None or not size:
                    raise SystemExit(f"FAILED: {p.role} on {p.host.name} died: {p.died}; {fleet.where}\n" + fleet.tails())
                rows[p].append((now, *size))
        time.sleep(.05)
    for _, undo in churn.later:
        undo()
    for watcher in churn.watchers:
        watcher.close()
    steps, status, counted = len(fleet.iterations()), learner.end(60), fleet.account()
    scraper.end()
    metrics.end()
    print(f"{k['seconds']} s, {steps} iterations, {json.dumps(churn.count)}; learner's status {status}; "
          f"{fleet.said(scraper).split()[-1]} scrapes")
    print(next(line for line in counted.splitlines() if line.startswith("in the journal")))
    bad = []
    for p in calm:
        size, files, good = flat(rows[p], float(k["slack"]))
        print(f"{p.role:10} {p.host.name:6}" + "".join(f"{x:8.1f}" for x in size) + " MB" + "".join(f"{x:5.0f}" for x in files)
              + " descriptors" + ("" if good else "  GREW"))
        bad += [] if good else [p.role]
    fleet.down()
    if bad or status or not steps:
        raise SystemExit(f"FAILED: grew: {bad}, status {status}; {fleet.where}")


if __name__ == "__main__":
    scrape() if sys.argv[1:] == ["scrape"] else main()

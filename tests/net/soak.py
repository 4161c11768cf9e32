#!/usr/bin/env python3
"""A fleet that runs for long while workers come and go: memory and descriptors of every process stay where they were.

    soak.py BIN [key=value ...]      seconds=1800 for the real one

Each `churn` seconds one worker is killed (and started again), one leaves by SIGTERM and another joins in its place, a host's cable
is out for a moment, or a watcher of the dashboard comes or goes. Broker, learner and one actor a host are left alone: these are
judged. A process is flat when its medians of the last quarter are at most 5 % and `slack` MB, and 3 descriptors, above those of
the second quarter (the first is its warm-up: versions, buffers and arenas reach their size). The journal is counted at the end."""
import json, os, random, signal, statistics, sys, tempfile, time
from fleet import Fleet, Watch, make_model
from net import Net

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
    def __init__(self, net, fleet, k, calm):
        self.net, self.fleet, self.calm, self.random = net, fleet, calm, random.Random(k["seed"])
        self.k, self.next, self.later, self.watchers, self.count = k, 0.0, [], [], {}

    def act(self, now):
        for item in [x for x in self.later if now >= x[0]]:
            self.later.remove(item)
            item[1]()
        if now < self.next:
            return
        self.next = now + float(self.k["churn"]) * self.random.uniform(.5, 1.5)
        what = self.random.choice(("killed", "left", "cut", "watched"))
        self.count[what] = self.count.get(what, 0) + 1
        workers = [p for p in self.fleet.kept if p.role in ("actor", "rewarder") and p not in self.calm and p.died is None]
        victim = self.random.choice(workers)
        if what == "killed":
            victim.kill()
        elif what == "left":
            victim.signal(signal.SIGTERM)  # tend() starts another in its place
        elif what == "cut":
            host = self.random.choice([p.host for p in workers])
            host.link(False)
            self.later.append((now + self.random.uniform(.2, 7), lambda: host.link(True)))
        elif len(self.watchers) < 3:
            self.watchers.append(Watch(self.fleet.head, "tcp://127.0.0.1:5560", self.fleet.key("watcher")))
        else:
            self.watchers.pop(0).close()


def flat(rows, slack):
    """Of one process's (seconds, bytes, descriptors): second and last quarter's medians, and whether they are alike."""
    quarter = len(rows) // 4
    early, late = rows[quarter:2 * quarter], rows[-quarter:]
    was, now = (statistics.median(r[1] for r in part) / 1e6 for part in (early, late))
    few, many = (statistics.median(r[2] for r in part) for part in (early, late))
    return was, now, few, many, now <= was * 1.05 + slack and many <= few + 3


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
        with Fleet(net, k["bin"], f"{folder}/fleet") as fleet:
            broker = fleet.broker(head)
            actors = [fleet.actor(h, "--slots", k["slots"], "--threads", "1") for h in hosts for _ in range(int(k["actors"]))]
            rewarders = [fleet.rewarder(h) for h in hosts[:2]]
            learner = fleet.learner(train, "grpo", *keys_of(k, f"{folder}/world"))
            calm = [broker, learner, *actors[::int(k["actors"])], rewarders[0]]
            churn, rows, begin, last = Churn(net, fleet, k, calm), {p: [] for p in calm}, time.monotonic(), 0.0
            while (now := time.monotonic() - begin) < float(k["seconds"]):
                if not fleet.tend():
                    raise SystemExit(f"FAILED: the learner ended; {folder}\n" + fleet.tails())
                churn.act(now)
                if now - last >= float(k["each"]):
                    last = now
                    for p in calm:
                        if p.died is not None:
                            raise SystemExit(f"FAILED: {p.role} on {p.host.name} died: {p.died}; {folder}\n" + fleet.tails())
                        rows[p].append((now, *p.footprint()))
                time.sleep(.05)
            for _, undo in churn.later:
                undo()
            steps = len(fleet.iterations())
            for watcher in churn.watchers:
                watcher.close()
            status = learner.end(60)
            counted = fleet.account()
            print(f"{k['seconds']} s, {steps} iterations, {json.dumps(churn.count)}; learner's status {status}")
            print(next(line for line in counted.splitlines() if line.startswith("in the journal")))
            bad = []
            for p in calm:
                was, now, few, many, good = flat(rows[p], float(k["slack"]))
                print(f"{p.role:9} {p.host.name:6} {was:8.1f} -> {now:8.1f} MB  {few:4.0f} -> {many:4.0f} descriptors" + ("" if good else "  GREW"))
                bad += [] if good else [p.role]
            if bad or status or not steps:
                raise SystemExit(f"FAILED: grew: {bad}, status {status}; {folder}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Kills, stops and cut cables over all roles and hosts, by a seed, and what of the run they change: nothing but its time.

    chaos.py BIN [key=value ...]

part=chaos: `events` events while one run goes on, at least that many, spread over its iterations by how far it is. Each picks one of
the processes (broker, learner, actors, rewarders alike) and kills it (SIGKILL; it is started again `backoff` seconds later), or stops
it, or pulls its host's cable, for .2 to 8 s. With up=1 the fleet is that of `drover up` over ssh (standing.py), so the supervisors of
head and hosts and ssh's sessions are among them, and who died is started again by drover. The run's hash must be that of the same run on one machine, and its journal is counted
again from its bytes: none lost, none twice. Recovery is the time from a kill to the next record in the journal; `known` is how long
the broker took to say that the peer was gone.

part=ettr: undisturbed and disturbed runs in turn, `rounds` times, `share` of all processes killed in each iteration, dealt so that the
broker and the learner are among them in proportion. ETTR = seconds of the undisturbed run / those of the disturbed one, from the first iteration's
end on, whose start is not what is asked about. The answers are short beside an iteration, as a batch is large beside a slot."""
import collections, json, os, random, re, signal, statistics, sys, tempfile, time
from fleet import Fleet, make_model, records, tool
from net import Net
from standing import Found, Standing

KEYS = {"part": "chaos", "events": "60", "seed": "1", "hosts": "4", "actors": "2", "rewarders": "2", "iterations": "30", "answers": "16",
        "tokens": "64", "slots": "2", "cores": ".3", "rate": "100", "mb": "1", "overlap": "none", "limit": "1800", "folder": "",
        "share": ".1", "rounds": "1", "longest": "8", "backoff": ".4", "kinds": "kill,kill,stop,cut", "roles": "", "save": "2",
        "up": "0", "dealt": "0"}


def keys_of(k, world):
    how, _, count = k["overlap"].partition(":")
    return [f"model={world}/model", f"dataset={world}/prompts.jsonl",
            "rewards=[{name: length, rule: length, unit: characters, target: 40}]",
            "num_generations=4", "per_device_train_batch_size=4", f"gradient_accumulation_steps={int(k['answers']) // 4}",
            f"max_completion_length={k['tokens']}", "stop_token=none", f"max_steps={k['iterations']}", "eval_prompts=4",
            "gradient_checkpointing=false", "learning_rate=1e-4", "beta=0.02", f"save_steps={k['save']}",
            "overlap=none" if how == "none" else f"overlap.{how}={count}"]


class Journal:
    """How many records are durable, read on from where it was."""

    def __init__(self, path):
        self.path, self.at, self.count = path, 8, 0

    def read(self):
        for _, _, self.at in records(self.path, self.at):
            self.count += 1
        return self.count


class Chaos:
    """Shown the clock by Fleet.finish; does what is due. `table`: rows (kind, role, known, recovered) of what was done."""

    def __init__(self, fleet, k, seed, kinds):
        self.fleet, self.k, self.random, self.kinds = fleet, k, random.Random(f"{seed}"), kinds
        self.journal = Journal(f"{fleet.run}/journal")
        self.later, self.next, self.table, self.waiting, self.said = [], 0.0, [], [], 0
        self.count = collections.Counter()

    def act(self, now):
        for item in [x for x in self.later if now >= x[0]]:
            self.later.remove(item)
            item[1]()
        self.watch(now)
        if now >= self.next and self.journal.count:
            self.one(now)
            self.next = now + self.gap(now)

    def gap(self, now):
        """So that the events come to their number as the run comes to its end."""
        done = len(self.fleet.iterations()) / int(self.k["iterations"])
        lacks = max(1, int(self.k["events"]) - len(self.table))
        left = now / done * (1 - done) if done > .03 else 2.0 * lacks  # at first nobody knows how long it will take
        return min(4.0, max(.25, self.random.expovariate(1) * left * .7 / lacks))

    def one(self, now, kind=None, victim=None):
        roles = self.k["roles"].split(",") if self.k["roles"] else None
        kind = kind or self.random.choice(self.kinds)
        able = [p for p in self.fleet.able() if not roles or p.role in roles]
        if not able or (victim and victim not in able):
            return
        victim, seconds = victim or self.random.choice(able), self.random.uniform(.2, float(self.k["longest"]))
        row = {"kind": kind, "role": victim.role, "at": now, "known": None, "back": None, "name": name_of(victim), "host": victim.host.name}
        if kind == "kill":
            victim.kill()
            self.waiting.append((row, self.journal.read()))
        elif kind == "stop":
            victim.signal(signal.SIGSTOP)
            self.later.append((now + seconds, lambda: victim.signal(signal.SIGCONT)))
        else:
            victim.host.link(False)
            self.later.append((now + seconds, lambda: victim.host.link(True)))
        self.table.append(row)
        self.count[kind, victim.role] += 1

    def watch(self, now):
        """Which of the dead the broker has named, and after which the journal grew again."""
        n = self.journal.read()
        with open(self.fleet.broker_log(), "rb") as f:
            f.seek(self.said)
            text = f.read()
        text = text[:text.rfind(b"\n") + 1]
        self.said += len(text)
        gone = set(re.findall(r"event=gone peer=(\S+) died=\d+ host=(\S*)", text.decode(errors="replace")))
        for row, before in list(self.waiting):
            if (row["name"], row["host"]) in gone and row["known"] is None:
                row["known"] = now - row["at"]
            if n > before and row["back"] is None:
                row["back"] = now - row["at"]
            if row["back"] is not None and (row["known"] is not None or now > row["at"] + 20):
                self.waiting.remove((row, before))


def name_of(process):
    if isinstance(process, Found):
        return process.name
    words = process.words
    return words[words.index("--name") + 1] if "--name" in words else process.role


def begin_up(net, k, world):
    """The same fleet by `drover up`, with its supervisors and ssh's sessions."""
    rate, cores = float(k["rate"]) * 1e6 or None, float(k["cores"]) or None
    head, train = (net.host(name, rate, rate, 1 if cores else None) for name in ("head", "train"))
    hosts = [net.host(f"h{i}", rate, rate, cores) for i in range(int(k["hosts"]))]
    rewarders = [sum(j % len(hosts) == i for j in range(int(k["rewarders"]))) for i in range(len(hosts))]
    fleet = Standing(net, k["bin"], os.path.join(k["folder"], "fleet"), head,
                     {h: {"actors": k["actors"], "rewarders": n, "slots": k["slots"], "threads": 1} for h, n in zip(hosts, rewarders)},
                     float(k["backoff"]))
    try:
        fleet.wait(lambda: fleet.count_of("actor") == len(hosts) * int(k["actors"]), 300, "actors on all hosts")
        fleet.learner(train, "grpo", *keys_of(k, world))
    except BaseException:
        fleet.__exit__()
        raise
    return fleet


def begin(net, k, world):
    """The fleet of a run, which begins."""
    if int(k["up"]):
        return begin_up(net, k, world)
    rate, cores = float(k["rate"]) * 1e6 or None, float(k["cores"]) or None
    head, train = (net.host(name, rate, rate, 1 if cores else None) for name in ("head", "train"))
    fleet = Fleet(net, k["bin"], os.path.join(k["folder"], "fleet"), float(k["backoff"]))
    fleet.broker(head)
    hosts = [net.host(f"h{i}", rate, rate, cores) for i in range(int(k["hosts"]))]
    for host in hosts:
        for _ in range(int(k["actors"])):
            fleet.actor(host, "--slots", k["slots"], "--threads", "1")
    for i in range(int(k["rewarders"])):
        fleet.rewarder(hosts[i % len(hosts)], "--name", f"r{i}")
    fleet.learner(train, "grpo", *keys_of(k, world))
    return fleet


def percentile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


def show(table):
    kills = [row for row in table if row["kind"] == "kill"]
    print(f"{'killed':10} {'n':>4}   known by the broker: p50, p90, most [s]    journal grows again: p50, p90, most [s]")
    for role in ("broker", "learner", "actor", "rewarder", "head", "supervisor", "session"):
        mine = [row for row in kills if row["role"] == role]
        if not mine:
            continue
        for_known, back = ([row[what] for row in mine if row[what] is not None] for what in ("known", "back"))
        print(f"{role:10} {len(mine):4}   " + "    ".join(
            "  ".join(f"{percentile(v, q):8.2f}" for q in (.5, .9, 1)) for v in (for_known, back)))


def chaos(k, world):
    tool(k["bin"], "drover", "grpo", *keys_of(k, world), f"output_dir={k['folder']}/alone", "fleet.actors=1",
         "overwrite_output_dir=true", cwd=k["folder"], limit=900)
    want = Fleet.hash_of(k["bin"], f"{k['folder']}/alone")
    with Net() as net, begin(net, k, world) as fleet:
        wild = Chaos(fleet, k, k["seed"], k["kinds"].split(","))
        seconds = fleet.finish(float(k["limit"]), wild.act, .05)
        for _, undo in wild.later:
            undo()
        counted = fleet.account()
        got = fleet.hash()
        if int(k["up"]):
            fleet.down()
        show(wild.table)
        print(f"{len(wild.table)} events in {seconds:.0f} s, seed {k['seed']}: "
              + ", ".join(f"{kind} {role} {n}" for (kind, role), n in sorted(wild.count.items())))
        print(next(line for line in counted.splitlines() if line.startswith("in the journal")))
        if got != want:
            raise SystemExit(f"FAILED: hash {got}, undisturbed {want}; {k['folder']}")
        if len(wild.table) < int(k["events"]):
            raise SystemExit(f"FAILED: only {len(wild.table)} events of {k['events']}: more iterations")
        print(f"hash {got[:16]}, as undisturbed on one machine")


class Deck:
    """All places of a fleet in random order, dealt again when all were: after so many kills each place had its own, the broker's and
    the learner's as every other's, however few kills a run has. A call with `dealt` goes on where another ended."""

    def __init__(self, seed, places, dealt):
        self.random, self.left = random.Random(f"{seed}/{dealt}"), []
        order = random.Random(f"{seed}")
        while len(self.left) <= dealt:
            self.left += order.sample(range(places), places)
        self.left, self.order, self.places = self.left[dealt:], order, places

    def deal(self):
        if not self.left:
            self.left = self.order.sample(range(self.places), self.places)
        return self.left.pop(0)


def timed(k, world, deck):
    """Seconds from the first iteration's end to the last's; `deck`: who is killed meanwhile, None: nobody."""
    with Net() as net, begin(net, k, world) as fleet:
        wild, marks, due = Chaos(fleet, k, k["seed"], ["kill"]), [], []
        places = list(fleet.kept)

        def act(now):
            steps = len(fleet.iterations())
            if steps > len(marks):
                marks.extend([now] * (steps - len(marks)))
                if deck and steps < int(k["iterations"]):
                    whole, part = divmod(len(places) * float(k["share"]), 1)
                    length = marks[-1] / len(marks) if len(marks) == 1 else (marks[-1] - marks[0]) / (len(marks) - 1)
                    due.extend((now + deck.random.uniform(0, .9 * length), places[deck.deal()])
                               for _ in range(int(whole) + (deck.random.random() < part)))
            wild.watch(now)
            for item in [x for x in due if now >= x[0] and x[1].died is None]:
                due.remove(item)
                wild.one(now, "kill", item[1])

        fleet.finish(float(k["limit"]), act, .05)
        fleet.account()
        return marks[-1] - marks[0], (marks[-1] - marks[0]) / (len(marks) - 1), wild.table, fleet.hash()


def ettr(k, world):
    if int(k["up"]):
        raise SystemExit("part=ettr takes up=0: who is killed is dealt from a fleet that this script starts")
    ratios, table, hashes = [], [], set()
    places = 2 + int(k["hosts"]) * int(k["actors"]) + int(k["rewarders"])
    deck = Deck(k["seed"], places, int(k["dealt"]))
    for i in range(int(k["rounds"])):
        took = {}
        for who in (None, deck)[::1 - 2 * ((i + int(k["dealt"])) % 2)]:  # who is first by turns
            took[who] = timed(k, world, who)
        (calm, each, _, one), (wild, slow, rows, two) = took[None], took[deck]
        ratios.append(calm / wild)
        table += rows
        hashes |= {one, two}
        print(json.dumps({"round": i, "undisturbed_s": round(calm, 1), "disturbed_s": round(wild, 1), "iteration_s": round(each, 1),
                          "disturbed_iteration_s": round(slow, 1), "ettr": round(calm / wild, 3),
                          "killed": dict(collections.Counter(r["role"] for r in rows))}), flush=True)
    show(table)
    print(f"ETTR {statistics.mean(ratios):.3f} over {len(ratios)} rounds, {len(table)} kills, {len(hashes)} hash")
    if len(hashes) != 1:
        raise SystemExit(f"FAILED: hashes differ: {hashes}")


def main():
    k = dict(KEYS, bin=os.path.abspath(sys.argv[1]))
    for word in sys.argv[2:]:
        name, _, value = word.partition("=")
        if name not in k:
            raise SystemExit(f"no key {name}: {', '.join(KEYS)}")
        k[name] = value
    k["folder"] = os.path.abspath(k["folder"] or tempfile.mkdtemp(prefix="drover-chaos-"))
    world = f"{k['folder']}/world"
    make_model(k["bin"], world, float(k["mb"]))
    (chaos if k["part"] == "chaos" else ettr)(k, world)


if __name__ == "__main__":
    main()

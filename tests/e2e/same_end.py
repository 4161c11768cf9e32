#!/usr/bin/env python3
"""A seeded PPO run ends in one weights hash, whatever happens on the way.

usage: same_end.py BIN_FOLDER [case ...]    no case: the short list; `all`: every case; `none.CASE`
                                            and `2.CASE` ask for one overlap only
Each case is a run of the same configuration on real processes; its weights hash must equal the
hash of a run of that length that nobody disturbed, and its journal must hold each sample once.
Random moments come from DROVER_E2E_SEED, which is printed; DROVER_E2E_COMPUTE is what runs compute in. Standard library only."""
import hashlib, json, os, random, re, shutil, signal, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
from fleet import ENV, SEED, SIZES, Folder, Run, Standing, Wired, accounting, hash_of, prepare, program

KILLS = int(os.environ.get("DROVER_E2E_KILLS", "10"))


# ---- kills at random moments

def killer(roles, every, most):
    """Each role `most` times; a run that ends before that does not show it."""
    state = {"next": 1.0}

    def act(run, now):
        left = [r for r in roles if run.done.get(r, 0) < most]
        if left and now >= state["next"]:
            state["next"] = now + every * run.random.uniform(0.5, 1.5)
            run.kill(run.random.choice(left))
    return act


def kills(name, roles, every, size="long", most=KILLS):
    def case(lag):
        run = Run(f"{name}-{lag}", killer(roles, every, most), size=size, lag=lag)
        short = [r for r in roles if run.done.get(r, 0) < most]
        if short and size == "long":
            run.fail(f"too short for {most} kills: {run.done}")
        return run
    return case


# ---- kills at chosen moments

def after_checkpoint(roles, most):
    """Kills when a checkpoint has just appeared, and every third time while one is being written."""
    def case(lag):
        state = {"seen": set(), "kills": 0}

        def act(run, now):
            files = run.folder.files("checkpoints")
            new = files - state["seen"]
            half = any(f.endswith(".tmp") for f in new) and state["kills"] % 3 == 2
            if state["kills"] < most and (half or any(f.endswith(".ckpt") for f in new)):
                for role in roles:
                    run.kill(role, role + (" while saving" if half else ""), every=role == "actor")
                state["kills"] += 1
            state["seen"] = files
        run = Run(f"ck-{'-'.join(roles)}-{lag}", act, size="long", lag=lag, pace=.0005)
        if state["kills"] < most:
            run.fail(f"too short for {most} kills: {run.done}")
        return run
    return case


def at_the_end(save_steps):
    """The learner dies at each stage between the last iteration and the end, one after the other."""
    stages = [("last STEP", lambda f, n: f.records(f.STEP) == n),
              ("again", lambda f, n: True),
              ("last checkpoint", lambda f, n: f"step-{n:010}.ckpt" in f.files("checkpoints")),
              ("after evaluation", lambda f, n: f.records(f.SAMPLE) >= n * 16 + 8),
              ("model being written", lambda f, n: any(x.startswith("model") for x in f.files("."))),
              ("model", lambda f, n: f.has("model/config.json")),
              ("END", lambda f, n: f.records(f.END) == 1),
              ("report", lambda f, n: f.has("report.html"))]

    def case(lag):
        state = {"stage": 0, "killed": set(), "since": 0}

        def act(run, now):
            while state["stage"] < len(stages):
                name, reached = stages[state["stage"]]
                alive = [p for p in run.pids("learner") if p not in state["killed"]]
                if not alive or not reached(run.folder, SIZES[run.size]):
                    break
                if name == "again":  # a random moment of the replay
                    state["since"] = state["since"] or now + run.random.uniform(.02, .4)
                    if now < state["since"]:
                        break
                state["stage"] += 1
                state["killed"].update(run.kill("learner", "at " + name))
        return Run(f"end{save_steps}-{lag}", act, lag=lag, extra=[f"save_steps={save_steps}"], pace=.0005)
    return case


# ---- a run that stop_if ends

def learnt(name):
    """Its metrics, but for what a clock says and a replay does not."""
    with open(f"{name}/metrics.jsonl") as f:
        return sorted(json.dumps({k: v for k, v in json.loads(line).items() if k not in ("epoch", "eps", "step_time")
                                  and not k.startswith(("drover_t", "drover_seconds_"))
                                  and not k.endswith(("_seconds", "_per_second", "_peak", "_acceptance_rate"))}) for line in f)


def halted():
    """The learner dies as soon as the end of training is durable, and twice behind it."""
    stages = [("HALT", lambda f: f.records(f.HALT) == 1), ("again", lambda f: True),
              ("after line", lambda f: f.has("metrics.jsonl") and any('"after"' in m for m in learnt(f.name)))]

    def case(lag):
        state = {"stage": 0, "killed": set()}

        def act(run, now):
            alive = [p for p in run.pids("learner") if p not in state["killed"]]
            if state["stage"] < len(stages) and alive and stages[state["stage"]][1](run.folder):
                state["killed"].update(run.kill("learner", "at " + stages[state["stage"]][0]))
                state["stage"] += 1

        def last(run):
            got, wanted = learnt(run.name), learnt(undisturbed("halt", lag).name)
            if got != wanted or len(got) != 5 or not any('"step": 3, "eval_phase": "after"' in m for m in got):
                run.fail(f"metrics {got}, undisturbed {wanted}")
            if run.folder.records(run.folder.STEP) != 2 or run.folder.records(run.folder.HALT) != 1:
                run.fail(f"records {run.folder.count}")
            if state["stage"] < 2:
                run.fail("too short for two kills")
        return Run(f"halt-{lag}", act, size="halt", lag=lag, pace=.0005, last=last)
    return case


# ---- connections

def cutter(names, every, most, hold=0):
    """Cuts one of the connections now and then; with `hold` it is silent for so long instead."""
    def case(lag):
        state = {"next": 0.2, "held": None, "n": 0}

        def act(run, now):
            if now < state["next"] or (state["n"] == most and not state["held"]):
                return
            if state["held"]:
                state["held"].say("pass")
                state["held"] = None
            else:
                name = run.random.choice(names)
                if hold:
                    run.did("held " + name)
                    state["held"] = run.proxy[name]
                run.proxy[name].say("hold" if hold else "cut")
                state["n"] += 1
            state["next"] = now + (hold if state["held"] else every * run.random.uniform(0.5, 1.5))
        run = Standing(f"{'hold' if hold else 'cut'}-{'-'.join(names)[:40]}-{lag}", act, size="long", lag=lag, pace=.02)
        if state["n"] < most:
            run.fail(f"too short for {most}: {run.done}")
        return run
    return case


LINKS = ["actor", "actor-bulk", "rewarder", "rewarder-bulk", "learner", "learner-bulk"]


# ---- a stopped learner beside its replacement

def digest(folder):
    """Every file's bytes as a hash."""
    found = {}
    for path, _, files in os.walk(folder):
        for f in files:
            with open(os.path.join(path, f), "rb") as one:
                found[os.path.join(path, f)] = hashlib.sha256(one.read()).hexdigest()
    return found


def replaced(folder, wakes):
    """The learner stands still at a random moment; another one takes the run over. The first goes on
    while the other works (`wakes` "early") or after its end ("late"): it must end by itself, say why,
    and change nothing.

    folder "copy": the replacement works on a copy, as on another machine. "same": in the folder itself
    after its .lock was removed, as an operator may do it; while the lock stands it is refused."""
    def case(lag):
        state = {"old": None, "steps": 0}

        def stop_and_replace(run):
            state["old"] = run.process
            os.kill(run.process.pid, signal.SIGSTOP)
            if run.learner(run.name).wait(60) != 1:
                run.fail("two learners in one folder")
            run.did("refused beside the first")
            if folder == "copy":
                shutil.copytree(run.name, run.name + "-copy")
                run.name += "-copy"
            else:
                os.remove(f"{run.name}/.lock")
            run.folder, run.process = Folder(run.name), run.learner(run.name)

        def wake(run):
            os.kill(state["old"].pid, signal.SIGCONT)
            if state["old"].wait(30) != 1:
                run.fail(f"the old learner ended with status {state['old'].returncode}")
            with open(run.log.name, errors="replace") as f:
                words = [x for x in f if "a later start of this run" in x or "another process's now" in x]
            if not words:
                run.fail("the old learner did not say why it ended")
            run.did("woke " + wakes + (", fenced by the broker" if "later start" in words[-1] else ", by the folder"))

        def act(run, now):
            steps = run.folder.records(run.folder.STEP)
            if not state["old"] and steps >= 3 and now >= state["when"]:
                state["steps"] = steps
                stop_and_replace(run)
            elif state["old"] and wakes == "early" and steps >= state["steps"] + 4 and len(run.done) == 1:
                wake(run)

        def last(run):
            if wakes == "late":
                before = digest(run.name)
                wake(run)
                if digest(run.name) != before:
                    run.fail("the old learner changed the folder")
            elif len(run.done) == 1:
                run.fail("too short")

        state["when"] = random.Random(f"{SEED}/{folder}/{wakes}/{lag}").uniform(0, 4)
        run = Standing(f"stopped-{folder}-{wakes}-{lag}", act, size="long", lag=lag, last=last, proxies=False, pace=.01)
        return run
    return case


# ---- guesses

def guesses(act=None, **keys):
    """Actors that decode one answer at a time, where guessing pays: they guess, and some of it is right."""
    def case(lag):
        def last(run):
            with open(f"{run.name}/metrics.jsonl") as f:
                right = [json.loads(line).get("drover_draft_acceptance_rate") for line in f]
            right = [r for r in right if r is not None]
            with open(run.log.name, errors="replace") as f:  # what a killed learner did not live to write is in the last lines
                told = [int(percent) / 100 for percent in re.findall(r"(\d+) % of \d+ guesses right", f.read())]
            if not any(r > 0 for r in (told if act else right)) or not all(0 <= r <= 1 for r in right):
                run.fail(f"shares of guesses that were right: {right}, at the end {told}")
        extra = ["fleet.slots=1", *(f"{k}={v}" for k, v in keys.items())]
        name = "guess-" + "-".join(keys.values()) + ("-kill" if act else "") + f"-{lag}"
        return Run(name, act() if act else None, lag=lag, extra=extra, last=last)
    return case


# ---- the table

def scaler(orders):
    """(after how many iterations, how many actors)"""
    left = list(orders)

    def act(run, now):
        if left and run.folder.records(run.folder.STEP) >= left[0][0]:
            n = left.pop(0)[1]
            subprocess.run([program("drover"), "scale", f"actors={n}", f"run={run.name}"], env=ENV,
                           stdout=run.log, stderr=run.log)
            run.did(f"scale to {n}")
    return act


def isas():
    with open("/proc/cpuinfo") as f:
        flags = f.read()
    if "avx512dq" not in flags:
        print("not shown: avx512 (this CPU has none); avx2 beside scalar instead")
        return "avx2,scalar"
    return "avx2,avx512"


ROLES = ["actor", "rewarder", "broker", "learner"]
CASES = {
    "one-actor": lambda lag: Run(f"one-{lag}", lag=lag, extra=["fleet.actors=1"]),
    "wire": lambda lag: Wired(f"wire-{lag}", lag=lag),
    "two-actors": lambda lag: Run(f"two-{lag}", lag=lag),
    "five-actors": lambda lag: Run(f"five-{lag}", lag=lag, extra=["fleet.actors=5"]),
    "scale": lambda lag: Run(f"scale-{lag}", scaler([(10, 5), (30, 1)]), size="long", lag=lag),
    "mixed-isa": lambda lag: Run(f"isa-{lag}", lag=lag, extra=["fleet.actors=2", "fleet.actor_isa=" + isas()]),
    "kill-actor": kills("ka", ["actor"], .7),
    "kill-rewarder": kills("kr", ["rewarder"], .7),
    "kill-broker": kills("kb", ["broker"], 1.0),
    "kill-learner": kills("kl", ["learner"], 1.2),
    "kill-all": kills("kx", ROLES, .5),
    "kill-few": kills("kf", ROLES, 1.0, size="short", most=3),
    "guesses": guesses(earlier_answers="true"),
    "guesses-without": guesses(earlier_answers="false"),
    "guesses-kill": guesses(lambda: killer(ROLES, 1.0, 1), earlier_answers="true"),
    "checkpoint": after_checkpoint(["learner"], 10),
    "checkpoint-actors": after_checkpoint(["learner", "actor"], 10),
    "halt": halted(),
    "end-3": at_the_end(3),
    "end-5": at_the_end(5),
    "end-7": at_the_end(7),
    **{"cut-" + name: cutter([name], .5, 12) for name in LINKS},
    "cut-any": cutter(LINKS, .3, 40),
    "hold-any": cutter(LINKS, 1, 4, hold=7),
    "stopped-copy": replaced("copy", "late"),
    "stopped-copy-early": replaced("copy", "early"),
    "stopped-same": replaced("same", "late"),
    "stopped-same-early": replaced("same", "early"),
}
SHORT = ["one-actor", "wire", "kill-few", "guesses", "guesses-kill", "end-5", "halt"]


def asked_for(words):
    names = SHORT if not words else list(CASES) if words == ["all"] else words
    for lag in ["none", "2"]:
        for name in names:
            only, _, rest = name.partition(".")
            if not rest or only == lag:
                yield lag, rest or name


PLAIN = {}


def undisturbed(size, lag):
    if (lag, size) not in PLAIN:
        PLAIN[lag, size] = Run(f"plain-{size}-{lag}", size=size, lag=lag)
        accounting(PLAIN[lag, size])
    return PLAIN[lag, size]


def main():
    folder = tempfile.mkdtemp(prefix="drover-e2e-")
    os.chdir(folder)
    print(f"seed {SEED}, in {folder}", flush=True)
    prepare()
    bad = 0
    for lag, case in asked_for(sys.argv[2:]):
        begin = time.monotonic()
        try:
            run = CASES[case](lag)
            accounting(run)
        except SystemExit as end:
            bad += 1
            print(f"overlap {lag:4} {case:18} FAILED {end}", flush=True)
            continue
        took, got = time.monotonic() - begin, hash_of(run.name)
        same = got == hash_of(undisturbed(run.size, lag).name)
        bad += not same
        done = "".join(f"  {n} {what}" for what, n in run.done.items())
        print(f"overlap {lag:4} {case:18} {run.size:5} {got[:16]} {'same' if same else 'DIFFERENT'} {took:5.1f} s{done}",
              flush=True)
    if bad:
        raise SystemExit(f"{bad} runs failed or ended elsewhere; logs in {folder}")
    shutil.rmtree(folder)


main()

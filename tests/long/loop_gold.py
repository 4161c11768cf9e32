#!/usr/bin/env python3
"""Is a run that people judge the better one? The same runs of online-dpo in the small world, seed by seed, with 12 people beside its
reward model and without, after equally many updates: the hidden utility of what each answers to the same questions that nobody
trained on. The reward model is a weak one (tests/e2e/fleet.py: 300 pairs, 15 steps), the people's taste is the world's. Beside
them the run alone with as many pairs more an update as the people's run learnt: that it is not the number of pairs.

usage: loop_gold.py BIN_FOLDER [SEEDS] [STEPS] [BATCH]      a line a seed, then the mean difference with Student's 95 % interval"""
import json, math, os, statistics, subprocess, sys, tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
seeds, steps, batch = (int(word) for word in (sys.argv[2:] + ["8", "40", "16"][len(sys.argv) - 2:]))
sys.argv[2:] = []
from fleet import ENV, prepare, program, tool  # noqa: E402
from loop import Loop, Page, read, AGE  # noqa: E402

STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 11: 2.201, 15: 2.131, 19: 2.093}
QUESTIONS = 200


def with_people(name, plan):
    """The run, and how much of what people said it learnt."""
    state = {"page": None}

    def act(run, now):
        if not state["page"] and os.path.exists(f"{run.name}/fleet.json"):
            state["page"] = Page(run, plan["seed"], (.1, .5), 0, 0)
        if state["page"]:
            state["page"].keep_time(now)
    run = Loop(name, True, plan, act=act)
    state["page"].end()
    pairs, judged, learnt, *_ , bad = read(f"{name}/journal", AGE)
    if bad:
        run.fail(bad[:5])
    return len(pairs), len(judged), len(learnt)


def answers(name):
    with open("questions.jsonl") as asked, open(f"{name}.answers", "w") as out:
        subprocess.run([program("drover"), "generate", f"model={name}", "temperature=1", "max_new_tokens=40", "seed=7"], stdin=asked,
                       stdout=out, stderr=subprocess.DEVNULL, check=True, env=ENV)


def worth(name):
    answers(name)
    tool("drover", "world", "judge", "prompts=questions.jsonl", "before=sft.answers", f"after={name}.answers", "json=judged.json", "show=0")
    with open("judged.json") as f:
        return json.load(f)["utility_after"]


def told(what, differences):
    mean = statistics.mean(differences)
    half = STUDENT[seeds - 1] * statistics.stdev(differences) / math.sqrt(seeds)
    print(f"{what}: {mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]")


def main():
    os.chdir(tempfile.mkdtemp(prefix="drover-gold-"))
    prepare()
    tool("drover", "world", "make", "dir=asked", "layers=1", "width=16", "heads=1", "demonstrations=1", "pairs=1", "train=96",
         f"heldout={QUESTIONS}")  # the same shuffle: behind the 96 that are trained on
    os.rename("asked/heldout.jsonl", "questions.jsonl")
    answers("sft")
    print(f"{seeds} seeds, {steps} updates of {batch} pairs; before any of them: utility {worth('sft'):+.3f}")
    over_alone, over_wide = [], []
    for seed in range(1, seeds + 1):
        plan = {"steps": steps, "batch": batch, "seed": seed}
        pairs, judged, learnt = with_people(f"people-{seed}", plan)
        Loop(f"alone-{seed}", False, plan)
        Loop(f"wide-{seed}", False, plan | {"batch": batch + round(learnt / steps)})
        people, alone, wide = (worth(f"{name}-{seed}") for name in ("people", "alone", "wide"))
        over_alone.append(people - alone)
        over_wide.append(people - wide)
        print(f"seed {seed}: utility {people:+.3f} with people ({pairs} pairs, {judged} judged, {learnt} learnt), {alone:+.3f} alone, "
              f"{wide:+.3f} alone with {round(learnt / steps)} pairs more", flush=True)
    told("people over alone", over_alone)
    told("people over as many pairs alone", over_wide)


main()

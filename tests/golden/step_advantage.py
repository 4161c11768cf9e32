"""Advantages of answers whose steps have rewards of their own -> step_advantage.inc, for tests/learner/test_credit_steps.c.

    python tests/golden/step_advantage.py > tests/golden/step_advantage.inc      (standard library)

Written from the papers, token by token and without the C's order of things: group-relative advantages with process
supervision (Shao et al. 2024, arXiv:2402.03300, 4.1.1 and 4.1.3) and REINFORCE++ (Hu 2025, arXiv:2501.03262). Answers
have 0 to 4 steps; some tokens are not the policy's, and a step that ends at one counts with the outcome.
"""
import random
from statistics import mean, stdev

EACH, GROUPS, LONGEST = 4, 3, 9
CASES = [("grpo", "group", 1, 0), ("grpo", "group", .3, .05), ("grpo", "batch", 2, 0), ("grpo", "none", 7, .05),
         ("reinforce", False, .9, 0), ("reinforce", True, 1, 0), ("reinforce", True, .8, .05)]
rng = random.Random(11)


def answer():
    n = rng.randint(2, LONGEST)
    step = {t: rng.randint(-64, 64) / 64 for t in rng.sample(range(n), rng.randint(0, min(4, n)))}
    mask = [rng.random() < .85 for _ in range(n)]
    mask[rng.randrange(n)] = True
    return dict(n=n, step=step, mask=mask, outcome=rng.randint(0, 4) / 2,
                behaviour=[-rng.randint(1, 128) / 64 for _ in range(n)],
                reference=[-rng.randint(1, 128) / 64 for _ in range(n)])


def deviation(values):
    return stdev(values) if len(values) > 1 else 0


def mine(a):
    """Steps that end at the policy's own tokens, and the rest of the score."""
    steps = {t: r for t, r in a["step"].items() if a["mask"][t]}
    return steps, a["outcome"] + sum(r for t, r in a["step"].items() if t not in steps)


def price(a, t):
    return a["behaviour"][t] - a["reference"][t] if a["mask"][t] else 0


def grpo(groups, scale, share, beta):
    def outcome(a):
        return mine(a)[1] - beta * sum(price(a, t) for t in range(a["n"]))

    centred = [r - mean(x for b in g for x in mine(b)[0].values()) for g in groups for a in g for r in mine(a)[0].values()]
    every = [outcome(a) for g in groups for a in g]
    for g in groups:
        ends = [outcome(a) for a in g]
        steps = [r for a in g for r in mine(a)[0].values()]
        by = {"group": deviation(ends) + 1e-4, "batch": deviation(every) + 1e-4, "none": 1}[scale]
        # the pooled deviation is about the groups' own means, which add up to nothing
        step_by = {"group": deviation(steps) + 1e-4, "batch": deviation(centred) + 1e-4, "none": 1}[scale]
        for a in g:
            for t in range(a["n"]):
                to_come = [(r - mean(steps)) / step_by for end, r in mine(a)[0].items() if end >= t]
                A = (outcome(a) - mean(ends)) / by + (1 if scale == "none" else share) * sum(to_come)
                yield A if a["mask"][t] else 0


def reinforce(groups, baseline, gamma, beta):
    raw = []
    for g in groups:
        steps = [r for a in g for r in mine(a)[0].values()]
        off = (mean(mine(a)[1] for a in g), mean(steps)) if baseline else (0, 0)
        for a in g:
            own = [t for t in range(a["n"]) if a["mask"][t]]
            for t in range(a["n"]):
                if t not in own:
                    raw.append(None)
                    continue
                to_come, far = 0, 0
                for u in own:
                    if u < t:
                        continue
                    r = -beta * price(a, u) + (mine(a)[0][u] - off[1] if u in mine(a)[0] else 0)
                    r += mine(a)[1] - off[0] if u == own[-1] else 0
                    to_come += gamma ** far * r
                    far += 1
                raw.append(to_come)
    some = [x for x in raw if x is not None]
    for x in raw:
        yield 0 if x is None else (x - mean(some)) / (stdev(some) ** 2 + 1e-8) ** .5


def c(values):
    return "{" + ", ".join("%.9g" % v for v in values) + "}"


groups = [[answer() for _ in range(EACH)] for _ in range(GROUPS)]
answers = [a for g in groups for a in g]
tokens = sum(a["n"] for a in answers)
print("/* Made by step_advantage.py. */\n")
print("enum { STEP_EACH = %d, STEP_ANSWERS = %d, STEP_LONGEST = %d, STEP_TOKENS = %d, STEP_CASES = %d, NO_STEP = 99 };" % (
    EACH, len(answers), LONGEST, tokens, len(CASES)))
print("static const struct {\n    int n;\n    double score;\n    float dense[STEP_LONGEST], behaviour[STEP_LONGEST], "
      "reference[STEP_LONGEST];\n    unsigned char mask[STEP_LONGEST];\n} step_answer[] = {")
for a in answers:
    print("    {%d, %.9g, %s,\n     %s,\n     %s,\n     %s}," % (
        a["n"], a["outcome"] + sum(a["step"].values()), c(a["step"].get(t, 99) for t in range(a["n"])), c(a["behaviour"]),
        c(a["reference"]), c(a["mask"])))
print("};\nstatic const struct {\n    int reinforce, scale, baseline;\n    double share, gamma, beta, advantage[STEP_TOKENS];\n"
      "} step_case[] = {")
for method, how, x, beta in CASES:
    if method == "grpo":
        print("    {0, %d, 0, %.9g, 1, %.9g,\n     %s}," % (["group", "batch", "none"].index(how), x, beta,
                                                         c(grpo(groups, how, x, beta))))
    else:
        print("    {1, 0, %d, 1, %.9g, %.9g,\n     %s}," % (how, x, beta, c(reinforce(groups, how, x, beta))))
print("};")

"""TRL's own advantages of normalize_then_sum -> group_parts.inc, for tests/learner/test_shape.c.

    python tests/golden/group_parts.py > tests/golden/group_parts.inc      (trl 1.16.0)

The lines of GRPOTrainer._generate_and_score_completions from the aggregation of rewards to the advantages run as
they stand on given rewards. What shapes a score is a reward function here: TRL's own get_soft_overlong_punishment
with weight 1, and -1 for an answer that did not end, with missing_eos_penalty as its weight.
"""
import inspect
import textwrap
import types

import torch
from trl.rewards import get_soft_overlong_punishment
from trl.trainer.grpo_trainer import GRPOTrainer, nanstd

torch.set_default_dtype(torch.float64)
source = inspect.getsource(GRPOTrainer._generate_and_score_completions)
lines = source[source.index("        unscorable_mask ="):source.index("        # Slice to keep only the local part")]
code = compile(textwrap.dedent(lines), "grpo_trainer.py", "exec")

LENGTHS, ENDED = [2, 4, 1, 3, 4, 2], [True, False, True, True, True, False]
PARTS = [[1., 3, 3, .5, -1, 0], [.2, .2, .9, .1, .7, .7]]
WEIGHTS = [1., .5]


def advantages(penalty, most, cache):
    parts, weights = list(PARTS), list(WEIGHTS)
    if penalty:
        parts, weights = parts + [[-float(not e) for e in ENDED]], weights + [penalty]
    if cache:
        punish = get_soft_overlong_punishment(max_completion_len=most, soft_punish_cache=cache)
        parts, weights = parts + [punish([[0] * n for n in LENGTHS])], weights + [1.]
    self = types.SimpleNamespace(reward_weights=torch.tensor(weights), reward_funcs=[None] * len(parts),
                                 multi_objective_aggregation="normalize_then_sum", scale_rewards="group",
                                 model=types.SimpleNamespace(training=True), num_generations=3)
    scope = dict(self=self, torch=torch, nanstd=nanstd, device="cpu", num_generations=3,
                 rewards_per_func=torch.tensor(parts).T.contiguous())
    exec(code, scope)
    return scope["advantages"].tolist()


print("/* Made by group_parts.py. */")
print("static const struct { double penalty; int most, cache; double want[6]; } parts_golden[] = {")
for case in [(0., 0, 0), (.7, 0, 0), (0., 4, 3), (.7, 4, 3)]:
    print("    {%g, %d, %d, {%s}}," % (*case, ", ".join("%.12g" % a for a in advantages(*case))))
print("};")

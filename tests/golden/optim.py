"""Golden numbers of torch's AdamW and clip, and of transformers' schedules -> optim.inc.

    python tests/golden/optim.py > tests/golden/optim.inc       (torch 2.13, transformers 5)
"""
import math

import numpy as np
import torch
from transformers.optimization import get_scheduler

from formula import fill

N = 37
print("/* Made by tests/golden/optim.py: torch %s. */" % torch.__version__)
print("#include <math.h>")


def array(name, values, kind="double"):
    print("static const %s %s[] = {" % (kind, name))
    values = list(values)
    for i in range(0, len(values), 4):
        print("    " + " ".join("%.17g," % v for v in values[i : i + 4]))
    print("};")


a = torch.tensor(fill(N, 1, 1.0), requires_grad=True)  # decays
b = torch.tensor(fill(N, 2, 1.0), requires_grad=True)  # does not
opt = torch.optim.AdamW(
    [{"params": [a], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}],
    lr=1e-2, betas=(0.9, 0.95), eps=1e-6, foreach=False,
)
norms = []
for t in range(1, 8):
    a.grad = torch.tensor(fill(N, 10 * t, 0.3))
    b.grad = torch.tensor(fill(N, 10 * t + 1, 0.3))
    norms.append(float(torch.nn.utils.clip_grad_norm_([a, b], 1.0)))
    for group in opt.param_groups:
        group["lr"] = 1e-2 / t
    opt.step()
array("adamw_a", a.detach().double().tolist())
array("adamw_b", b.detach().double().tolist())
array("adamw_norm", norms)

WARM, TOTAL, PEAK = 7, 40, 3e-4
CASES = [
    ("linear", {}), ("cosine", {}), ("constant", {}), ("constant_with_warmup", {}),
    ("cosine_with_restarts", {"num_cycles": 3}), ("cosine_with_restarts", {}),
    ("polynomial", {}), ("polynomial", {"power": 2.5, "lr_end": 1e-5}),
    ("inverse_sqrt", {}), ("inverse_sqrt", {"timescale": 20}),
    ("cosine_with_min_lr", {"min_lr_rate": 0.1}), ("cosine_with_min_lr", {"min_lr": 2e-5}),
    ("warmup_stable_decay", {"num_decay_steps": 10}),
    ("warmup_stable_decay", {"num_decay_steps": 9, "warmup_type": "cosine", "decay_type": "linear", "min_lr_ratio": 0.2}),
    ("warmup_stable_decay", {"num_decay_steps": 9, "num_stable_steps": 5, "warmup_type": "1-sqrt", "decay_type": "1-sqrt"}),
]
KEYS = ["num_cycles", "lr_end", "power", "min_lr", "min_lr_rate", "timescale", "num_decay_steps", "num_stable_steps", "min_lr_ratio"]
RAMPS = ["linear", "cosine", "1-sqrt"]
rates, rows = [], []
for name, kw in CASES:
    p = torch.nn.Parameter(torch.zeros(1))
    o = torch.optim.SGD([p], lr=PEAK)
    s = get_scheduler(name, o, WARM, TOTAL, scheduler_specific_kwargs=dict(kw))
    for _ in range(TOTAL + 3):
        rates.append(o.param_groups[0]["lr"] / PEAK)
        o.step()
        s.step()
    given = ["NAN" if k not in kw else repr(float(kw[k])) for k in KEYS]
    ramps = [RAMPS.index(kw[k]) if k in kw else -1 for k in ("warmup_type", "decay_type")]
    rows.append('    {"%s", {%s}, {%d, %d}},' % (name, ", ".join(given), *ramps))
print("enum { GOLDEN_WARM = %d, GOLDEN_TOTAL = %d, GOLDEN_STEPS = %d };" % (WARM, TOTAL, TOTAL + 3))
print("static const double golden_peak = %r;" % PEAK)
print("/* %s; then warm-up and decay types, -1 when not given. */" % ", ".join(KEYS))
print("static const struct { const char *name; double value[%d]; int ramp[2]; } golden_case[] = {" % len(KEYS))
print("\n".join(rows))
print("};")
array("golden_factor", rates)

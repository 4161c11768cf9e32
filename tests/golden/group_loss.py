"""TRL's own GRPO and RLOO losses and advantages -> group_loss.inc, for tests/learner/test_group.c.

    python tests/golden/group_loss.py > tests/golden/group_loss.inc      (trl 1.16.0)

GRPOTrainer._compute_loss and RLOOTrainer._compute_loss run on given log-probabilities instead of
a model's; inputs are rounded to float32, the arithmetic is float64.
"""
import types

import torch
from accelerate import Accelerator
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
torch.manual_seed(7)
LENGTHS = [5, 1, 7, 3, 6, 4]
B, T, N = len(LENGTHS), max(LENGTHS), sum(LENGTHS)
MASK = torch.tensor([[float(t < n) for t in range(T)] for n in LENGTHS])
ACC = Accelerator(cpu=True)


def f32(x):
    return x.float().double()


LOGP = f32(-torch.rand(B, T) * 3 - .05)
OLD = f32(LOGP + torch.randn(B, T) * .35)
SAMPLING = f32(OLD + torch.randn(B, T) * .2)
REF = f32(LOGP + torch.randn(B, T) * .4)
ENTROPY = f32(torch.rand(B, T) * 2)
STEPS = [(1., 1), (.1, 1), (.1, 2), (.12, 1), (.08, 1), (.9, 2), (.1, 1), (.5, 1), (.5, 1)]
ADAPTIVE = [(0., 0., 1., .005, .2, 1.), (.05, .02, .1, .04, .15, .5), (.01, .01, .02, .005, .11, 1.)]
ADV = f32(torch.randn(B))
IS = f32(torch.exp(torch.randn(B, T) * .3))
BASE = dict(loss_type="dapo", level="token", beta=0., bias=True, eps=.2, eps_high=.2, delta=None, pos=1.0, neg=1.05,
            quantile=1.0, threshold=None, coef=0., importance=False, longest=11)
CASES = [dict(loss_type=x) for x in ["grpo", "bnpo", "dr_grpo", "dapo", "sapo", "luspo", "vespo"]]
CASES += [dict(loss_type="cispo", eps_high=1.1), dict(loss_type="grpo", level="sequence"),
          dict(loss_type="luspo", level="sequence"), dict(loss_type="dapo", level="sequence", beta=.3),
          dict(beta=.3), dict(beta=.3, bias=False), dict(loss_type="grpo", beta=.1, delta=1.3, eps_high=.4),
          dict(loss_type="cispo", eps_high=1.05, level="sequence", beta=.05),
          dict(loss_type="sapo", level="sequence", pos=.7, neg=2.), dict(quantile=.37, beta=.1),
          dict(loss_type="grpo", threshold=.05), dict(coef=.02), dict(loss_type="dr_grpo", coef=.1, quantile=.61),
          dict(importance=True), dict(loss_type="grpo", importance=True, beta=.2, threshold=.02),
          dict(loss_type="vespo", importance=True, beta=.1)]


def trainer(c):
    t = GRPOTrainer.__new__(GRPOTrainer)
    t.accelerator, t.aux_loss_enabled, t.use_vllm = ACC, False, c["importance"]
    t.vllm_importance_sampling_correction = True
    t.top_entropy_quantile, t.off_policy_mask_threshold = c["quantile"], c["threshold"]
    t.importance_sampling_level, t.beta, t.loss_type = c["level"], c["beta"], c["loss_type"]
    t.epsilon_low, t.epsilon_high, t.max_completion_length = c["eps"], c["eps_high"], c["longest"]
    t.current_gradient_accumulation_steps, t._entropy_bonus_enabled = 1, c["coef"] != 0
    t.use_adaptive_entropy, t.entropy_coef = False, c["coef"]
    t.model = types.SimpleNamespace(training=True)
    t._metrics = {"train": __import__("collections").defaultdict(list)}
    t.args = types.SimpleNamespace(use_bias_correction_kl=c["bias"], delta=c["delta"], sapo_temperature_pos=c["pos"],
                                   sapo_temperature_neg=c["neg"], vespo_k_pos=2., vespo_lambda_pos=3., vespo_k_neg=3.,
                                   vespo_lambda_neg=2., steps_per_generation=1, use_adaptive_entropy=False)
    return t


def grpo(case):
    c = dict(BASE, **case)
    t = trainer(c)
    logp, entropy = LOGP.clone().requires_grad_(), ENTROPY.clone().requires_grad_()
    loss = grpo_loss(t, c, logp, entropy, MASK)
    loss.backward()
    metrics = {k: v[-1] for k, v in t._metrics["train"].items()}
    return c, loss.item(), logp.grad, entropy.grad if entropy.grad is not None else torch.zeros(B, T), metrics


def grpo_loss(t, c, logp, entropy, mask):
    t._get_per_token_logps_and_entropies = lambda *a, **k: (logp, entropy, None)
    ids = torch.zeros(B, 1, dtype=torch.long)
    # a masked token's weight counts in vespo's sum: 1 there
    inputs = dict(prompt_ids=ids, prompt_mask=ids, completion_ids=torch.zeros(B, T, dtype=torch.long),
                  completion_mask=mask, advantages=ADV, old_per_token_logps=OLD, sampling_per_token_logps=SAMPLING,
                  ref_per_token_logps=REF, num_items_in_batch=mask.sum(),
                  importance_sampling_ratio=torch.where(MASK > 0, IS, 1.) if c["importance"] else None)
    return t._compute_loss(t.model, inputs)


def adaptive(coef, least, most, delta, target, quantile):
    """Optimiser steps, some of two micro-batches: answers 0 to 3, then 4 and 5."""
    c = dict(BASE, coef=coef, quantile=quantile)
    t, first = trainer(c), (torch.arange(B) < 4)[:, None] * MASK
    t._entropy_bonus_enabled = t.use_adaptive_entropy = True
    t._last_world_entropy, t._entropy_window_stats = float("inf"), None
    t.args.entropy_coef_min, t.args.entropy_coef_max = least, most
    t.args.entropy_coef_delta, t.args.entropy_target = delta, target
    for factor, parts in STEPS:
        for part in range(parts):
            mask = MASK if parts == 1 else first if part == 0 else MASK - first
            entropy = f32(ENTROPY * factor).requires_grad_()
            ACC.gradient_state._set_sync_gradients(part == parts - 1)
            loss = grpo_loss(t, c, LOGP, entropy, mask)
            loss.backward()
        yield factor, parts, loss.item(), entropy.grad.min().item(), t.entropy_coef, t._last_world_entropy


def rloo(eps, eps_high):
    logp = LOGP.clone().requires_grad_()
    t = RLOOTrainer.__new__(RLOOTrainer)
    t._get_per_token_logps_and_entropies = lambda *a, **k: (logp, ENTROPY, None)
    t.accelerator, t.aux_loss_enabled, t.epsilon_low, t.epsilon_high = ACC, False, eps, eps_high
    t.model = types.SimpleNamespace(training=True)
    t._metrics = {"train": __import__("collections").defaultdict(list)}
    ids = torch.zeros(B, 1, dtype=torch.long)
    inputs = dict(prompt_ids=ids, prompt_mask=ids, completion_ids=torch.zeros(B, T, dtype=torch.long),
                  completion_mask=MASK, advantages=ADV, old_logps=(OLD * MASK).sum(1))
    loss = t._compute_loss(t.model, inputs)
    loss.backward()
    return loss.item(), logp.grad


def flat(x):
    return [x[b, t].item() for b in range(B) for t in range(LENGTHS[b])]


def c_array(values, form="%.9gf"):
    def one(v):
        word = form % v
        return word if any(k in word for k in ".einf") or not word.endswith("f") else word[:-1] + ".f"
    return "{" + ", ".join(one(v) for v in values) + "}"


def number(x):
    return "INFINITY" if x is None else "%.17g" % x


print("/* Made by group_loss.py. */\n#include <math.h>\n")
print("enum { GROUP_TOKENS = %d, GROUP_SEQUENCES = %d, GROUP_CASES = %d };" % (N, B, len(CASES)))
print("static const int group_length[] = {%s};" % ", ".join(map(str, LENGTHS)))
for name, x in [("logprob", LOGP), ("proximal", OLD), ("behaviour", SAMPLING), ("reference", REF),
                ("entropy", ENTROPY), ("importance", IS)]:
    print("static const float group_%s[] = %s;" % (name, c_array(flat(x))))
print("static const float group_advantage[] = %s;" % c_array(ADV.tolist()))
print("""static const struct group_case {
    const char *loss_type;
    bool sequence, bias, importance;
    double beta, eps, eps_high, delta, pos, neg, quantile, threshold, coef;
    int longest;
    double loss, kl, low, high;
    double dlogprob[GROUP_TOKENS], dentropy[GROUP_TOKENS];
} group_case[] = {""")
for case in CASES:
    c, loss, dlogp, dentropy, m = grpo(case)
    print('    {"%s", %d, %d, %d, %s, %d,' % (
        c["loss_type"], c["level"] == "sequence", c["bias"], c["importance"],
        ", ".join(number(c[k]) for k in ["beta", "eps", "eps_high", "delta", "pos", "neg", "quantile", "threshold",
                                         "coef"]), c["longest"]))
    print("     %.17g, %.17g, %.17g, %.17g," % (loss, m.get("kl", 0), m.get("clip_ratio/low_mean", -1),
                                               m.get("clip_ratio/high_mean", m.get("cispo_clip_ratio", -1))))
    print("     %s,\n     %s}," % (c_array(flat(dlogp), "%.12g"), c_array(flat(dentropy), "%.12g")))
print("};")
print("static const struct { double coef, least, most, delta, target, quantile;\n"
      "    struct { double factor; int parts; double loss, dentropy, after, last; } step[%d];\n"
      "} group_adaptive[] = {" % len(STEPS))
for case in ADAPTIVE:
    print("    {%s, {" % ", ".join("%.17g" % x for x in case))
    for factor, parts, *rest in adaptive(*case):
        print("        {%.17g, %d, %s}," % (factor, parts, ", ".join("%.17g" % x for x in rest)))
    print("    }},")
print("};")
print("static const struct { double eps, eps_high, loss, dlogprob[GROUP_TOKENS]; } group_rloo[] = {")
for eps, high in [(.2, .2), (.5, .9), (3., 3.)]:
    loss, grad = rloo(eps, high)
    print("    {%g, %g, %.17g, %s}," % (eps, high, loss, c_array(flat(grad), "%.12g")))
print("};")

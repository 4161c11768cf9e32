"""Losses and gradients of TRL's own trainers on random log-probabilities: direct_losses.json.

usage: python direct_losses.py      (trl 1.16, torch)
The loss code of DPOTrainer, KTOTrainer, CPOTrainer and ORPOTrainer runs as it is; only the model
is replaced by one that answers with given log-probabilities, whose gradient torch then takes.
"""

import json
import os
from types import SimpleNamespace

import torch
from collections import defaultdict
from accelerate import Accelerator
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

torch.manual_seed(11)
torch.set_num_threads(1)
PROMPT, CHOSEN, REJECTED = 2, [4, 6, 3, 5], [5, 2, 6, 5]
B = len(CHOSEN)
ROWS = CHOSEN + REJECTED
WIDE = PROMPT + max(ROWS)
LABELS = [1, 0, 0, 1, 1, 0, 1, 0]  # of the eight answers, for KTO


def short(x, digits=9):
    return [float(("%%.%dg" % digits) % v) for v in x]


def floats(rows):
    """Ragged random numbers that a float holds."""
    return [[float(torch.tensor(v, dtype=torch.float32)) for v in row] for row in rows]


LOGP = floats([(-3 * torch.rand(n) - .05).tolist() for n in ROWS])
REF = floats([[v + .6 * float(torch.randn(())) for v in row] for row in LOGP])
SQUARE = floats([(.05 + .6 * torch.rand(n)).tolist() for n in ROWS])
PROMPTS = floats([(-3 * torch.rand(PROMPT - 1) - .05).tolist() for n in CHOSEN])  # the second prompt token
DRIFT = floats([(.8 * torch.randn(len(ROWS)) + .5).tolist()])[0]


def table(rows, dtype):
    """[rows, WIDE-1] as the models give it: entry t belongs to token t+1."""
    out = torch.zeros(len(rows), WIDE - 1, dtype=dtype)
    for i, row in enumerate(rows):
        out[i, PROMPT - 1:PROMPT - 1 + len(row)] = torch.tensor(row, dtype=dtype)
    return out


def mask():
    out = torch.zeros(len(ROWS), WIDE, dtype=torch.long)
    for i, n in enumerate(ROWS):
        out[i, PROMPT:PROMPT + n] = 1
    return out


def ragged(grad):
    return [short(grad[i, PROMPT - 1:PROMPT - 1 + n].tolist()) for i, n in enumerate(ROWS)]


def fake(cls, **attributes):
    self = cls.__new__(cls)
    vars(self).update(accelerator=Accelerator(cpu=True), _metrics={"train": defaultdict(list), "eval": defaultdict(list)},
                      aux_loss_enabled=False, _total_train_tokens=0, _tp_size=1, **attributes)
    return self


def outputs(logps):
    zero = torch.zeros_like(logps)
    return SimpleNamespace(log_probs=logps, entropy=zero, mean_logits=zero, is_top1=zero.bool(),
                           log_sum_sq_probs=torch.log(torch.where(table(SQUARE, logps.dtype) > 0, table(SQUARE, logps.dtype), 1)))


class Model:
    training = True
    is_gradient_checkpointing = False

    def __init__(self, answers):
        self.answers = answers

    def __call__(self, **kwargs):
        return outputs(self.answers.pop(0))


def keep(metrics):
    return {k: v[-1] for k, v in metrics.items() if k.startswith(("rewards", "logps", "kl"))}


def dpo(dtype=torch.float64, **conf):
    full = dict(beta=.1, loss_types=["sigmoid"], label_smoothing=0.0, f_divergence_type="reverse_kl",
                f_alpha_divergence_coef=.5, use_weighting=False, ld_alpha=None, discopop_tau=.05)
    full.update(conf)
    weights = full.pop("loss_weights", None) or [1.0] * len(full["loss_types"])
    tau = full.pop("discopop_tau")
    self = fake(DPOTrainer, loss_weights=weights, precompute_ref_logps=True,
                args=SimpleNamespace(discopop_tau=tau), **full)
    logps = table(LOGP, dtype).requires_grad_()
    self.model = Model([logps])
    ref = table(REF, dtype)
    if full["ld_alpha"] is None:
        sums = ref.sum(1)
    else:  # TRL's own reference pass
        self.ref_model = Model([ref])
        self.args.gradient_checkpointing_kwargs = None
        sums = torch.cat(DPOTrainer.compute_ref_log_probs(self, self.ref_model, inputs()))
    loss = DPOTrainer._compute_loss(self, self.model, dict(inputs(), ref_chosen_logps=sums[:B], ref_rejected_logps=sums[B:]), False)
    loss.backward()
    full["loss_weights"], full["discopop_tau"] = weights, tau
    return dict(method="dpo", conf=full, loss=loss.item(), slope=ragged(logps.grad), metrics=keep(self._metrics["train"]))


def inputs():
    return {"input_ids": torch.zeros(len(ROWS), WIDE, dtype=torch.long), "attention_mask": torch.ones(len(ROWS), WIDE),
            "completion_mask": mask()}


def kto(**conf):
    full = dict(beta=.1, loss_type="kto", desirable_weight=1.0, undesirable_weight=1.0)
    full.update(conf)
    self = fake(KTOTrainer, calculate_KL=full["loss_type"] == "kto", precompute_ref_logps=True, **full)
    logps = table(LOGP, torch.float64).requires_grad_()
    drift = torch.zeros(len(ROWS), WIDE - 1, dtype=torch.float64)
    drift[:, PROMPT] = torch.tensor(DRIFT)
    self.model = Model(([drift] if self.calculate_KL else []) + [logps])
    batch = dict(inputs(), label=torch.tensor(LABELS).bool(), ref_logps=table(REF, torch.float64).sum(1),
                 ref_KL_logps=torch.zeros(len(ROWS)))
    batch.update({"KL_" + k: v for k, v in inputs().items()})
    loss = KTOTrainer._compute_loss(self, self.model, batch, False)
    loss.backward()
    return dict(method="kto", conf=full, loss=loss.item(), slope=ragged(logps.grad), metrics=keep(self._metrics["train"]))


def pairwise(cls, method, mean, **full):
    self = fake(cls, **full)
    logps = table(LOGP, torch.float64).requires_grad_()
    prompts = torch.tensor(PROMPTS, dtype=torch.float64).requires_grad_()
    lengths = torch.tensor(ROWS, dtype=torch.float64)
    sums = logps.sum(1) / (lengths if mean else 1)
    nll = -logps[:B].sum() / sum(CHOSEN)
    if method == "orpo":
        nll = -(logps[:B].sum() + prompts.sum()) / (sum(CHOSEN) + B * (PROMPT - 1))
    if full.get("cpo_alpha") == 0:  # as its concatenated_forward does
        nll = torch.tensor(0.0)
    zero = torch.zeros(1)
    self.concatenated_forward = lambda model, batch: (sums[:B], sums[B:], zero, zero, nll)
    loss, metrics = cls.get_batch_loss_metrics(self, None, None)
    loss.backward()
    grad = prompts.grad if prompts.grad is not None else torch.zeros_like(prompts)
    return dict(method=method, conf=full, loss=loss.item(), slope=ragged(logps.grad), prompt_slope=short(grad.flatten().tolist()),
                metrics={k: float(v) for k, v in metrics.items() if not k.startswith("logits")})


def cpo(**conf):
    full = dict(beta=.1, loss_type="sigmoid", label_smoothing=0.0, cpo_alpha=1.0, simpo_gamma=.5, alpha=0.0)
    full.update(conf)
    return pairwise(CPOTrainer, "cpo", full["loss_type"] in ("ipo", "simpo"), **full)


def cases():
    alone = "sigmoid hinge ipo nca_pair bco_pair sppo_hard aot aot_unpaired apo_zero apo_down discopop sft sigmoid_norm".split()
    for kind in alone:
        yield dpo(loss_types=[kind])
        yield dpo(loss_types=[kind], beta=.7, ld_alpha=.3)
    for kind in "robust exo_pair aot aot_unpaired".split():
        yield dpo(loss_types=[kind], label_smoothing=.1, beta=.4)
    for kind in "sigmoid sigmoid_norm ipo exo_pair robust discopop sft".split():
        e = .1 if kind in ("exo_pair", "robust") else 0.0
        yield dpo(loss_types=[kind], f_divergence_type="forward_kl", label_smoothing=e)
        yield dpo(loss_types=[kind], f_divergence_type="js_divergence", label_smoothing=e)
        yield dpo(torch.float32, loss_types=[kind], f_divergence_type="alpha_divergence", f_alpha_divergence_coef=.3, label_smoothing=e)
    yield dpo(loss_types=["sigmoid"], use_weighting=True)
    yield dpo(loss_types=["ipo", "apo_zero"], use_weighting=True, loss_weights=[.3, 1.5])
    yield dpo(loss_types=["sigmoid", "bco_pair", "sft"], loss_weights=[.8, .2, 1.0])
    yield dpo(loss_types=["sigmoid"], f_divergence_type="alpha_divergence", f_alpha_divergence_coef=1.0)
    yield kto()
    yield kto(beta=.5, desirable_weight=1.3, undesirable_weight=.6)
    yield kto(loss_type="apo_zero_unpaired", beta=.5, undesirable_weight=2.0)
    for kind in "sigmoid hinge ipo simpo".split():
        yield cpo(loss_type=kind)
        yield cpo(loss_type=kind, beta=2.0, cpo_alpha=0.0, alpha=.25)
    yield cpo(loss_type="simpo", beta=2.0, simpo_gamma=.9, label_smoothing=.2)
    yield cpo(label_smoothing=.1, cpo_alpha=.5)
    for beta in (.1, 1.0):
        yield pairwise(ORPOTrainer, "orpo", True, beta=beta)


if __name__ == "__main__":
    out = {"prompt": PROMPT, "logprob": [short(r) for r in LOGP], "reference": [short(r) for r in REF],
           "square": [short(r) for r in SQUARE], "prompt_logprob": short(sum(PROMPTS, [])), "drift": short(DRIFT),
           "label": LABELS, "cases": list(cases())}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "direct_losses.json"), "w") as f:
        f.write("{\n" + ",\n".join('"%s": %s' % (k, json.dumps(v)) for k, v in out.items() if k != "cases"))
        f.write(',\n"cases": [\n' + ",\n".join(json.dumps(c) for c in out["cases"]) + "\n]}\n")

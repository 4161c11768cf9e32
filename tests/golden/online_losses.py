#!/usr/bin/env python3
"""XPO's and Nash-MD's losses, slopes and metrics by TRL's own lines, for tests/learner/test_online.c.

    python tests/golden/online_losses.py FOLDER > tests/golden/online_losses.inc      (trl 0.22.2, torch)

FOLDER holds xpo_trainer.py and nash_md_trainer.py of trl 0.22.2 (trl/trainer/), the last release that has them. Their
methods _compute_losses and _log_statistics are taken out of the files as they stand and called on numbers of
formula.py's kind: the trainers themselves need a model and a release of transformers that is gone."""
import ast
import sys
import types

import torch
import torch.nn.functional as F

PAIRS, LONGEST = 4, 5
LENGTHS = [[3, 5], [1, 4], [5, 2], [4, 4]]  # of the policy's and of the other's answer


def methods(path, *names):
    tree = ast.parse(open(path).read())
    found = [n for c in tree.body if isinstance(c, ast.ClassDef) for n in c.body
             if isinstance(n, ast.FunctionDef) and n.name in names]
    scope = {"torch": torch, "F": F}
    exec(compile(ast.Module(found, []), path, "exec"), scope)
    return [scope[n] for n in names]


def numbers(which, side):
    """[pairs][longest], 0 behind an answer's end, as TRL masks."""
    out = torch.zeros(PAIRS, LONGEST, dtype=torch.float64)
    for p in range(PAIRS):
        for t in range(LENGTHS[p][side]):
            k = (7 * p + 3 * t + 11 * side + 5 * which) % 16
            out[p, t] = -(k + 1) / 8
    return out


def trainer(stats, **conf):
    gather = types.SimpleNamespace(gather_for_metrics=lambda t: t)
    return types.SimpleNamespace(stats={k: [] for k in stats}, accelerator=gather, reward_model=object(),
                                 processing_class=types.SimpleNamespace(eos_token_id=0),
                                 args=types.SimpleNamespace(loss_type=conf.pop("loss_type", None)), **conf)


def c(values):
    return "{" + ", ".join(f"{float(v):.12g}" for v in values) + "}"


def flat(grads, side):
    return [g for p in range(PAIRS) for g in grads[p, :LENGTHS[p][side]].tolist()]


def data():
    ids = torch.ones(PAIRS, 1 + LONGEST, dtype=torch.long)
    return {"input_ids": ids}


def xpo(path):
    losses, log = methods(path, "_compute_losses", "_log_statistics")
    stats = ["loss/dpo", "loss/xpo", "objective/kl", "objective/entropy", "rewards/chosen", "rewards/rejected",
             "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "val/model_contain_eos_token",
             "val/ref_contain_eos_token", "alpha", "beta", "objective/model_scores", "objective/ref_scores",
             "objective/scores_margin"]
    first = torch.tensor([True, False, True, False])  # the policy's answer is the better one
    print("static const struct { int ipo; double beta, alpha, loss, dpo, xpo, chosen, rejected, accuracies, margins;"
          " double model[ONLINE_MODEL], other[ONLINE_OTHER]; } online_xpo[] = {")
    for loss_type, beta, alpha in [("sigmoid", .1, 1e-5), ("sigmoid", .5, .3), ("ipo", .2, .05)]:
        model, other = numbers(0, 0).requires_grad_(), numbers(0, 1).requires_grad_()
        ref_model, ref_other = numbers(1, 0), numbers(1, 1)
        self = trainer(stats, loss_type=loss_type, beta=beta, alpha=alpha)
        loss, dpo, bonus = losses(self, model, other, ref_other, ref_model, first)
        loss.backward()
        log(self, data(), data(), model.detach(), other.detach(), ref_other, ref_model, first, dpo.detach(),
            bonus.detach(), 1, torch.zeros(PAIRS), torch.zeros(PAIRS))
        s = {k: v[0] for k, v in self.stats.items()}
        print(f"    {{{int(loss_type == 'ipo')}, {beta}, {alpha}, {loss.item():.12g}, {s['loss/dpo']:.12g},"
              f" {s['loss/xpo']:.12g}, {s['rewards/chosen']:.12g}, {s['rewards/rejected']:.12g},"
              f" {s['rewards/accuracies']:.12g}, {s['rewards/margins']:.12g},\n     {c(flat(model.grad, 0))},\n"
              f"     {c(flat(other.grad, 1))}}},")
    print("};")


def nash_md(path):
    losses, log = methods(path, "_compute_losses", "_log_statistics")
    stats = ["loss/kl", "objective/entropy", "loss/score", "rewards/probabilities", "rewards/accuracies",
             "rewards/margins", "logps/chosen", "logps/rejected", "val/model_contain_eos_token",
             "val/ref_contain_eos_token", "beta", "mixture_coef", "rewards/chosen", "rewards/rejected"]
    mine, theirs = torch.tensor([1., -.5, .25, 2.], dtype=torch.float64), torch.tensor([.5, .5, -1., 2.],
                                                                                       dtype=torch.float64)
    probability = torch.sigmoid(mine - theirs)
    print("static const struct { double beta, loss, score, kl, accuracies, margins, chosen, rejected,"
          " probability[ONLINE_PAIRS], model[ONLINE_MODEL]; } online_nash_md[] = {")
    for beta in [.1, .7]:
        model, ref = numbers(0, 0).requires_grad_(), numbers(1, 0)
        self = trainer(stats, beta=beta, mixture_coef=.5)
        loss, score, kl = losses(self, model, ref, probability)
        loss.backward()
        log(self, data(), data(), model.detach(), ref, probability, score.detach(), kl, 1, mine, theirs)
        s = {k: v[0] for k, v in self.stats.items()}
        print(f"    {{{beta}, {loss.item():.12g}, {s['loss/score']:.12g}, {s['loss/kl']:.12g},"
              f" {s['rewards/accuracies']:.12g}, {s['rewards/margins']:.12g}, {s['logps/chosen']:.12g},"
              f" {s['logps/rejected']:.12g},\n     {c(probability)},\n     {c(flat(model.grad, 0))}}},")
    print("};")


def main():
    torch.set_default_dtype(torch.float64)
    folder = sys.argv[1]
    print("/* Made by online_losses.py from trl 0.22.2. */\n")
    print(f"enum {{ ONLINE_PAIRS = {PAIRS}, ONLINE_MODEL = {sum(n[0] for n in LENGTHS)},"
          f" ONLINE_OTHER = {sum(n[1] for n in LENGTHS)} }};")
    print("static const int online_length[ONLINE_PAIRS][2] = {" + ", ".join(f"{{{a}, {b}}}" for a, b in LENGTHS)
          + "};")
    print("static const int online_first[ONLINE_PAIRS] = {1, 0, 1, 0};")
    for side, name in enumerate(["model", "other"]):
        for which, what in enumerate(["logprob", "reference"]):
            rows = numbers(which, side)
            print(f"static const float online_{name}_{what}[] = {c(flat(rows, side))};")
    xpo(f"{folder}/xpo_trainer.py")
    nash_md(f"{folder}/nash_md_trainer.py")


main()

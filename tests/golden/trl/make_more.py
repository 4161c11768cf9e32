"""TRL's own numbers of keys that few runs have, for tests/learner/test_parity_keys.c -> more.json.

usage: python make_more.py [NAME ...]     (trl 1.16, transformers 5.24, bitsandbytes; all, or these anew)

Models, data and YAML files as in make.py, beside which they are written; kwargs.jinja is ours. NEFTune's noise is
torch's own everywhere but here: the numbers that Tensor.uniform_ would draw are taken from drover's generator
(base/rng.h), so that both sides have the same ones and the losses can be compared.
"""

import json
import random
import sys

import numpy as np
import torch

import make

RNG_NOISE = 8  # base/rng.h
EVALS = "eval_strategy: steps\neval_steps: 2\nsave_strategy: steps\nsave_steps: 2\n"
RUNS = {
    "sft_smooth": ("sft", "completion.jsonl", "max_length: 60\nlabel_smoothing_factor: 0.1\n"),
    "sft_smooth_all": ("sft", "chat.jsonl", "max_length: 80\nlabel_smoothing_factor: 0.5\ncompletion_only_loss: false\n"),
    "sft_adafactor": ("sft", "completion.jsonl", "optim: adafactor\nlearning_rate: 1e-2\n"),
    "sft_sgd": ("sft", "completion.jsonl", "optim: sgd\noptim_args: momentum=0.9,nesterov=true\nlearning_rate: 0.1\n"),
    "sft_rmsprop": ("sft", "completion.jsonl", "optim: rmsprop\noptim_args: alpha=0.9,eps=1e-6\n"),
    "sft_lion": ("sft", "completion.jsonl", "optim: lion_32bit\nadam_beta2: 0.99\n"),
    "sft_kwargs": ("sft", "kwargs.jsonl", "chat_template_path: kwargs.jinja\nmax_length: 80\n"),
    "reward_kwargs": ("reward", "kwargs_pairs.jsonl", "chat_template_path: kwargs.jinja\n"),
    "sft_neftune": ("sft", "completion.jsonl", "neftune_noise_alpha: 5\nper_device_train_batch_size: 1\n"
                    "gradient_accumulation_steps: 3\n"),
    "sft_best": ("sft", "completion.jsonl", "learning_rate: 0.1\nlr_scheduler_type: constant\nwarmup_steps: 0\nmax_steps: 6\n"
                 "load_best_model_at_end: true\n" + EVALS),
    "sft_best_metric": ("sft", "completion.jsonl", "learning_rate: 0.1\nlr_scheduler_type: constant\nwarmup_steps: 0\n"
                        "max_steps: 6\nload_best_model_at_end: true\nmetric_for_best_model: mean_token_accuracy\n" + EVALS),
}


def data():
    rng = random.Random(23)
    kwargs = [{}, {"note": "the hen"}, {"note": "12", "terse": True}, {"terse": True}]
    make.write("kwargs.jsonl", [{"prompt": [make.user(make.sentence(rng, 2, 6))],
                                 "completion": [make.assistant(make.sentence(rng, 1, 7))],
                                 "chat_template_kwargs": kwargs[i % 4]} for i in range(26)])
    make.write("kwargs_pairs.jsonl", [{"prompt": [make.user(make.sentence(rng, 2, 6))],
                                       "chosen": [make.assistant(make.sentence(rng, 1, 7))],
                                       "rejected": [make.assistant(make.sentence(rng, 1, 7))],
                                       "chat_template_kwargs": kwargs[i % 4]} for i in range(30)])


def philox(seed, use, a, b, c):
    """base/rng.h's rng_words over an array of counters c."""
    mask = np.uint64(0xFFFFFFFF)
    one = np.ones(len(c), np.uint64)
    x = [one * np.uint64(a & 0xFFFFFFFF), one * np.uint64(a >> 32), one * np.uint64(b), c.astype(np.uint64)]
    k = [np.uint64(seed & 0xFFFFFFFF), np.uint64((seed >> 32) ^ (use << 24))]
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * x[0], np.uint64(0xCD9E8D57) * x[2]
        x = [(p1 >> np.uint64(32)) ^ x[1] ^ k[0], p1 & mask, (p0 >> np.uint64(32)) ^ x[3] ^ k[1], p0 & mask]
        k = [(k[0] + np.uint64(0x9E3779B9)) & mask, (k[1] + np.uint64(0xBB67AE85)) & mask]
    return np.stack(x, 1)


class Noise:
    """Stands for Tensor.uniform_ while a trainer trains: sequence after sequence, `each` of them a step."""

    def __init__(self, each):
        self.each, self.calls = each, 0

    def __call__(self, tensor, low=0.0, high=1.0):
        one, length, width = tensor.shape
        assert one == 1
        step, seq = divmod(self.calls, self.each)
        self.calls += 1
        for pos in range(length):
            words = philox(42, RNG_NOISE, step << 32 | seq, pos, np.arange(width // 4)).reshape(-1)
            drawn = (words >> np.uint64(8)).astype(np.float64) * 2.0 ** -23 - 1
            tensor[0, pos] = torch.tensor(drawn, dtype=torch.float32) * float(high)
        return tensor


def run(name):
    kind, file, extra = RUNS[name]
    noise, real = Noise(3), torch.Tensor.uniform_
    if name == "sft_neftune":
        torch.Tensor.uniform_ = lambda t, *of, **named: noise(t, *of) if t.dim() == 3 else real(t, *of, **named)
    try:
        out = make.run(name, kind, file, extra)
    finally:
        torch.Tensor.uniform_ = real
    assert name != "sft_neftune" or noise.calls == 15, noise.calls
    return out


if __name__ == "__main__":
    data()
    try:
        out = json.load(open("more.json"))
    except FileNotFoundError:
        out = {}
    for name in sys.argv[1:] or RUNS:
        out[name] = run(name)
    with open("more.json", "w") as f:
        json.dump({name: out[name] for name in RUNS if name in out}, f, indent=1)
        f.write("\n")

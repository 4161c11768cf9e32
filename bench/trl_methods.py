#!/usr/bin/env python3
"""TRL's own trainers on the CPU, timed: the peer of drover_methods.py. DPO and GRPO want TRL 1.16, PPO TRL 0.22.

usage: trl_methods.py dpo|grpo|ppo FOLDER [bf16=0] [precompute=0] [steps=N]   (FOLDER: peers_prepare.py's; threads: OMP_NUM_THREADS)
bf16=1: TRL's bf16=True, weights in float32 and products in bfloat16. precompute=1, of dpo: precompute_ref_log_probs. A step of DPO
without it has the reference's pass in it, and an epoch always has. Of grpo and ppo `steps` iterations are timed (1: the first)."""
import os, statistics, sys, time, warnings

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
warnings.filterwarnings("ignore")
import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback

METHOD, FOLDER = sys.argv[1:3]
KEYS = dict(bf16="0", precompute="0", steps="1") | dict(word.split("=", 1) for word in sys.argv[3:])
STEPS = int(KEYS["steps"])
SHARED = dict(output_dir="/dev/shm/trl", report_to="none", use_cpu=True, save_strategy="no", logging_steps=1, bf16=KEYS["bf16"] == "1",
              disable_tqdm=True, learning_rate=1e-6)
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


class Clock(TrainerCallback):
    """Seconds of each step; the first begins where training does."""

    def __init__(self):
        self.at, self.seconds = None, []

    def on_train_begin(self, args, state, control, **_):
        self.at = time.monotonic()

    def on_step_end(self, args, state, control, **_):
        now = time.monotonic()
        self.seconds.append(now - self.at)
        self.at = now


def text(answer):
    return answer if isinstance(answer, str) else answer[0]["content"]


def read(kind, name, **more):
    return kind.from_pretrained(f"{FOLDER}/{name}", dtype=torch.float32, **more)


def dpo(rows, tokenizer, clock):
    from trl import DPOConfig, DPOTrainer
    config = DPOConfig(**SHARED, per_device_train_batch_size=4, num_train_epochs=1, max_length=512,
                       precompute_ref_log_probs=KEYS["precompute"] == "1")
    return DPOTrainer(model=read(AutoModelForCausalLM, "model"), args=config, train_dataset=rows, processing_class=tokenizer, callbacks=[clock])


def grpo(rows, tokenizer, clock):
    from trl import GRPOConfig, GRPOTrainer
    config = GRPOConfig(**SHARED, per_device_train_batch_size=8, num_generations=4, max_completion_length=64, num_iterations=4,
                        max_steps=4 * STEPS, beta=0.0, shuffle_dataset=False, generation_kwargs={"min_new_tokens": 64})
    return GRPOTrainer(model=read(AutoModelForCausalLM, "model"), args=config, train_dataset=rows, processing_class=tokenizer,
                       reward_funcs=lambda completions, **_: [-abs(len(text(c)) - 200) / 200 for c in completions], callbacks=[clock])


def ppo(rows, tokenizer, clock):
    from trl import PPOConfig, PPOTrainer
    config = PPOConfig(**SHARED, per_device_train_batch_size=8, gradient_accumulation_steps=1, total_episodes=8 * STEPS, response_length=64,
                       num_ppo_epochs=4, num_mini_batches=1, num_sample_generations=0)
    tokenizer.padding_side = "left"
    return PPOTrainer(args=config, processing_class=tokenizer, model=read(AutoModelForCausalLM, "model"),
                      ref_model=read(AutoModelForCausalLM, "model"), reward_model=read(AutoModelForSequenceClassification, "classifier", num_labels=1),
                      value_model=read(AutoModelForSequenceClassification, "classifier", num_labels=1), train_dataset=rows,
                      eval_dataset=rows, callbacks=[clock])


def main():
    tokenizer = AutoTokenizer.from_pretrained(f"{FOLDER}/model")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    rows = load_dataset("json", data_files=f"{FOLDER}/{'ppo_ids' if METHOD == 'ppo' else METHOD}.jsonl", split="train")
    clock, begun = Clock(), time.monotonic()
    trainer = {"dpo": dpo, "grpo": grpo, "ppo": ppo}[METHOD](rows, tokenizer, clock)
    trainer.train()
    seconds = clock.seconds
    if METHOD == "dpo":
        print(f"dpo epoch: {time.monotonic() - begun:.3f} s")
        seconds = seconds[1:]
    if METHOD == "grpo":  # a step is one of four passes over the same answers
        seconds = [sum(seconds[i:i + 4]) for i in range(0, len(seconds), 4)]
    print(f"all {METHOD} steps (s) {' '.join(f'{s:.2f}' for s in seconds)}", file=sys.stderr)
    print(f"{METHOD} step: {statistics.median(seconds):.3f} s")
    lengths = [r["completions/mean_length"] for r in trainer.state.log_history if "completions/mean_length" in r]
    if lengths:
        print(f"{METHOD} tokens an answer: {statistics.mean(lengths):.1f}")


main()

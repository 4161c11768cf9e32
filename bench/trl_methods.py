#!/usr/bin/env python3
"""TRL's own DPO and GRPO trainers on the CPU, timed: the peer of drover_methods.py.

usage: trl_methods.py dpo|grpo MODEL_FOLDER DATA.jsonl      (threads: OMP_NUM_THREADS)
Prints the median step in seconds, without the first, and the peak memory. dpo: pairs {prompt,
chosen, rejected}, 4 a step; grpo: prompts {prompt}, 2 x 4 answers of 64 tokens each, none of which
ends earlier, prompts in the order of the file, 4 passes, reward: nearness to 200 characters."""
import os, resource, statistics, sys, time, warnings

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
warnings.filterwarnings("ignore")
import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

METHOD, MODEL, DATA = sys.argv[1:4]
STEPS = int(os.environ.get("STEPS", "3"))
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


class Clock(TrainerCallback):
    def __init__(self):
        self.at, self.seconds = None, []

    def on_step_begin(self, args, state, control, **_):
        self.at = self.at or time.monotonic()

    def on_step_end(self, args, state, control, **_):
        now = time.monotonic()
        self.seconds.append(now - self.at)
        self.at = now


def text(answer):
    return answer if isinstance(answer, str) else answer[0]["content"]


def main():
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    rows, clock = load_dataset("json", data_files=DATA, split="train"), Clock()
    shared = dict(output_dir="/dev/shm/trl", report_to="none", use_cpu=True, save_strategy="no", logging_steps=1,
                  bf16=False, disable_tqdm=True, learning_rate=1e-6)
    if METHOD == "dpo":
        from trl import DPOConfig, DPOTrainer
        config = DPOConfig(**shared, per_device_train_batch_size=4, max_steps=STEPS, max_length=512)
        trainer = DPOTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer,
                             callbacks=[clock])
    else:
        from trl import GRPOConfig, GRPOTrainer
        config = GRPOConfig(**shared, per_device_train_batch_size=8, num_generations=4, max_completion_length=64,
                            num_iterations=4, max_steps=4 * STEPS, beta=0.0, shuffle_dataset=False,
                            generation_kwargs={"min_new_tokens": 64})
        trainer = GRPOTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer,
                              reward_funcs=lambda completions, **_: [-abs(len(text(c)) - 200) / 200 for c in completions],
                              callbacks=[clock])
    trainer.train()
    seconds = clock.seconds
    if METHOD == "grpo":  # a step is one of four passes over the same answers
        seconds = [sum(seconds[i:i + 4]) for i in range(0, len(seconds), 4)]
    print(f"{METHOD} step: {statistics.median(seconds[1:]):.3f} s")
    print(f"{METHOD} peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.3f} GB")
    if METHOD == "grpo":
        lengths = [r["completions/mean_length"] for r in trainer.state.log_history if "completions/mean_length" in r]
        print(f"grpo tokens an answer: {statistics.mean(lengths):.1f}")


main()

#!/usr/bin/env python3
"""A set that people judged (`drover prefs export`), as TRL takes it: read by datasets, and two steps of RewardTrainer and of DPOTrainer.
usage: trl_set.py SET.jsonl MODEL_FOLDER     (trl 1.16, transformers 5)"""
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer

PLAIN = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"


def main():
    rows = load_dataset("json", data_files=sys.argv[1], split="train")
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[2])
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.chat_template = tokenizer.chat_template or PLAIN
    print(len(rows), "rows of", ", ".join(rows.column_names))
    with tempfile.TemporaryDirectory() as folder:
        shared = dict(output_dir=folder, report_to="none", use_cpu=True, save_strategy="no", logging_steps=1, bf16=False, disable_tqdm=True, max_steps=2,
                      per_device_train_batch_size=4, max_length=2048)
        for name, loader, more, trainer, config in (("reward", AutoModelForSequenceClassification, {"num_labels": 1}, RewardTrainer, RewardConfig),
                                                    ("dpo", AutoModelForCausalLM, {}, DPOTrainer, DPOConfig)):
            model = loader.from_pretrained(sys.argv[2], **more)
            model.config.pad_token_id = tokenizer.pad_token_id
            run = trainer(model=model, args=config(**shared), train_dataset=rows, processing_class=tokenizer)
            run.train()
            print(name, "loss", *(f"{float(line['loss']):.4f}" for line in run.state.log_history if "loss" in line))


main()

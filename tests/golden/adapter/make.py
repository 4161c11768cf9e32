"""Adapters as peft writes them, and what peft computes with them -> logits.inc, for tests/lm/test_adapter.c.

    python make.py > logits.inc        (in this folder; torch 2.13, transformers 5.23, peft 0.21.2)

The base is ../model/llama5. `policy`: all linear layers; `reward`: q_proj and v_proj with rsLoRA under a trained score,
`older`: policy's numbers in the names and with the keys that peft 0.6 wrote. All numbers are random.
"""
import json
import os

import peft
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM, LlamaForSequenceClassification

BASE = "../model/llama5"
TOKENS = [1, 40, 90, 200, 271, 5, 5, 77, 130, 262, 3, 2]


def make(name, kind, config, **more):
    torch.manual_seed(11)
    model = get_peft_model(kind.from_pretrained(BASE, dtype=torch.float32, **more), config)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.normal_(std=0.3)
    model.save_pretrained(name)
    os.remove(name + "/README.md")
    return model.eval()


def keep(name, change):
    path = name + "/adapter_config.json"
    config = json.load(open(path))
    change(config)
    json.dump(config, open(path, "w"), indent=2, sort_keys=True)


def numbers(name, values):
    print("static const float %s[] = {" % name)
    for at in range(0, len(values), 8):
        print("    " + " ".join("%.9ef," % v for v in values[at:at + 8]))
    print("};")


os.chdir(os.path.dirname(os.path.abspath(__file__)))
ids = torch.tensor([TOKENS])
print("/* Made by tests/golden/adapter/make.py: torch %s, peft %s. */" % (torch.__version__, peft.__version__))
print("static const int adapter_tokens[] = {%s};" % ", ".join(map(str, TOKENS)))
model = make("policy", LlamaForCausalLM, LoraConfig(r=2, lora_alpha=3, lora_dropout=0.1, task_type="CAUSAL_LM",
                                                    target_modules="all-linear"))
with torch.no_grad():
    logits = model(ids).logits[0, -1]
    merged = model.merge_and_unload()(ids).logits[0, -1]
assert float((logits - merged).abs().max()) < 1e-5
numbers("adapter_logits", logits.tolist())
model = make("reward", LlamaForSequenceClassification, LoraConfig(r=3, lora_alpha=4, use_rslora=True,
                                                                  task_type="SEQ_CLS"), num_labels=1)
with torch.no_grad():
    hidden = model.base_model.model.model(input_ids=ids).last_hidden_state[0]
    numbers("adapter_values", model.base_model.model.score(hidden)[:, 0].tolist())
os.makedirs("older", exist_ok=True)
save_file(load_file("policy/adapter_model.safetensors"), "older/adapter_model.safetensors")
json.dump({"auto_mapping": None, "base_model_name_or_path": "../../model/llama5", "bias": "none", "fan_in_fan_out": False,
           "inference_mode": True, "init_lora_weights": True, "layers_pattern": None, "layers_to_transform": None,
           "lora_alpha": 3.0, "lora_dropout": 0.1, "modules_to_save": None, "peft_type": "LORA", "r": 2, "revision": None,
           "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
           "task_type": "CAUSAL_LM"}, open("older/adapter_config.json", "w"), indent=2)
for name in ("policy", "reward"):
    keep(name, lambda c: c.update(base_model_name_or_path="../../model/llama5"))

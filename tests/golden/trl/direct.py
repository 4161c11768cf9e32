"""TRL's own numbers for tests/learner/test_parity_direct.c: DPO, KTO: five optimiser steps each.

usage: python direct.py      (trl 1.16, transformers 5; writes labels.jsonl, *.yaml and direct.json
beside it; make.py wrote the pairs). The YAML files are what `trl dpo --config` and `trl kto --config`
read.
"""

import json
import random
import tempfile

import make

RUNS = {
    "dpo_chat": ("dpo", "pairs.jsonl", "max_length: 90\n"),
    "dpo_plain": ("dpo", "plain.jsonl", "loss_type: [sigmoid, bco_pair, sft]\nloss_weights: [0.8, 0.2, 1.0]\n"
                  "gradient_accumulation_steps: 1\nmax_length: 30\n"),
    "dpo_wide": ("dpo", "plain.jsonl", "loss_type: [ipo, aot, discopop]\nbeta: 0.2\nld_alpha: 0.4\n"
                 "precompute_ref_log_probs: true\n"),
    "dpo_wpo": ("dpo", "pairs.jsonl", "loss_type: [sigmoid, sigmoid_norm]\nuse_weighting: true\nbeta: 2.0\n"
                "f_divergence_type: js_divergence\nper_device_train_batch_size: 2\n"),
    "dpo_sync": ("dpo", "plain.jsonl", "loss_type: [apo_zero, nca_pair]\nsync_ref_model: true\n"
                 "ref_model_sync_steps: 2\nref_model_mixup_alpha: 0.7\n"),
    "dpo_turns": ("dpo", "turns.jsonl", "max_length: 120\n"),
    "kto_cut": ("kto", "labels.jsonl", "beta: 0.5\nmax_length: 23\n"),
    "kto_labels": ("kto", "labels.jsonl", "desirable_weight: 1.2\nundesirable_weight: 0.7\nbeta: 0.3\n"),
    "kto_pairs": ("kto", "pairs.jsonl", "loss_type: apo_zero_unpaired\nmax_length: 90\n"),
}


def run(name, kind, file, extra):
    import trl
    from transformers import AutoTokenizer
    settings = dict(line.split(": ", 1) for line in make.SHARED.splitlines() if not line.startswith("#"))
    settings.update(line.split(": ", 1) for line in extra.splitlines())
    with open(name + ".yaml", "w") as f:
        f.write(make.SHARED.splitlines()[0] + "\n")
        f.writelines("%s: %s\n" % item for item in settings.items())
        f.write("model_name_or_path: ../model/llama5\ndatasets:\n  - path: json\n    data_files: %s\n" % file)
    config, trainer = {"dpo": (trl.DPOConfig, trl.DPOTrainer), "kto": (trl.KTOConfig, trl.KTOTrainer)}[kind]
    parser = trl.TrlParser((trl.ScriptArguments, config, trl.ModelConfig, trl.scripts.utils.DatasetMixtureConfig))
    script, args, model_args, mixture = parser.parse_args_and_config(["--config", name + ".yaml"])
    args.output_dir = tempfile.mkdtemp()
    args.per_device_eval_batch_size = 64  # all at once: what other sizes give is a mean over batches
    dataset = trl.scripts.utils.get_dataset(mixture)
    tokenizer = AutoTokenizer.from_pretrained("../model/llama5")
    t = trainer(model="../model/llama5", args=args, train_dataset=dataset["train"], eval_dataset=dataset["train"],
                processing_class=tokenizer)
    first = t.evaluate()
    t.train()
    rows = [r for r in t.state.log_history if "loss" in r]
    assert len(rows) == 5
    keep = lambda k: not k.endswith(("runtime", "per_second")) and k not in ("epoch", "total_flos")
    return {"eval": {k: v for k, v in first.items() if keep(k)},
            "steps": [{k: v for k, v in r.items() if keep(k)} for r in rows]}


if __name__ == "__main__":
    rng = random.Random(9)
    make.write("labels.jsonl", [{"prompt": make.sentence(rng, 2, 5), "completion": " " + make.sentence(rng, 1, 9),
                                 "label": rng.random() < .6} for _ in range(30)])
    with open("direct.json", "w") as f:
        json.dump({name: run(name, *spec) for name, spec in RUNS.items()}, f, indent=1)
        f.write("\n")

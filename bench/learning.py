#!/usr/bin/env python3
"""Is learning hurt by the numbers that products are computed in? SFT, reward model, DPO and PPO on HH's pairs, from a start
that lies on bfloat16's grid, in each `compute`, full and by LoRA, over seeds; each beside float32 of the same seed.

    bench/learning.py BIN MODEL PAIRS.jsonl WORK [key=value ...]      MODEL: a folder or .gguf; PAIRS: {"chosen", "rejected"}

A cell is one run, WORK/METHOD-WAY-MODE-SEED; what has a result.json is not run again, so the same command goes on where it was
stopped, with more seeds, too, and `only=report` prints what there is; `only=rounding` trains nothing. Seeds first: after each there is a whole table.
What is held out are `held` pairs of those that are short enough, others for each seed, so that an interval over seeds is one over pairs, too; accuracy is of these. PPO's reward model is
that of float32's run of the same way and seed (so `reward` is needed), its own products in float32, for every mode alike.
Of LoRA in bfloat16, where the merged weights are rounded, it says how much of the adapter's update is left in them."""
import json, math, os, random, shutil, statistics, subprocess, sys, time

KEYS = {"methods": "sft,reward,dpo,ppo", "modes": "float32,bfloat16", "ways": "full,lora", "seeds": "5", "steps": "60", "batch": "8",
        "held": "300", "characters": "700", "length": "256", "iterations": "8", "prompts": "8", "answer": "32", "nice": "19",
        "threads": "auto", "limit": "36000", "only": ""}
LORA = ["use_peft=true", "lora_r=16", "lora_alpha=32", "lora_target_modules=all-linear"]
RATES = {"full": "1e-6", "lora": "1e-4"}
FIGURES = {"sft": ("eval_loss", "eval_mean_token_accuracy"), "reward": ("eval_accuracy", "eval_loss"),
           "dpo": ("eval_rewards/accuracies", "eval_loss"), "ppo": ("reward at equal KL", "objective/scores", "objective/kl")}
T95 = [0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]  # Student's, two-sided, by degrees of freedom


def tensors(path):
    """name -> array, of a safetensors file; bfloat16 as its 16 bits."""
    import numpy as np
    with open(path, "rb") as f:
        n = int.from_bytes(f.read(8), "little")
        head = json.loads(f.read(n))
    kinds = {"BF16": np.uint16, "F32": np.float32}
    data = np.memmap(path, np.uint8, "r", 8 + n)
    return {name: data[t["data_offsets"][0]:t["data_offsets"][1]].view(kinds[t["dtype"]]).reshape(t["shape"])
            for name, t in head.items() if name != "__metadata__"}


def widened(x):
    import numpy as np
    return (x.astype(np.uint32) << 16).view(np.float32) if x.dtype == np.uint16 else np.asarray(x, np.float32)


def rounded(x):
    """float32 [rows, columns] -> bits of bfloat16 as weights are rounded: each by a threshold of its own (docs/MATH.md, R12)."""
    import numpy as np
    row, column = (np.arange(n, dtype=np.uint32) for n in x.shape)
    threshold = (row[:, None] * np.uint32(3242174889) + column * np.uint32(2447445413)) >> np.uint32(16)
    return ((np.ascontiguousarray(x, np.float32).view(np.uint32) + threshold) >> np.uint32(16)).astype(np.uint16)


def changed(start, model):
    """The share of the matrices' weights that are others than at the start: as bfloat16, whatever they were computed in."""
    old, new = tensors(f"{start}/model.safetensors"), tensors(f"{model}/model.safetensors")
    pairs = [(old[name], new[name]) for name in old if name in new and old[name].ndim == 2]
    return sum(int((rounded(widened(a)) != rounded(widened(b))).sum()) for a, b in pairs) / sum(a.size for a, _ in pairs)


def kept(start, adapter):
    """Of the update s B A of all matrices that have one: the part of it that is left when W + s B A is rounded to bfloat16, as
    cosine and ratio of lengths, and the share of weights that move."""
    import numpy as np
    with open(f"{adapter}/adapter_config.json") as f:
        conf = json.load(f)
    scale, base, parts = conf["lora_alpha"] / conf["r"], tensors(f"{start}/model.safetensors"), tensors(f"{adapter}/adapter_model.safetensors")
    dot = left = whole = moved = total = 0.0
    for name, a in parts.items():
        if not name.endswith("lora_A.weight"):
            continue
        w = widened(base[name.replace("base_model.model.", "").replace(".lora_A", "")])
        d = scale * widened(parts[name.replace("lora_A", "lora_B")]) @ widened(a)
        r = widened(rounded(w + d)) - w
        dot, left, whole = dot + float((r * d).sum()), left + float((r * r).sum()), whole + float((d * d).sum())
        moved, total = moved + int((r != 0).sum()), total + r.size
    if not (left and whole):
        return {"cosine": 0.0, "length": 0.0, "moved": 0.0}
    return {"cosine": dot / math.sqrt(left * whole), "length": math.sqrt(left / whole), "moved": moved / total}


def rounding(start):
    """The same of adapters as they would be after so many steps at 1e-4: A as PEFT draws it, B moved about as AdamW moves it."""
    import numpy as np
    rng, base = np.random.default_rng(1), tensors(f"{start}/model.safetensors")
    names = sorted(name for name in base if name.endswith(("q_proj.weight", "down_proj.weight")))[::10]
    print("| steps at 1e-4 | cosine | length | of the update, along it | weights that move |\n|---|---|---|---|---|")
    for steps in (1, 3, 10, 30, 100, 300, 1000):
        dot = left = whole = 0.0
        moved = total = 0
        for name in names:
            w = widened(base[name])
            a = rng.uniform(-1, 1, (16, w.shape[1])).astype(np.float32) / np.sqrt(w.shape[1])
            b = np.clip(rng.normal(0, .6, (w.shape[0], 16)), -1, 1).astype(np.float32) * np.float32(1e-4 * steps ** .8)
            d = 2 * b @ a
            r = widened(rounded(w + d)) - w
            dot, left, whole = dot + float((r * d).sum()), left + float((r * r).sum()), whole + float((d * d).sum())
            moved, total = moved + int((r != 0).sum()), total + r.size
        print(f"| {steps} | {dot / math.sqrt(left * whole):.2f} | {math.sqrt(left / whole):.2f} | {dot / whole:.2f} | {moved / total:.2f} |")


def rows_of(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


class Bench:
    def __init__(self, bin, model, pairs, work, k):
        self.bin, self.work, self.k = os.path.abspath(bin), os.path.abspath(work), k
        os.makedirs(work, exist_ok=True)
        self.start, self.asked = f"{self.work}/start", f"{self.work}/prompts.jsonl"
        if not os.path.exists(f"{self.start}/model.safetensors"):
            self.drover("convert", model, "to=folder", "dtype=bfloat16", f"out={self.start}")
        said = lambda text: text.rsplit("\n\nAssistant:", 1)[-1].strip()
        short = [r for r in rows_of(pairs) if max(len(r["chosen"]), len(r["rejected"])) <= int(k["characters"])
                 and said(r["chosen"]) and said(r["rejected"]) and said(r["chosen"]) != said(r["rejected"])]
        held = min(int(k["held"]), len(short) // 4)
        for seed in range(int(k["seeds"])):
            some = random.Random(seed).sample(short, len(short))
            os.makedirs(self.pairs(seed), exist_ok=True)
            for name, part in (("train", some[:-held]), ("test", some[-held:])):
                with open(f"{self.pairs(seed)}/{name}.jsonl", "w", encoding="utf-8") as f:
                    f.writelines(json.dumps({"chosen": r["chosen"], "rejected": r["rejected"]}) + "\n" for r in part)
        with open(self.asked, "w", encoding="utf-8") as f:  # what the dialogue asks last
            for r in short:
                asked = r["chosen"].rsplit("\n\nAssistant:", 1)[0].rsplit("\n\nHuman:", 1)[-1].strip()
                f.write(json.dumps({"prompt": [{"role": "user", "content": asked}]}) + "\n")
        print(f"{len(short) - held} pairs to learn from, {held} held out", flush=True)

    def pairs(self, seed):
        return f"{self.work}/pairs-{seed}"

    def drover(self, *words, log=None):
        with open(log or os.devnull, "w") as to:
            done = subprocess.run(["nice", "-n", self.k["nice"], f"{self.bin}/drover", *words], stdin=subprocess.DEVNULL, stdout=to,
                                  stderr=subprocess.STDOUT, timeout=float(self.k["limit"]), env=dict(os.environ, OMP_WAIT_POLICY="passive"))
        if done.returncode:
            raise SystemExit(f"FAILED: drover {' '.join(words)}\n{open(log).read()[-2000:] if log else ''}")

    def words(self, method, way, mode, seed, out):
        k = self.k
        words = [method, f"model={self.start}", f"output_dir={out}", f"compute={mode}", f"seed={seed}", f"learning_rate={RATES[way]}",
                 "save_strategy=no", "overwrite_output_dir=true", "lr_scheduler_type=constant", *(LORA if way == "lora" else [])]
        if method == "ppo":
            reward = f"{self.work}/reward-{way}-float32-{seed}/model"
            return words + [f"dataset={self.asked}", f"rewards=[{{name: rm, model: {reward}}}]", f"per_device_train_batch_size={k['prompts']}",
                            "gradient_accumulation_steps=1", "num_mini_batches=1", f"response_length={k['answer']}", f"max_steps={k['iterations']}",
                            "eval_prompts=0", "fleet.actors=1", f"critic_learning_rate={RATES[way]}", f"threads={k['threads']}"]
        return words + [f"dataset={self.pairs(seed)}", "format=hh", "eval_strategy=steps", f"eval_steps={k['steps']}",
                        f"per_device_train_batch_size={k['batch']}", "per_device_eval_batch_size=8", "gradient_accumulation_steps=1",
                        f"max_steps={k['steps']}", f"max_length={k['length']}", "logging_steps=5", f"threads={k['threads']}"]

    def cell(self, method, way, mode, seed):
        out = f"{self.work}/{method}-{way}-{mode}-{seed}"
        if os.path.exists(f"{out}/result.json") or (method == "ppo" and not os.path.exists(f"{self.work}/reward-{way}-float32-{seed}/result.json")):
            return
        shutil.rmtree(out, ignore_errors=True)
        begun = time.time()
        self.drover(*self.words(method, way, mode, seed, out), log=f"{out}.log")
        rows = rows_of(f"{out}/metrics.jsonl")
        result = {"seconds": time.time() - begun, "words": self.words(method, way, mode, seed, "OUT")}
        if method == "ppo":
            result["iterations"] = [{name: r.get(name) for name in ("objective/scores", "objective/kl", "drover_weights_changed")}
                                    for r in rows if "objective/kl" in r]
        else:
            last = [r for r in rows if "eval_loss" in r][-1]
            result["figures"] = {name: last[name] for name in FIGURES[method] if name in last}
            result["loss"] = [r["loss"] for r in rows if "loss" in r]
            if way == "full":
                result["changed"] = changed(self.start, f"{out}/model")
            elif mode != "float32":
                result["kept"] = kept(self.start, f"{out}/model")
        if method != "reward" or mode != "float32":  # PPO's judge stays
            for name in ("model", "checkpoints"):
                shutil.rmtree(f"{out}/{name}", ignore_errors=True)
        with open(f"{out}/result.new", "w") as f:
            json.dump(result, f, indent=1)
        os.replace(f"{out}/result.new", f"{out}/result.json")
        print(f"{method} {way} {mode} seed {seed}: {json.dumps(result.get('figures') or result['iterations'][-1])}, {result['seconds']:.0f} s", flush=True)

    # ---- the tables

    def result(self, *cell):
        path = f"{self.work}/{'-'.join(map(str, cell))}/result.json"
        return json.load(open(path)) if os.path.exists(path) else None

    def figure(self, method, way, mode, seed, name):
        found = self.result(method, way, mode, seed)
        if not found:
            return None
        if method != "ppo":
            return found["figures"].get(name)
        if name != "reward at equal KL":
            return found["iterations"][-1][name]
        other = self.result(method, way, "float32", seed)  # at the lesser of both runs' last KL, between iterations
        if not other:
            return None
        at = min(r["iterations"][-1]["objective/kl"] for r in (found, other))
        way_of = [(max(r["objective/kl"], 0), r["objective/scores"]) for r in found["iterations"]]
        for (a, x), (b, y) in zip(way_of, way_of[1:]):
            if a <= at <= b and b > a:
                return x + (y - x) * (at - a) / (b - a)
        return way_of[-1][1]

    def report(self):
        k = self.k
        seeds, modes = range(int(k["seeds"])), k["modes"].split(",")
        print("\n| method | way | figure | mode | seeds | mean | less float32, 95 % |\n|---|---|---|---|---|---|---|")
        for method in k["methods"].split(","):
            for way in k["ways"].split(","):
                for name in FIGURES[method]:
                    for mode in modes:
                        both = [(self.figure(method, way, mode, s, name), self.figure(method, way, "float32", s, name)) for s in seeds]
                        mine = [a for a, _ in both if a is not None]
                        if not mine:
                            continue
                        less = [a - b for a, b in both if a is not None and b is not None]
                        wide = T95[min(len(less) - 1, 9)] * statistics.stdev(less) / math.sqrt(len(less)) if len(less) > 1 else math.nan
                        apart = "–" if mode == "float32" else f"{statistics.mean(less):+.4f} ± {wide:.4f}" if less else "–"
                        print(f"| {method} | {way} | {name} | {mode} | {len(mine)} | {statistics.mean(mine):.4f} | {apart} |")
        print("\n| run | changed, of all weights | of the adapter's update rounding leaves: cosine, length, moved |\n|---|---|---|")
        for method in k["methods"].split(","):
            for way in k["ways"].split(","):
                for mode in modes:
                    found = [r for r in (self.result(method, way, mode, s) for s in seeds) if r]
                    share = [r["changed"] for r in found if "changed" in r]
                    left = [r["kept"] for r in found if "kept" in r]
                    if share or left:
                        print(f"| {method} {way} {mode} | {100 * statistics.mean(share):.2f} % |  |" if share else f"| {method} {way} {mode} |  | " +
                              ", ".join(f"{statistics.mean(r[x] for r in left):.3f}" for x in ("cosine", "length", "moved")) + " |")
        for way in k["ways"].split(","):
            for mode in modes:
                for s in seeds:
                    found = self.result("ppo", way, mode, s)
                    if found:
                        print(f"\nppo {way} {mode} seed {s}: iteration: reward, KL, share changed: " + "; ".join(
                            f"{i + 1}: {r['objective/scores']:.3f}, {r['objective/kl']:.4f}, {100 * r['drover_weights_changed']:.2f} %"
                            for i, r in enumerate(found["iterations"])))


def main():
    k = dict(KEYS, **dict(word.split("=", 1) for word in sys.argv[5:]))
    unknown = set(k) - set(KEYS)
    if len(sys.argv) < 5 or unknown:
        raise SystemExit(f"{__doc__}\nkeys: {KEYS}" + (f"\nunknown: {', '.join(unknown)}" if unknown else ""))
    bench = Bench(*sys.argv[1:5], k)
    if k["only"] == "rounding":
        rounding(bench.start)
        return
    if k["only"] != "report":
        for seed in range(int(k["seeds"])):
            for method in k["methods"].split(","):
                for way in k["ways"].split(","):
                    for mode in k["modes"].split(","):
                        bench.cell(method, way, mode, seed)
    bench.report()


main()

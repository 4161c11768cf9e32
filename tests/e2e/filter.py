#!/usr/bin/env python3
"""drover data filter on solutions whose wrong steps are known. usage: filter.py BIN_FOLDER

A process reward model of 80 000 weights learns which digit follows which; then it keeps solutions, and the
share of right ones among what it keeps must be far above that of all. The kept records must be
those that the scores of `drover reward-score` name, in their order. Standard library only."""

import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "long"))
import prm

os.environ.update(OMP_NUM_THREADS="2", OMP_WAIT_POLICY="passive")


def fail(words):
    print("FAILED:", words)
    sys.exit(1)


def solution(rng, prompt):
    steps, labels = [], []
    for _ in range(3):
        right = rng.random() < 0.7
        a = rng.randrange(10)
        steps.append(f"{a}{(a + 1 + (0 if right else rng.randrange(1, 10))) % 10}")
        labels.append(right)
    return dict(prompt=prompt, completions=steps, labels=labels)


def run(*words, status=0):
    done = subprocess.run([f"{prm.BIN}/drover", *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != status:
        fail(f"{' '.join(words)}: exit {done.returncode}: {done.stderr}")
    return done


def kept(*words):
    done = run("data", "filter", *words)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def refused(words, *args):
    done = run("data", "filter", *args, status=1)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("level=")]
    if len(lines) != 1 or words not in lines[0] or done.stdout:
        fail(f"{' '.join(args)}: expected one line with '{words}', got {done.stderr}{done.stdout}")


def right(rows):
    return sum(all(r["labels"]) for r in rows) / len(rows)


def train(folder):
    rng = random.Random(3)
    prm.write(f"{folder}/train.jsonl", [solution(rng, "next:") for _ in range(3000)])
    prm.write_model(f"{folder}/start", [], 2, 48, 3, 64, 1)
    run("prm", f"model={folder}/start", f"dataset={folder}/train.jsonl", f"output_dir={folder}/prm",
        "per_device_train_batch_size=32", "max_steps=500", "num_train_epochs=100", "learning_rate=5e-3",
        "lr_scheduler_type=cosine", "warmup_steps=0.05", "save_strategy=no", "gradient_checkpointing=false",
        "disable_tqdm=true")
    rows = [solution(rng, f"next {i // 8}:") for i in range(800)]  # eight solutions to each prompt
    prm.write(f"{folder}/all.jsonl", rows)
    return rows


def stepwise(folder, model, rows):
    print("-- solutions in steps: kept are those whose least step is believed")
    some, told = kept(f"{folder}/all.jsonl", f"by={model}", "above=0.5", f"report={folder}/report.json")
    score = prm.score(model, rows, "min")
    if some != [r for r, s in zip(rows, score) if s > 0.5]:
        fail("kept are not those above 0.5, in their order")
    report = json.load(open(f"{folder}/report.json"))
    if report["kept"] != len(some) or report["dropped"]["below"] != 800 - len(some) or f"{len(some)} kept" not in told:
        fail(f"counts: {report} {told}")
    print(f"   right solutions: {right(rows):.3f} of all {len(rows)}, {right(some):.3f} of {len(some)} kept")
    if right(some) < 0.75 or len(some) < 0.5 * right(rows) * len(rows):
        fail("the kept ones are no better, or too few")
    for how in ("product", "last", "mean"):
        some, _ = kept(f"{folder}/all.jsonl", f"by={model}", f"aggregate={how}", "above=0.6")
        score = prm.score(model, rows, how)
        if some != [r for r, s in zip(rows, score) if s > 0.6]:
            fail(f"aggregate={how}")
    run("data", "filter", f"{folder}/all.jsonl", f"by={model}", "above=0.5", "to=prompt-completion", f"output={folder}/sft.jsonl")
    run("data", "filter", f"{folder}/all.jsonl", f"by={model}", "above=0.5", f"output={folder}/steps.jsonl")
    for method, data in (("sft", "sft"), ("prm", "steps")):
        run(method, f"model={folder}/start", f"dataset={folder}/{data}.jsonl", f"output_dir={folder}/{method}-again",
            "max_steps=1", "save_strategy=no", "disable_tqdm=true")


def of_each_prompt(folder, model, rows):
    print("-- the best of each prompt, from plain answers cut into steps")
    plain = [dict(prompt=r["prompt"], completion="\n".join(r["completions"]), labels=r["labels"]) for r in rows]
    prm.write(f"{folder}/plain.jsonl", [dict(p, labels=None) for p in plain])
    score = prm.score(model, rows, "min")
    want = [max(range(g, g + 8), key=lambda i: score[i]) for g in range(0, len(rows), 8)]
    for top, more in (("top=1", []), ("top=0.125", []), ("top=1", ["above=0.5"])):
        some, _ = kept(f"{folder}/plain.jsonl", f"by={model}", top, *more)
        chosen = [i for i in want if not more or score[i] > 0.5]
        if [r["completion"] for r in some] != [plain[i]["completion"] for i in chosen]:
            fail(f"{top} {more}")
    best = right([rows[i] for i in want])
    print(f"   right: {best:.3f} of the best of eight")
    if best < right(rows) + 0.2:
        fail("the best of eight are no better")
    random.Random(1).shuffle(plain)  # records of a prompt need not stand together
    prm.write(f"{folder}/mixed.jsonl", plain)
    again, _ = kept(f"{folder}/mixed.jsonl", f"by={model}", "top=2", "strict=false")
    if len(again) != 200 or [r for r in plain if r in again] != again:
        fail("top=2 of a mixed file")


def pairs(folder, model, rows):
    print("-- pairs: kept where the chosen one scores higher")
    score = prm.score(model, rows, "min")
    text = ["\n".join(r["completions"]) for r in rows]
    both = [dict(prompt=rows[i]["prompt"], chosen=text[i], rejected=text[i + 1]) for i in range(0, 800, 2) if text[i] != text[i + 1]]
    value = {(r["prompt"], t): s for r, t, s in zip(rows, text, score)}
    prm.write(f"{folder}/pairs.jsonl", both)
    for above in (None, 0.2):
        some, _ = kept(f"{folder}/pairs.jsonl", f"by={model}", *([f"above={above}"] if above else []))
        want = [r for r in both if value[r["prompt"], r["chosen"]] - value[r["prompt"], r["rejected"]] > (above or 0)]
        if not 0 < len(some) < len(both) or some != want:
            fail(f"pairs above {above}: {len(some)} of {len(both)}, {len(want)} expected")
    run("data", "filter", f"{folder}/pairs.jsonl", f"by={model}", f"output={folder}/dpo.jsonl")
    run("dpo", f"model={folder}/start", f"dataset={folder}/dpo.jsonl", f"output_dir={folder}/dpo", "max_steps=1", "save_strategy=no",
        "disable_tqdm=true")
    some, _ = kept(f"{folder}/pairs.jsonl", "by={rule: regex, pattern: '^0'}")
    if some != [r for r in both if r["chosen"][0] == "0" and r["rejected"][0] != "0"]:
        fail("pairs by a rule")
    with open(f"{folder}/judge.txt", "w") as f:
        f.write("{prompt}{a}{b}\n[verdicts]\n0 1\n")
    judge = f"by={{judge: {folder}/start, template: {folder}/judge.txt}}"
    run("data", "filter", f"{folder}/pairs.jsonl", judge, "above=-1")
    refused("plain.jsonl:1: judge", f"{folder}/plain.jsonl", judge, "above=0")


def bad(folder, model):
    print("-- bad input: one line each; counted where strict is off")
    one = f"{folder}/one.jsonl"
    good = [dict(prompt="next:", completions=["12"], labels=[True])]
    prm.write(one, good)
    refused("who scores?", one, "above=0")
    refused("which answers to keep?", one, f"by={model}")
    refused("is kept: scores go from", one, f"by={model}", "above=2")
    refused("nowhere", one, f"by={folder}/nowhere", "above=0")
    refused("nowhere", f"{folder}/nowhere.jsonl", f"by={model}", "above=0")
    refused("a language model", one, f"by={folder}/start", "above=0")
    refused("known are min, product, last, mean", one, f"by={model}", "aggregate=best", "above=0")
    refused("aggregate: goes with", one, "by.rule=length", "by.max=3", "aggregate=min", "above=0")
    prm.write(one, good + [dict(prompt="only a prompt")])
    refused("one.jsonl:2: a record of kind prompt has no answer", one, f"by={model}", "above=0")
    prm.write(one, good + [dict(prompt="next:", completions=["12"], labels=[True, False])])
    refused("one.jsonl:2: labels: 'labels': 2 of them for 1 steps", one, f"by={model}", "above=0", f"output={folder}/no.jsonl")
    prm.write(one, good + [dict(prompt="next:", completions=["12" * 99], labels=[True]), dict(prompt="only")] + good)
    refused("one.jsonl:3:", one, f"by={model}", "above=0")
    some, told = kept(one, f"by={model}", "above=0", "strict=false")
    if some != good + good or "2 that could not be scored; first: " not in told:
        fail(f"strict=false: {some} {told}")
    prm.write(one, good + [dict(prompt="next:", completions=["12" * 99], labels=[True])])
    refused("one.jsonl:2: ", one, f"by={model}", "above=0", f"output={folder}/no.jsonl")
    if os.path.exists(f"{folder}/no.jsonl"):
        fail("an output of a run that failed")
    print("-- best of n by a process reward model, too")
    with open(f"{folder}/prompts.jsonl", "w") as f:
        f.write('{"prompt": "next:"}\n')
    run("eval", "best", f"model={folder}/start", f"dataset={folder}/prompts.jsonl", f"by={{model: {model}, steps: mean}}", "samples=2",
        "max_new_tokens=4")


def raft(folder, model):
    print("-- rejection sampling over a fleet: of each prompt the best, if its steps are believed")
    with open(f"{folder}/digits.jsonl", "w") as f:
        for i in range(400):
            one = solution(random.Random(i), "next:")
            f.write(json.dumps(dict(prompt=one["prompt"], completion="\n".join(one["completions"]))) + "\n")
    run("sft", f"model={folder}/start", f"dataset={folder}/digits.jsonl", f"output_dir={folder}/writer", "max_steps=60",
        "learning_rate=5e-3", "save_strategy=no", "disable_tqdm=true")
    run("raft", f"model={folder}/writer", f"dataset={folder}/prompts.jsonl", f"output_dir={folder}/raft", "max_steps=2",
        "num_generations=8", "num_best=2", "min_score=0.3", "per_device_train_batch_size=8", "gradient_accumulation_steps=1",
        "max_completion_length=10", "eval_prompts=0", "save_strategy=no", "fleet.actors=1", "fleet.rewarders=1",
        f"rewards=[{{name: steps, model: {model}, steps: min}}]")
    lines = [json.loads(line) for line in open(f"{folder}/raft/metrics.jsonl")]
    samples = [json.loads(line) for line in open(f"{folder}/raft/samples.jsonl")]
    learnt = [line["drover_learnt_answers"] for line in lines if "drover_learnt_answers" in line]
    want = [min(2, sum(s["rewards"]["steps"] >= 0.3 for s in samples[k:k + 8])) for k in (0, 8)]
    print(f"   learnt of 8 answers each: {learnt}")
    if learnt != want:
        fail(f"raft learnt {learnt}, not {want}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/prm/model"
        rows = train(folder)
        stepwise(folder, model, rows)
        of_each_prompt(folder, model, rows)
        pairs(folder, model, rows)
        bad(folder, model)
        raft(folder, model)
    print("filtering: all is well")


main()

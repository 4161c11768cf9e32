#!/usr/bin/env python3
"""Details of RLHF that go wrong silently (docs/MATH.md §11), looked at from outside, on real processes.

usage: details.py BIN_FOLDER
A small world's models are trained, aligned for some iterations, and what the run recorded is
compared with what other programs say about the same text. Standard library only."""
import collections, json, os, shutil, statistics, struct, subprocess, sys, tempfile

BIN = os.path.abspath(sys.argv[1])
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")
END = "<|endoftext|>"


def run(*words, lines=None, fails=False):
    given = None if lines is None else "\n".join(json.dumps(line) for line in lines)
    done = subprocess.run([os.path.join(BIN, "drover"), *words], env=ENV, text=True, input=given, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if (done.returncode != 0) != fails:
        raise SystemExit(f"{' '.join(words)}: exit status {done.returncode}\n{done.stderr[-3000:]}")
    return done.stderr if lines is None else [json.loads(line) for line in done.stdout.splitlines()]


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def write(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)


def near(what, got, wanted, gap=0.0):
    if not abs(got - wanted) <= gap:
        raise SystemExit(f"FAILED: {what}: {got}, expected {wanted} within {gap}")


def true(what, condition):
    if not condition:
        raise SystemExit(f"FAILED: {what}")


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def ppo(folder, *extra, fails=False):
    return run("ppo", "model=sft", "dataset=world/prompts.jsonl", f"output_dir={folder}", "total_episodes=32",
               "per_device_train_batch_size=8", "gradient_accumulation_steps=2", "num_ppo_epochs=2",
               "response_length=24", "learning_rate=1e-3", "missing_eos_penalty=1", "gradient_checkpointing=false",
               "eval_prompts=8", *([] if "rewards=" in "".join(extra) else ["reward_model_path=rm"]), *extra,
               fails=fails)


def journal(path):
    """(task, sample) -> ids, per scorer its values."""
    with open(path, "rb") as f:
        data = f.read()
    at, found = 8, {}
    while at + 24 <= len(data):
        length, _, kind, _ = struct.unpack_from("<IQII", data, at + 4)
        if kind == 2:
            found.update([sample(data[at + 24:at + 24 + length])])
        at += 24 + length
    return found


def sample(p):
    name = struct.unpack_from("<QI", p)
    at = 16 + 32 + 4
    (n,) = struct.unpack_from("<I", p, at)
    ids = struct.unpack_from(f"<{n}i", p, at + 4)
    at += 4 + 9 * n
    (spans,) = struct.unpack_from("<I", p, at)
    at += 4 + spans * (4 + 8 + 32)
    (scores,) = struct.unpack_from("<I", p, at)
    at, values = at + 4, []
    for _ in range(scores):
        (k,) = struct.unpack_from("<I", p, at + 32)
        values.append(struct.unpack_from(f"<{k}f", p, at + 36))
        at += 36 + 4 * k
    return name, (ids, values)


def models():
    run("world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=400", "pairs=300",
        "train=96", "heldout=8")
    quick = ["per_device_train_batch_size=32", "gradient_checkpointing=false", "logging_steps=50"]
    run("sft", "model=world/model", "dataset=world/sft.jsonl", "output_dir=sft", "max_steps=100",
        "learning_rate=3e-3", *quick)
    run("reward", "model=sft", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=15", "learning_rate=5e-4",
        *quick)


def the_model_learns_to_end():
    rows = [{"prompt": r["prompt"]} for r in read("world/heldout.jsonl")]
    out = run("generate", "--model", "sft", "temperature=0", "max_new_tokens=48", lines=rows)
    true("a model trained on texts with an end ends", sum(r["finish_reason"] == "stop" for r in out) >= 6)


def a_context_is_used_to_its_end():
    """Of a length that no engine's rounding divides."""
    run("world", "make", "dir=odd", "layers=1", "width=32", "heads=2", "context=100", "demonstrations=8", "pairs=8", "train=8",
        "heldout=2")
    prompt = read("odd/heldout.jsonl")[0]["prompt"]
    out = run("generate", "--model", "odd/model", "temperature=0", lines=[{"prompt": prompt}])
    true("an answer may fill a context of 100", out[0]["ids"])


def all_readers_read_alike(answers, scores):
    """eval and data filter read a text answer at the token that reward-score and PPO read at."""
    write("given.jsonl", answers)
    scores = [f32(s) for s in scores]  # nine digits of a score may lie on either side of it
    least = statistics.median_low(scores)
    run("data", "filter", "given.jsonl", "by=rm", f"above={least!r}", "output=kept.jsonl")
    true("data filter keeps what reward-score puts above a bound",
         read("kept.jsonl") == [a for a, s in zip(answers, scores) if s > least])
    ended = [(a, s) for a, s in zip(answers, scores) if a["finish_reason"] == "stop"]
    first = ended[0][0]["completion"], ended[0][1]
    others = [(a, s) for a, s in ended if a["completion"] != first[0]]
    true(f"{len(others)} pairs for eval", len(others) >= 4)
    write("pairs.jsonl", [{"prompt": a["prompt"], "chosen": a["completion"], "rejected": first[0]} for a, _ in others])
    run("eval", "accuracy", "dataset=pairs.jsonl", "by=rm", "output=pairs.out")
    true("eval says what reward-score says", [f32(r["chosen_score"]) for r in read("pairs.out")] == [s for _, s in others])


def scores_and_reference_are_those_of_other_programs():
    """Details 1, 5, 12, 41: three iterations on, text by text and bit by bit."""
    ppo("plain", "temperature=1", "total_episodes=48")
    rows = [r for r in read("plain/samples.jsonl") if r["kind"] == "train"]
    kept = journal("plain/journal")
    answers = [{"prompt": r["prompt"], "completion": r["completion"], "finish_reason": "stop" if r["ended"] else "length"}
               for r in rows]
    asked = [{"prompt": r["prompt"], "completion": r["completion"] + (END if r["ended"] else "")} for r in rows]
    reward = run("reward-score", "--model", "rm", lines=answers)
    true("reward-score reads with and without the end token in the text alike",
         reward == run("reward-score", "--model", "rm", lines=[{**a, "completion": b["completion"]}
                                                               for a, b in zip(answers, asked)]))
    all_readers_read_alike(answers, [r["score"] for r in reward])
    reference = run("score", "--model", "sft", lines=asked)
    true("48 answers", len(rows) == 48)
    same = changed = 0
    for row, score, by_sft in zip(rows, reward, reference):
        ids, values = kept[row["task"], row["sample"]]
        if list(ids) != by_sft["ids"]:
            continue # text that another split into tokens writes too
        same += 1
        near(f"task {row['task']}: reward", row["rewards"]["rm"], score["score"])
        wanted = [f32(x) for x in by_sft["logprobs"]]
        true(f"task {row['task']}: reference", list(values[-1]) == wanted)
        changed += row["version"] > 0
    true(f"{same} of 48 compared, {changed} of later versions", same >= 24 and changed >= 12)
    one = run("reward-score", "--model", "rm", lines=[{"prompt": p, "completion": asked[0]["completion"]}
                                                       for p in (asked[0]["prompt"], "room two : what about dinner ?\ninn :")])
    true("one answer to two questions has two scores", one[0]["score"] != one[1]["score"])


def the_reference_is_the_start():
    """Detail 22: at the reference the KL is 0 at any temperature, not nearly."""
    for t in 0.5, 1.3:
        ppo(f"t{t}", f"temperature={t}", "total_episodes=16")
        first = [m for m in read(f"t{t}/metrics.jsonl") if "objective/kl" in m][0]
        near(f"KL of version 0 at T = {t}", first["objective/kl"], 0)


def the_critic_begins_as_the_reward_model():
    """Detail 20, with a critic that is never moved."""
    ppo("critic", "critic_learning_rate=0", "total_episodes=16", "temperature=1")
    with open("critic/checkpoints/step-0000000001.ckpt", "rb") as f:
        data = f.read()
    (length,) = struct.unpack_from("<I", data, 8)
    at = 16 + length
    for name, size, _ in json.loads(data[16:16 + length])["blocks"]:
        if name == "critic":
            got = words(data[at:at + size])
        at += size
    with open("rm/model/model.safetensors", "rb") as f:
        data = f.read()
    (length,) = struct.unpack_from("<Q", data)
    true("the critic's first weights are the reward model's", got == words(data[8 + length:]))


def words(data):
    """All numbers, in whatever order their tensors stand."""
    return collections.Counter(struct.iter_unpack("<f", data))


def a_normalised_reward_has_a_scale():
    """Detail 16; and held-out prompts (43) are the same before and after and never trained on."""
    scaled = 'rewards=[{name: rm, model: rm, normalize: true}]'
    said = ppo("few", scaled, fails=True)
    true(f"24 answers are too few for a scale: {said}", "at least 32 answers of the start" in said)
    said = ppo("norm", scaled, "temperature=0.7", "gradient_accumulation_steps=4", "total_episodes=64")
    true(f"it is said from how many: {said[-600:]}", "deviation" in said and "of 40 answers of the start" in said)
    true("the critic learns alone at first, and that is said", "learns alone for 1 of 2 iterations" in said)
    rows = read("norm/samples.jsonl")
    before = [r for r in rows if r["kind"] == "before"]
    first = [r for r in rows if r["kind"] == "train" and r["step"] == 0]
    raw = [r["rewards"]["rm"] for r in before + first]
    mean, deviation = statistics.mean(raw), statistics.stdev(raw)
    wanted = statistics.mean((r["rewards"]["rm"] - mean) / deviation - (not r["ended"]) for r in first)
    line = [m for m in read("norm/metrics.jsonl") if "objective/kl" in m][0]
    near("the first iteration's scores", line["objective/scores"], wanted, 1e-5)
    prompts = collections.defaultdict(list)
    for r in rows:
        prompts[r["kind"]].append(r["prompt"])
    true("8 held-out prompts, twice", sorted(prompts["before"]) == sorted(prompts["after"]) and len(before) == 8)
    every = collections.Counter(r["prompt"] for r in read("world/prompts.jsonl"))
    for p in prompts["train"] + prompts["before"]:
        every[p] -= 1
    true("no prompt both held out and trained on", min(every.values()) >= 0)


def an_epoch_is_every_prompt_once():
    """Detail 40, and stop_if (44)."""
    ppo("epochs", "eval_prompts=0", "total_episodes=192", "num_ppo_epochs=1")
    rows = [r for r in read("epochs/samples.jsonl") if r["kind"] == "train"]
    data = collections.Counter(r["prompt"] for r in read("world/prompts.jsonl"))
    for half in rows[:96], rows[96:]:
        true("each prompt once an epoch", collections.Counter(r["prompt"] for r in half) == data)
    said = ppo("halt", 'stop_if={objective/kl: "> -1"}', "total_episodes=64")
    steps = [m for m in read("halt/metrics.jsonl") if "objective/kl" in m]
    true(f"stop_if ends after one iteration and says so: {said[-300:]}", len(steps) == 1 and "objective/kl" in said)
    after = [m["step"] for m in read("halt/metrics.jsonl") if m.get("eval_phase") == "after"]
    true(f"and evaluates what it ends with: {after}", after == [1] and
         [r["version"] for r in read("halt/samples.jsonl") if r["kind"] == "after"] == [1] * 8)


def lengths_are_said():
    """Details 4 and 7: what does not fit is refused by line, or counted."""
    rows = read("world/prompts.jsonl")
    write("long.jsonl", rows[:5] + [{"prompt": "room four : what about parking ? " * 200}] + rows[5:])
    said = ppo("long", "dataset=long.jsonl", fails=True).strip().splitlines()[-1]
    true(f"a long prompt is refused by its line: {said}", "long.jsonl:6" in said)
    pairs = read("world/pairs.jsonl")
    texts = [{"text": p["prompt"] + p[k] + END} for p in pairs for k in ("chosen", "rejected")]
    n = [len(r["ids"]) for r in run("tokenize", "--model", "sft", lines=texts)]
    over = sum(max(n[i], n[i + 1]) > 40 for i in range(0, len(n), 2))
    said = run("reward", "model=sft", "dataset=world/pairs.jsonl", "output_dir=short", "max_length=40", "max_steps=1")
    true(f"{over} pairs are left out: {said[:600]}", 0 < over < 300 and f"{over} left out by length" in said)
    demos = read("world/sft.jsonl")
    n = [len(r["ids"]) for r in run("tokenize", "--model", "sft", lines=[
        {"text": d["prompt"] + d["completion"] + END} for d in demos])]
    over = sum(k > 40 for k in n)
    said = run("sft", "model=sft", "dataset=world/sft.jsonl", "output_dir=cut", "max_length=40", "max_steps=1")
    true(f"{over} records are cut: {said[:600]}", 0 < over < 400 and f"{over} records cut" in said)


def what_is_saved_is_what_is_told():
    """The hash told is the file's, and what the start model says of generation is kept."""
    shutil.copytree("sft/model", "start")
    with open("start/generation_config.json", encoding="utf-8") as f:
        settings = dict(json.load(f), temperature=0.7, top_k=20)
    write("start/generation_config.json", [settings])
    for folder, more in ("half", []), ("half-lora", ["use_peft=true"]):
        told = ppo(folder, "model=start", "total_episodes=16", "dtype=bfloat16", *more).split("weights ")[1].split()[0]
        seen = subprocess.run([os.path.join(BIN, "drover"), "inspect", folder, "json=true"], env=ENV, text=True,
                              stdout=subprocess.PIPE, check=True).stdout
        true(f"{folder}: the hash told is that of the file", json.loads(seen)["hash"] == told)
    with open("half/model/generation_config.json", encoding="utf-8") as f:
        true("generation_config.json is kept", json.load(f) == settings)


def main():
    folder = tempfile.mkdtemp(prefix="drover-e2e-")
    os.chdir(folder)
    models()
    for check in (the_model_learns_to_end, a_context_is_used_to_its_end, scores_and_reference_are_those_of_other_programs,
                  the_reference_is_the_start,
                  the_critic_begins_as_the_reward_model, a_normalised_reward_has_a_scale,
                  an_epoch_is_every_prompt_once, lengths_are_said, what_is_saved_is_what_is_told):
        check()
        print("ok", check.__name__, flush=True)
    shutil.rmtree(folder)


main()

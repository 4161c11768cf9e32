#!/usr/bin/env python3
"""The table of docs/BENCHMARKS.md: each line's programs run by turns, ours beside its peers, as one JSON; and the table of it.

    bench/table.py run OUT.json [pairs=5] [minutes=25] [lines=decode,sft,...] [key=value ...]
    bench/table.py show OUT.json                       the table, as markdown
    bench/table.py docs OUT.json docs/BENCHMARKS.md    puts it between its two marks there

    python=…       a Python with torch, transformers, TRL 1.16           (default python3)
    python_ppo=…   one with TRL 0.22, the last that has PPO              (default: no peer of ppo)
    llama=…        a folder with llama-batched-bench                     (default: no such peer)
    peers=…        the folder that peers_prepare.py made                 (default peers)
    build=…        a build folder                                        (default build/release)
    threads=2
    without=…      parts of LINE:PROGRAM, with commas: these do not run, as "int8" or "dpo:TRL bfloat16"

A round runs every line once, a line's programs one after another, in the opposite order every second round: what else the machine
does falls on all of them. The first round runs every program; of peers that compete (the same program in float32 and in bfloat16,
with and without a pass ahead) those that were the fastest in nothing that JUDGED names are left out from then on, for they cost most
of the time, and so is what SEEN_ONCE names of ours.
What fails is told and not tried again in that run; the others go on. A run begins nothing that would outlast `minutes` by what it took before, says so, and goes on where it ended when it is started
again. A ratio is of two figures of one round; the table has the median of the rounds, the least and the greatest. Memory is the
most that a program and all its children held together (PSS, looked at twice a second), loading included."""
import json, os, re, statistics, subprocess, sys, time

from follow import watched

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = {"pairs": "5", "minutes": "25", "lines": "", "python": "python3", "python_ppo": "", "llama": "", "peers": "peers",
        "build": "build/release", "threads": "2", "without": ""}
BEGIN, END = "<!-- bench/table.py -->", "<!-- end of bench/table.py -->"
FRESH = 24  # tokens that a sequence decodes
JUDGED = {"decode": r"decode|score", "sft": "training", "dpo": "dpo epoch", "grpo": "grpo step", "ppo": "ppo step"}
COMPUTES = "float32", "bfloat16", "int8"
SEEN_ONCE = {(line, f"ours {c}") for line in ("dpo", "grpo", "ppo") for c in ("float32", "int8")}
EIGHT = "ours bfloat16, moments of 8 bits"
SEEN_ONCE |= {(line, EIGHT) for line in ("sft", "ppo")}
EQUAL = {"llama.cpp f32": "ours float32", "llama.cpp bf16": "ours bfloat16", "llama.cpp q8_0": "ours int8"}  # bytes a weight


def lines(k):
    """Of each line its programs: who it is, of which kin (ours, or peers that compete), and the command."""
    ours = f"{k['build']}/bin"
    bench = f"{k['build']}/bench"
    py, methods = f"{k['python']} {HERE}", f"{sys.executable} {HERE}/drover_methods.py"
    both = {"float32": 0, "bfloat16": 1}
    table = {
        "decode": [(f"ours {c}", "ours", f"{bench}/bench_decode 30 {FRESH} {c} 1") for c in COMPUTES] +
                  [(f"torch {c}", "torch", f"{py}/decode_torch.py 30 {FRESH} {c} 1") for c in both] +
                  ([(f"llama.cpp {c}", f"llama.cpp {c}", f"{sys.executable} {HERE}/llama_peer.py {k['llama']} {k['peers']}/model-{c}.gguf {FRESH}")
                    for c in ("f32", "bf16", "q8_0")] if k["llama"] else []),
        "sft": [(f"ours {c}", "ours", f"{bench}/bench_train {k['peers']}/model steps=2 compute={c}") for c in COMPUTES] +
               [(EIGHT, "ours", f"{bench}/bench_train {k['peers']}/model steps=2 compute=bfloat16 moments=8")] +
               [(f"torch {c}", "torch", f"{py}/train_torch.py {k['peers']}/model steps=2 bf16={b}") for c, b in both.items()],
    }
    for method in "dpo", "grpo", "ppo":
        table[method] = [(f"ours {c}", "ours", f"{methods} {method} {k['peers']} {ours} compute={c}") for c in COMPUTES]
    table["ppo"].append((EIGHT, "ours", f"{methods} ppo {k['peers']} {ours} compute=bfloat16 optim=adamw_8bit"))
    table["dpo"] += [(f"TRL {c}{' precomputed' if p else ''}", "TRL", f"{py}/trl_methods.py dpo {k['peers']} bf16={b} precompute={p}")
                     for c, b in both.items() for p in (0, 1)]
    table["grpo"] += [(f"TRL {c}", "TRL", f"{py}/trl_methods.py grpo {k['peers']} bf16={b}") for c, b in both.items()]
    if k["python_ppo"]:
        table["ppo"] += [(f"TRL 0.22 {c}", "TRL", f"{k['python_ppo']} {HERE}/trl_methods.py ppo {k['peers']} bf16={b}") for c, b in both.items()]
    chosen = k["lines"].split(",") if k["lines"] else list(table)
    for name in chosen:
        if name not in table:
            sys.exit(f"lines: {name}: none of {', '.join(table)}")
    unwanted = [word for word in k["without"].split(",") if word]
    return {name: [program for program in table[name] if not any(word in f"{name}:{program[0]}" for word in unwanted)] for name in chosen}


def more_is_better(label):
    return not re.search(r" step$| epoch$|memory", label) or label == "training"


def figures(out):
    return {" ".join(label.split()): float(number) for label, number in re.findall(r"^([^:\n]+):\s+([0-9.]+) (?:tokens/s|steps/s|s|GB|MB)\b", out, re.M)}


def left_out(runs, line, programs):
    """What need not run again after the first round."""
    first = {r["who"]: r["figures"] for r in runs if r["line"] == line and r["round"] == 0}
    best = set()
    for kin in {kin for _, kin, _ in programs}:
        members = [who for who, of, _ in programs if of == kin and who in first]
        for label in {label for who in members for label in first[who] if re.search(JUDGED[line], label)}:
            have = [who for who in members if label in first[who]]
            best.add((max if more_is_better(label) else min)(have, key=lambda who: first[who][label]))
    return {who for who, kin, _ in programs if (line, who) in SEEN_ONCE or kin != "ours" and who not in best}


def run(path, k):
    programs, begun, failed = lines(k), time.monotonic(), []
    kept = {"threads": int(k["threads"]), "runs": []}
    if os.path.exists(path):
        with open(path) as f:
            kept = json.load(f)
    runs = kept["runs"]
    os.environ.update(OMP_NUM_THREADS=k["threads"])
    os.environ.pop("OMP_WAIT_POLICY", None)  # each program's own choice
    for round_ in range(int(k["pairs"])):
        for line, list_ in programs.items():
            out = left_out(runs, line, list_) if round_ else set()
            for who, _, command in list_ if round_ % 2 == 0 else reversed(list_):
                took = [r["seconds"] for r in runs if r["line"] == line and r["who"] == who]
                if who in out or f"{line}, {who}" in failed or any((r["line"], r["who"], r["round"]) == (line, who, round_) for r in runs):
                    continue
                spent = time.monotonic() - begun
                if spent + (max(took) if took else 0) > 60 * float(k["minutes"]):
                    print(f"round {round_ + 1} {line}, {who}: not begun: {k['minutes']} minutes are over; run again to go on", flush=True)
                    continue
                print(f"{spent:5.0f} s  round {round_ + 1} {line}, {who} ...", end="", flush=True)
                start, load = time.monotonic(), os.getloadavg()[0]
                try:
                    text, held = watched(command)
                except RuntimeError as why:  # said, and the others go on
                    print(f" failed: {why}", flush=True)
                    failed.append(f"{line}, {who}")
                    continue
                seconds = time.monotonic() - start
                got = figures(text)
                if line != "decode":
                    got.pop("peak memory", None)
                    got |= {"peak memory": round(held, 6)} if held else {}
                runs.append({"line": line, "who": who, "round": round_, "seconds": round(seconds, 1), "load": round(load, 1), "figures": got})
                with open(path + ".new", "w") as f:
                    json.dump(kept, f, indent=1)
                os.replace(path + ".new", path)
                print(f" {seconds:.0f} s: " + ", ".join(f"{label} {value:g}" for label, value in got.items()), flush=True)
    return failed


def spread(values):
    return f"{statistics.median(values):.2f}" + (f" ({min(values):.2f} – {max(values):.2f})" if len(values) > 1 else "")


def table_of(kept):
    """Of each figure of a line: ours over each kin of peers, of which the best of a round counts."""
    runs, rows = kept["runs"], []
    by = {}
    for r in runs:
        for label, value in r["figures"].items():
            by[r["line"], label, r["who"], r["round"]] = value
    for line, label in dict.fromkeys((key[0], key[1]) for key in by):
        if "tokens an answer" in label:
            continue
        whos = dict.fromkeys(key[2] for key in by if key[:2] == (line, label))
        ours = [who for who in whos if who.startswith("ours")]
        kin = {}
        for who in whos:
            if who not in ours:
                kin.setdefault(who if who.startswith("llama.cpp") else who.split(" ")[0], []).append(who)
        rounds = sorted({key[3] for key in by if key[:2] == (line, label)})
        for us in ours:
            if us != ours[0]:
                ratios = [by[line, label, us, r] / by[line, label, ours[0], r] for r in rounds
                          if (line, label, us, r) in by and (line, label, ours[0], r) in by]
                rows.append((line, label, us, ours[0], ratios))
            for peer, members in kin.items():
                if us != EQUAL.get(peer, us):
                    continue
                ratios = []
                for r in rounds:
                    theirs = [by[line, label, who, r] for who in members if (line, label, who, r) in by]
                    if theirs and (line, label, us, r) in by:
                        ratios.append(by[line, label, us, r] / (max if more_is_better(label) else min)(theirs))
                rows.append((line, label, us, peer, ratios))
    return [row for row in rows if row[4]]


def show(kept):
    out = [f"| what | ours in | beside | ours / theirs: median (least – greatest) | rounds |", "|---|---|---|---|---|"]
    for line, label, us, peer, ratios in table_of(kept):
        unit = "tokens/s" if line == "decode" else "steps/s" if label == "training" else "GB" if "memory" in label else "s"
        name = label if label.startswith(line) or line == "decode" else f"{line}: {label}"
        out.append(f"| {name}, {unit} | {us.removeprefix('ours ')} | {peer} | {spread(ratios)} | {len(ratios)} |")
    return "\n".join(out)


def put(path, document):
    """The table to its place in a document."""
    with open(path) as f:
        text = show(json.load(f))
    with open(document) as f:
        doc = f.read()
    head, rest = doc.split(BEGIN)
    with open(document, "w") as f:
        f.write(head + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])


def main():
    what, path = sys.argv[1:3]
    if what == "docs":
        return put(path, sys.argv[3])
    if what == "run":
        words = dict(word.split("=", 1) for word in sys.argv[3:])
        unknown = set(words) - set(KEYS)
        if unknown:
            sys.exit(f"{', '.join(sorted(unknown))}: no such key")
        failed = run(path, KEYS | words)
    with open(path) as f:
        print(show(json.load(f)))
    if what == "run" and failed:
        sys.exit(f"failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()

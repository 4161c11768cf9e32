#!/usr/bin/env python3
"""What overlap gives under long-tailed lengths (p99 / p50 = 10): rollouts a second of `lag: 1` and `free: 4` over `none`.

    overlap.py BIN [key=value ...]

Real actors, one slot and one share of the processor each, so that a slot's speed is its own whatever the others do; real lengths,
the same in every run (lengths.py). The learner has a share of its own, such that training an iteration takes about as long as its
answers' tokens divided by the slots (generation and training cost alike; what `none` waits beyond is the tail). The bed: two answers
a slot and batch, since with one the longest answer of a small batch alone decides how long an iteration is, and overlap cannot even
that out (bound of `lag: 1` 1.80, here 1.88); a median of some 175 tokens, since taking a version (its bytes decrypted, hashed, laid
out) costs an actor as much processor as 125 tokens of this small model do, and much shorter answers would measure that.
Beside what is measured stands what rule 5 lets one hope for: a simulation of the same lengths in the same order, slots that pull
the next open task, a trainer that takes batches in order, and the window id < (version + eta + 1) * batch; its two costs, seconds
a token of a slot and seconds a trained token, are those of this machine's `none` runs. Runs are interleaved, `rounds` times. The
first `skip` iterations and the last `drain`, in which a run has nothing more to overlap with, count in none of them."""
import heapq, json, os, statistics, sys, tempfile, time
import lengths
from fleet import Fleet, make_model, tool
from net import Net

KEYS = {"modes": "none,lag:1,free:4", "actors": "16", "answers": "32", "group": "2", "mean": "400", "cores": ".04",
        "learner_cores": ".5", "epochs": "1", "iterations": "20", "rounds": "2", "skip": "2", "drain": "5", "limit": "900", "folder": "",
        "rate": "0", "alone": "1"}


def simulate(length, batch, slots, token, train, eta):
    """Seconds at which each version is there. length: of the answers in order; token, train: seconds a token."""
    n = len(length) // batch
    done, ready = [0.0] * n, [0.0] * (n + 1)  # when an iteration's last answer came, when a version was there
    free = [0.0] * slots
    heapq.heapify(free)
    for i in range(n * batch):
        iteration = i // batch
        opens = ready[max(0, iteration - eta)]
        end = max(heapq.heappop(free), opens) + token * length[i]
        heapq.heappush(free, end)
        done[iteration] = max(done[iteration], end)
        if (i + 1) % batch == 0:
            ready[iteration + 1] = max(done[iteration], ready[iteration]) + train * sum(length[iteration * batch:i + 1])
    return ready


def keys_of(k, folder, mode):
    group, answers = int(k["group"]), int(k["answers"])
    how, _, count = mode.partition(":")
    return [f"model={folder}", f"dataset={folder}/prompts.jsonl", "rewards=[{name: length, rule: length, target: 60}]",
            f"num_generations={group}", f"per_device_train_batch_size={group}", f"gradient_accumulation_steps={answers // group}",
            f"num_iterations={k['epochs']}", f"max_completion_length={lengths.most(float(k['mean']))}", "eval_prompts=0",
            f"max_steps={int(k['iterations']) * int(k['epochs'])}",
            "gradient_checkpointing=false", "learning_rate=1e-7", "beta=0", "save_strategy=no",
            "shuffle_dataset=false", "overlap=none" if how == "none" else f"overlap.{how}={count}"]


def measure(k, model, mode):
    with Net() as net:
        rate = float(k["rate"]) * 1e6 or None
        head, train = net.host("head", cores=.5), net.host("train", cores=float(k["learner_cores"]))
        hosts = [net.host(f"a{i}", rate, rate, float(k["cores"])) for i in range(int(k["actors"]))]
        with Fleet(net, k["bin"], os.path.join(k["folder"], "fleet")) as fleet:
            fleet.broker(head)
            fleet.rewarder(head)
            for host in hosts:
                fleet.actor(host, "--slots", "1", "--threads", "1")
            fleet.wait(lambda: fleet.said(fleet.processes("broker")[0]).count("event=joined") > len(hosts), 60, "all join")
            fleet.learner(train, "grpo", *keys_of(k, model, mode))
            marks = []

            def look(_):
                marks.extend([time.monotonic()] * (len(fleet.iterations()) - len(marks)))

            fleet.finish(float(k["limit"]), look, .03)
            look(0)
            lines, samples = fleet.iterations(), sorted(fleet.samples())
            fleet.account()
            skip, end = int(k["skip"]), len(marks) - int(k["drain"])
            return {"mode": mode, "rollouts_s": int(k["answers"]) * (end - skip) / (marks[end - 1] - marks[skip - 1]),
                    "train": statistics.mean(r["drover_train_seconds"] for r in lines[skip:end]),
                    "wait": statistics.mean(r["drover_wait_seconds"] for r in lines[skip:end]),
                    "mean": sum(s.tokens for s in samples) / len(samples), "length": [s.tokens for s in samples],
                    "staleness": statistics.mean(r["drover_staleness"] for r in lines), "hash": fleet.hash(),
                    "waits": [r["drover_wait_seconds"] for r in lines], "trains": [r["drover_train_seconds"] for r in lines]}


def bounds(k, nones, modes):
    """Simulated rollouts a second of each mode; and the two costs."""
    batch, slots, skip = int(k["answers"]), int(k["actors"]), int(k["skip"])
    length = nones[0]["length"]
    batches = [length[i:i + batch] for i in range(0, len(length), batch)]
    spans = [simulate(b, batch, slots, 1, 0, 0)[1] for b in batches]  # tokens that the last slot decodes, of each iteration
    token = statistics.median(w / s for r in nones for w, s in list(zip(r["waits"], spans))[skip:])
    train = statistics.median(t / sum(b) for r in nones for t, b in list(zip(r["trains"], batches))[skip:])
    out = {}
    for mode in modes:
        ready = simulate(length, batch, slots, token, train, 0 if mode == "none" else int(mode.partition(":")[2]))
        end = len(batches) - int(k["drain"])
        out[mode] = batch * (end - skip) / (ready[end] - ready[skip])
    return out, token, train


def main():
    k = dict(KEYS, bin=os.path.abspath(sys.argv[1]))
    for word in sys.argv[2:]:
        name, _, value = word.partition("=")
        if name not in k:
            raise SystemExit(f"no key {name}: {', '.join(KEYS)}")
        k[name] = value
    k["folder"] = os.path.abspath(k["folder"] or tempfile.mkdtemp(prefix="drover-overlap-"))
    world, model, modes = f"{k['folder']}/world", f"{k['folder']}/model", k["modes"].split(",")
    make_model(k["bin"], world, 1)
    lengths.make(model, world, float(k["mean"]))
    rows = {mode: [] for mode in modes}
    for _ in range(int(k["rounds"])):
        for mode in modes:
            row = measure(k, model, mode)
            rows[mode].append(row)
            print(json.dumps({name: v for name, v in row.items() if not isinstance(v, list)}), flush=True)
    bound, token, train = bounds(k, rows["none"], modes)
    length = sorted(rows["none"][0]["length"])
    p50, p99 = length[len(length) // 2], length[int(len(length) * .99)]
    print(f"{len(length)} answers: p50 {p50}, p99 {p99}, mean {sum(length) / len(length):.1f}; {1e3 * token:.2f} ms a token of a slot, "
          f"{1e3 * train * int(k['actors']):.2f} ms a trained token x slots")
    base = statistics.median(r["rollouts_s"] for r in rows["none"])
    for mode in modes:
        rate = statistics.median(r["rollouts_s"] for r in rows[mode])
        mean = statistics.mean(r["mean"] for r in rows[mode])
        print(f"{mode:8} {rate:7.2f} rollouts/s  {rate / base:5.2f} x none  bound {bound[mode]:7.2f}, {bound[mode] / bound['none']:5.2f} x  "
              f"mean length {100 * (mean / rows['none'][0]['mean'] - 1):+.2f} %  {len({r['hash'] for r in rows[mode]})} hash")
        if mode == "none" or mode.startswith("lag"):
            if len({r["hash"] for r in rows[mode]}) != 1:
                raise SystemExit(f"FAILED: {mode}: hashes differ: {[r['hash'] for r in rows[mode]]}")
            if int(k["alone"]):
                tool(k["bin"], "drover", "grpo", *keys_of(k, model, mode), f"output_dir={k['folder']}/alone", "fleet.actors=1",
                     "overwrite_output_dir=true", cwd=k["folder"], limit=600)
                if Fleet.hash_of(k["bin"], f"{k['folder']}/alone") != rows[mode][0]["hash"]:
                    raise SystemExit(f"FAILED: {mode}: another hash than one machine's")


if __name__ == "__main__":
    main()

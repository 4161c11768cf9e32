#!/usr/bin/env python3
"""What one slow, stuck or late host costs the others: seconds an iteration with it and without it, interleaved.

    slow.py BIN [key=value ...]

`hosts` actors, each on a host of its own with `cores` of a processor; beside them, by turns, nobody (`alone`), one that runs a
1/`factor` of each second (`slow`), one that is stopped for `stop` seconds in the middle of the second iteration (`stop`), one behind a link of `link`
Mbit/s (`link`). Generation dominates: the learner trains on little. The hash must be the same in all (overlap: none)."""
import json, os, signal, statistics, sys, tempfile, time
from fleet import Fleet, make_model
from net import Net

KEYS = {"cases": "alone,slow,stop,link", "hosts": "4", "cores": ".1", "factor": "50", "stop": "60", "link": ".5", "megabytes": "2",
        "answers": "128", "tokens": "64", "iterations": "5", "rounds": "2", "slots": "4", "limit": "900", "folder": "", "most": "1.1"}


def measure(k, case):
    n, cores = int(k["hosts"]), float(k["cores"])
    with Net() as net:
        head, train = net.host("head"), net.host("train")
        hosts = [net.host(f"a{i}", None, None, cores) for i in range(n)]
        rate = float(k["link"]) * 1e6 if case == "link" else None
        if case != "alone":
            hosts.append(net.host("odd", rate, rate, cores))
        with Fleet(net, k["bin"], os.path.join(k["folder"], "fleet")) as fleet:
            fleet.broker(head)
            fleet.rewarder(head)
            actors = [fleet.actor(host, "--slots", k["slots"], "--threads", "1") for host in hosts]
            fleet.wait(lambda: fleet.said(fleet.processes("broker")[0]).count("event=joined") > len(hosts), 60, "all join")
            fleet.learner(train, "grpo", f"model={k['folder']}/world/model", f"dataset={k['folder']}/world/prompts.jsonl",
                          "rewards=[{name: length, rule: length, target: 60}]", "num_generations=4", "per_device_train_batch_size=4",
                          f"gradient_accumulation_steps={int(k['answers']) // 4}", f"max_completion_length={k['tokens']}",
                          f"max_steps={k['iterations']}", "eval_prompts=0", "gradient_checkpointing=false", "learning_rate=1e-7",
                          "beta=0", "save_strategy=no", "shuffle_dataset=false", "overlap=none")
            marks, stopped, turn = [], [0.0, False], [0]

            def look(now):
                marks.extend([now] * (len(fleet.iterations()) - len(marks)))
                if case == "slow":  # called each 20 ms
                    turn[0] += 1
                    actors[-1].signal(signal.SIGCONT if turn[0] % int(k["factor"]) == 0 else signal.SIGSTOP)
                if case != "stop":
                    return
                if len(marks) == 1 and not stopped[0] and now > marks[0] + 2:
                    stopped[0] = now
                    actors[-1].signal(signal.SIGSTOP)
                if stopped[0] and not stopped[1] and now > stopped[0] + float(k["stop"]):
                    stopped[1] = True
                    actors[-1].signal(signal.SIGCONT)

            fleet.finish(float(k["limit"]), look, .02)
            look(0)
            fleet.account()
            actors[-1].signal(signal.SIGCONT)
            took = [b - a for a, b in zip(marks, marks[1:])]
            writers = {}
            for s in fleet.samples():
                writers[s.writer.split("-")[0]] = writers.get(s.writer.split("-")[0], 0) + 1
            return {"case": case, "seconds": [round(t, 2) for t in took], "mean": statistics.mean(took), "hash": fleet.hash(),
                    "writers": writers}


def main():
    k = dict(KEYS, bin=os.path.abspath(sys.argv[1]))
    for word in sys.argv[2:]:
        name, _, value = word.partition("=")
        if name not in k:
            raise SystemExit(f"no key {name}: {', '.join(KEYS)}")
        k[name] = value
    k["folder"] = os.path.abspath(k["folder"] or tempfile.mkdtemp(prefix="drover-slow-"))
    make_model(k["bin"], f"{k['folder']}/world", float(k["megabytes"]))
    rows = {case: [] for case in k["cases"].split(",")}
    for _ in range(int(k["rounds"])):
        for case in rows:
            rows[case].append(measure(k, case))
            print(json.dumps(rows[case][-1]), flush=True)
    if len({r["hash"] for case in rows for r in rows[case]}) != 1:
        raise SystemExit("FAILED: hashes differ")
    base = statistics.mean(r["mean"] for r in rows.get("alone", next(iter(rows.values()))))
    late = []
    for case in rows:
        mean = statistics.mean(r["mean"] for r in rows[case])
        print(f"{case:6} {mean:7.2f} s an iteration  {mean / base:5.2f} x alone")
        late += [case] if mean > float(k["most"]) * base else []
    if late:
        raise SystemExit(f"FAILED: more than {k['most']} x alone: {', '.join(late)}")


if __name__ == "__main__":
    main()

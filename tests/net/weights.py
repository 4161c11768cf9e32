#!/usr/bin/env python3
"""What a version's way to its hosts costs: bytes into each host and out of the learner's, and how long an iteration waits.

    weights.py BIN [key=value ...]        (defaults below; several values with commas are run in turn, `rounds` times interleaved)

`way`: hosts as equals, every link at `rate`. `slow`: one host more at `slow` Mbit/s beside `hosts` fast ones. `scale`: each host
has `cores` of a processor and work enough that generation is most of an iteration. The learner has a host of its own, the broker
and a rewarder another, so that the learner's uplink is what it sent. Bytes are counted between the first and the last iteration's
line: as many versions as lines lie between them. Figures are medians over the iterations after the first. `cpu`: processor seconds
a version, of all processes of a role. `ways`: what the learner offered instead of the image, in images, a version each. `times`:
tokens a second over those of the first row of its overlap; `pull`: seconds that an image takes at the link's rate."""
import json, os, re, statistics, sys, tempfile, time
from fleet import Fleet, make_model
from net import Net

KEYS = {"part": "way", "mb": "110", "rate": "100", "hosts": "1,2", "actors": "2", "overlap": "none", "iterations": "5",
        "answers": "16", "tokens": "16", "slots": "4", "cores": "0", "slow": "5,1,.5", "serve": "0", "rounds": "1", "limit": "900",
        "threads": "1", "lora": "0", "together": "0", "head_rate": "0", "model": "", "folder": "", "rewarder": "1", "lr": "1e-5",
        "learner_threads": "2", "lora_r": "16"}


def keys_of(k, world, overlap):
    lag = ["overlap=none"] if overlap == "none" else ["overlap.lag=" + overlap[4:]] if overlap.startswith("lag:") else [
        "overlap.free=" + overlap[5:]]
    model = k["model"] or f"{world}/model"
    group = 4 if int(k["answers"]) % 4 == 0 else 2
    return [f"model={model}", f"dataset={world}/prompts.jsonl",
            "rewards=[{name: length, rule: length, unit: characters, target: 40}]",
            f"num_generations={group}", f"per_device_train_batch_size={group}",
            f"gradient_accumulation_steps={int(k['answers']) // group}", f"max_completion_length={k['tokens']}",
            "stop_token=none", f"max_steps={k['iterations']}", "eval_prompts=0", "gradient_checkpointing=false", "beta=0",
            f"learning_rate={k['lr']}", "save_strategy=no", *lag,
            *(["use_peft=true", f"lora_r={k['lora_r']}", "lora_target_modules=all-linear"] if int(k["lora"]) else [])]


def measure(k, world, n, overlap, slow=0):
    """One run with n hosts (and one slow one). Its figures."""
    rate = float(k["rate"]) * 1e6 or None
    cores = float(k["cores"]) or None
    with Net() as net:
        head = net.host("head", float(k["head_rate"]) * 1e6 or rate, float(k["head_rate"]) * 1e6 or rate)
        train = head if int(k["together"]) else net.host("train", rate, rate)
        hosts = [net.host(f"h{i}", rate, rate, cores) for i in range(n)]
        late = [net.host("slow", slow * 1e6, slow * 1e6, cores)] if slow else []
        folder = k["folder"] or tempfile.mkdtemp(prefix="drover-weights-")
        with Fleet(net, k["bin"], os.path.join(folder, "fleet")) as fleet:
            fleet.broker(head)
            if int(k["rewarder"]):
                fleet.rewarder(head)
            for host in hosts + late:
                for _ in range(int(k["actors"])):
                    serve = ["--serve", f"tcp://{host.ip4}:0"] if int(k["serve"]) else []
                    fleet.actor(host, "--slots", k["slots"], "--threads", k["threads"], *serve)
            fleet.learner(train, "grpo", *keys_of(k, world, overlap), env={"OMP_NUM_THREADS": k["learner_threads"]})
            marks = []

            def look(_):
                lines = len(fleet.iterations())
                if lines > len(marks):
                    marks.extend([(net.bytes(), time.monotonic(), seconds(fleet))] * (lines - len(marks)))

            fleet.finish(float(k["limit"]), look, .05)
            look(0)
            lines = fleet.iterations()
            fleet.account()
            image = fleet_image(fleet, k, world)
            (first, begun, cpu), (last, ended, spent) = marks[0], marks[-1]
            versions = len(marks) - 1
            into = {h.name: (last[h.name].came - first[h.name].came) / versions / image for h in hosts + late}
            by = {}
            for s in fleet.samples():
                by[s.writer.rpartition("-")[0]] = by.get(s.writer.rpartition("-")[0], 0) + 1
            fast = [into[h.name] for h in hosts]
            return {"hosts": n, "overlap": overlap, "slow": slow, "image_mb": round(image / 1e6, 1),
                    "into_max": round(max(fast), 3), "into_mean": round(sum(fast) / n, 3),
                    "into_slow": round(into["slow"], 3) if slow else None,
                    "uplink": round((last[train.name].left - first[train.name].left) / versions / image, 3),
                    "head_out": round((last[head.name].left - first[head.name].left) / versions / image, 3),
                    "wait": round(statistics.median(r["drover_wait_seconds"] for r in lines[1:]), 2),
                    "train": round(statistics.median(r["drover_train_seconds"] for r in lines[1:]), 2),
                    "iteration": round((ended - begun) / versions, 2),
                    "tokens_s": round(int(k["answers"]) * int(k["tokens"]) * versions / (ended - begun), 2),
                    "pull": round(image * 8 / rate, 2) if rate else 0,
                    "cpu": {role: round((spent[role] - cpu[role]) / versions, 2) for role in cpu},
                    "ways": [round(int(b) / int(of), 3) for b, of in
                             re.findall(r"event=way kind=\w+ version=\d+ bytes=(\d+) image=(\d+)", fleet.said(fleet.trainer))],
                    "by": dict(sorted(by.items())), "hash": fleet.hash()[:16]}


def seconds(fleet):
    """Processor time so far by role; what has ended counts as when it was last seen."""
    for p in fleet.processes():
        p.spent = max(p.seconds(), getattr(p, "spent", 0))
    return {role: sum(p.spent for p in fleet.processes(role)) for role in ("broker", "learner", "actor", "rewarder")}


def fleet_image(fleet, k, world):
    """Bytes of what the run publishes: as the learner says, or else the weights' own size."""
    said = re.findall(r"event=way kind=\w+ version=\d+ bytes=\d+ image=(\d+)", fleet.said(fleet.trainer))
    folder = k["model"] or f"{world}/model"
    return int(said[0]) if said else sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)
                                         if f.endswith(".safetensors"))


def show(row, base):
    """Beside the first row of the same overlap."""
    print(json.dumps(dict(row, times=round(row["tokens_s"] / base.setdefault(row["overlap"], row["tokens_s"]), 2))), flush=True)


def main():
    k = dict(KEYS, bin=os.path.abspath(sys.argv[1]))
    for word in sys.argv[2:]:
        name, _, value = word.partition("=")
        if name not in k:
            raise SystemExit(f"no key {name}: {', '.join(KEYS)}")
        k[name] = value
    world = tempfile.mkdtemp(prefix="drover-world-") if not k["folder"] else os.path.join(k["folder"], "world")
    if not os.path.exists(f"{world}/model/model.safetensors"):
        make_model(k["bin"], world, float(k["mb"]))
    for _ in range(int(k["rounds"])):
        base = {}
        for overlap in k["overlap"].split(","):
            for n in map(int, k["hosts"].split(",")):
                if k["part"] != "slow":
                    show(measure(k, world, n, overlap), base)
                else:
                    for slow in [0, *map(float, k["slow"].split(","))]:
                        show(measure(k, world, n, overlap, slow), base)


main()

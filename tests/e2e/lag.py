#!/usr/bin/env python3
"""overlap: lag up to the allowed maximum, weights over the wire and as pages, with actors slower than the learner: at lag k
an actor works on versions V-k while V comes, so k+1 images are in use at once. No answer may fail for lack of one.

usage: lag.py BIN_FOLDER [LAG ...]     (default: 1 and 8, the most)
Standard library only."""
import json, os, shutil, signal, subprocess, sys, tempfile, time

BIN = os.path.abspath(sys.argv[1])
LAGS = [int(lag) for lag in sys.argv[2:]] or [1, 8]
ITERATIONS, BATCH = 24, 2
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")


def drover(*words, env=ENV, limit=200):
    done = subprocess.run([os.path.join(BIN, "drover"), *words], env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=limit)
    if done.returncode:
        raise SystemExit(f"FAILED: {' '.join(words)}\n{done.stdout[-3000:]}")
    return done.stdout


def actors(pid):
    """Process ids of a run's actors."""
    found = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            for child in f.read().split():
                with open(f"/proc/{child}/cmdline", "rb") as g:
                    if os.path.basename(g.read().split(b"\0")[0]) == b"drover-actor":
                        found.append(int(child))
    except OSError:
        pass
    return found


def ran(pids):
    """Seconds that they had the processor, their threads together."""
    total = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0]) / 1e9
        except OSError:
            pass
    return total


def tell(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def slowed(words, env, limit):
    """Runs it with an actor that has the processor for 4 ms of each 100: its own, so that others on this machine cost it
    little. One that waits is stopped again after 50."""
    with open("log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen([os.path.join(BIN, "drover"), *words], env=env, text=True, stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
        until = time.monotonic() + limit
        try:
            while process.poll() is None and time.monotonic() < until:
                pids = actors(process.pid)
                tell(pids, signal.SIGSTOP)
                time.sleep(.1)
                had, begin = ran(pids), time.monotonic()
                tell(pids, signal.SIGCONT)
                while ran(pids) - had < .004 and time.monotonic() - begin < .05:
                    time.sleep(.002)
        finally:
            late = process.poll() is None
            if late:
                process.terminate()
                process.wait()
        log.seek(0)
        said = log.read()
    if late or process.returncode:
        raise SystemExit(f"FAILED: {' '.join(words)}: {'not over in time' if late else process.returncode}\n{said[-3000:]}")
    return said


def run(lag, pages):
    name = f"lag{lag}-{'pages' if pages else 'wire'}"
    env = ENV if pages else dict(ENV, DROVER_HANDOVER="off")
    begin = time.monotonic()
    said = slowed(["ppo", "model=sft", "reward_model_path=rm", "dataset=world/prompts.jsonl", f"output_dir={name}",
                   f"total_episodes={BATCH * ITERATIONS}", f"per_device_train_batch_size={BATCH}", "num_ppo_epochs=1",
                   "num_mini_batches=1", "gradient_accumulation_steps=1", "response_length=100", "temperature=1",
                   "learning_rate=1e-4", "gradient_checkpointing=false", "eval_prompts=0", "fleet.actors=1",
                   f"overlap.lag={lag}"], env, 240)
    seconds = time.monotonic() - begin
    for bad in ("went away", "more versions", "failed"):
        if bad in said:
            raise SystemExit(f"FAILED: {name}: {[line for line in said.splitlines() if bad in line][:3]}")
    with open(f"{name}/metrics.jsonl", encoding="utf-8") as f:
        lines = [line for line in map(json.loads, f) if "objective/kl" in line]
    steps = len(lines)
    for line in lines:  # where they went is told of all of them
        parts = [line[f"drover_seconds_{phase}"] for phase in ("figures", "policy", "critic", "step", "publish")]
        if min(parts) <= 0 or abs(sum(parts) - line["drover_train_seconds"]) > .01 + .05 * line["drover_train_seconds"]:
            raise SystemExit(f"FAILED: {name}: {parts} s are not {line['drover_train_seconds']}")
    if steps != ITERATIONS:
        raise SystemExit(f"FAILED: {name}: {steps} iterations of {ITERATIONS}")
    print(f"{name}: {steps} iterations, {seconds:.0f} s, nothing failed", flush=True)


def main():
    folder = tempfile.mkdtemp(prefix="drover-lag-")
    os.chdir(folder)
    drover("world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=100", "pairs=50", "train=96",
           "heldout=8")
    quick = ["per_device_train_batch_size=32", "gradient_checkpointing=false", "logging_steps=50"]
    drover("sft", "model=world/model", "dataset=world/sft.jsonl", "output_dir=sft", "max_steps=5", *quick)
    drover("reward", "model=sft", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=2", *quick)
    for lag in LAGS:
        for pages in (True, False):
            run(lag, pages)
    os.chdir("/")
    shutil.rmtree(folder)


main()

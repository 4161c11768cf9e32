#!/usr/bin/env python3
"""A seeded PPO run ends in one weights hash, whatever happens on the way.

usage: same_end.py BIN_FOLDER [case ...]    no case: the short list; `all`: every case
Each case is a run of the same configuration on real processes; its weights hash must equal the
first one's. Random moments come from a seed that is printed. Standard library only."""
import json, os, random, shutil, signal, subprocess, sys, tempfile, time

BIN = os.path.abspath(sys.argv[1])
SEED = int(os.environ.get("DROVER_E2E_SEED", "1"))
KILLS = int(os.environ.get("DROVER_E2E_KILLS", "3"))
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")
HERE = os.path.dirname(os.path.abspath(__file__))


def tool(*words, **more):
    return subprocess.run([os.path.join(BIN, words[0]), *words[1:]], env=ENV, check=True, text=True,
                          stdout=subprocess.PIPE, **more).stdout


def prepare():
    tool("drover", "world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=400",
         "pairs=300", "train=96", "heldout=8")
    quick = ["per_device_train_batch_size=32", "gradient_checkpointing=false", "logging_steps=50"]
    tool("drover", "sft", "model=world/model", "dataset=world/sft.jsonl", "output_dir=sft", "max_steps=60",
         "learning_rate=3e-3", *quick)
    tool("drover", "reward", "model=sft", "dataset=world/pairs.jsonl", "output_dir=rm", "max_steps=15",
         "learning_rate=5e-4", *quick)


def arguments(name, overlap="none", extra=()):
    lag = ["overlap=none"] if overlap == "none" else [f"overlap.lag={overlap}"]
    return ["ppo", "model=sft", "reward_model_path=rm", "dataset=world/prompts.jsonl", f"output_dir={name}",
            "total_episodes=192", "per_device_train_batch_size=8", "gradient_accumulation_steps=2",
            "num_ppo_epochs=2", "num_mini_batches=2", "response_length=40", "temperature=1", "learning_rate=1e-3",
            "kl_coef=0.05", "missing_eos_penalty=1", "gradient_checkpointing=false", "eval_prompts=4",
            "save_steps=3", *lag, *extra]


def hash_of(name):
    return json.loads(tool("drover", "inspect", f"{name}/model", "json=true"))["hash"]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            pids = [int(p) for p in f.read().split()]
    except OSError:
        return {}
    found = {}
    for p in pids:
        try:
            with open(f"/proc/{p}/cmdline", "rb") as f:
                role = os.path.basename(f.read().split(b"\0")[0].decode()).replace("drover-", "")
        except OSError:
            continue
        found.setdefault(role, []).append(p)
    return found


class Run:
    """`drover ppo` under its supervisor, disturbed by `act(run, now)` ten times a second."""

    def __init__(self, name, act=None, limit=150, **more):
        shutil.rmtree(name, ignore_errors=True)
        self.name, self.kills, self.random = name, {}, random.Random(f"{SEED}/{name}")
        self.log = open(f"{name}.log", "w")
        extra = more.pop("extra", [])
        self.process = subprocess.Popen([os.path.join(BIN, "drover"), *arguments(name, more.get("overlap", "none"),
                                         extra)], env=ENV, stdout=self.log, stderr=subprocess.STDOUT)
        start = time.monotonic()
        try:
            while self.process.poll() is None:
                time.sleep(0.1)
                if time.monotonic() - start > limit:
                    raise SystemExit(f"{name}: not done after {limit} s; see {os.getcwd()}/{name}.log")
                if act:
                    act(self, time.monotonic() - start)
        finally:
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(30)
        if self.process.returncode:
            with open(f"{name}.log") as f:
                raise SystemExit(f"{name}: exit status {self.process.returncode}\n" + f.read()[-3000:])

    def kill(self, role, how=signal.SIGKILL):
        pids = children(self.process.pid).get(role, [])
        if pids:
            os.kill(self.random.choice(pids), how)
            self.kills[role] = self.kills.get(role, 0) + 1


def killer(roles, every):
    state = {"next": 2.0}

    def act(run, now):
        role = run.random.choice(roles)
        if now >= state["next"] and run.kills.get(role, 0) < KILLS:
            state["next"] = now + every * run.random.uniform(0.5, 1.5)
            run.kill(role)
    return act


def scaler(steps):
    left = list(steps)

    def act(run, now):
        if left and now >= left[0][0] and os.path.exists(f"{run.name}/fleet.json"):
            when, n = left.pop(0)
            subprocess.run([os.path.join(BIN, "drover"), "scale", f"actors={n}", f"run={run.name}"], env=ENV,
                           stdout=run.log, stderr=run.log)
    return act


CASES = {
    "one-actor": lambda lag: Run(f"one-{lag}", overlap=lag, extra=["fleet.actors=1"]),
    "two-actors": lambda lag: Run(f"two-{lag}", overlap=lag, extra=["fleet.actors=2"]),
    "five-actors": lambda lag: Run(f"five-{lag}", overlap=lag, extra=["fleet.actors=5"]),
    "scale": lambda lag: Run(f"scale-{lag}", scaler([(2, 5), (4, 1)]), overlap=lag),
    "mixed-isa": lambda lag: Run(f"isa-{lag}", overlap=lag, extra=["fleet.actors=2", "fleet.actor_isa=" + isas()]),
    "kill-actor": lambda lag: Run(f"ka-{lag}", killer(["actor"], 0.7), overlap=lag),
    "kill-rewarder": lambda lag: Run(f"kr-{lag}", killer(["rewarder"], 0.7), overlap=lag),
    "kill-broker": lambda lag: Run(f"kb-{lag}", killer(["broker"], 1.0), overlap=lag),
    "kill-learner": lambda lag: Run(f"kl-{lag}", killer(["learner"], 2.0), overlap=lag),
    "kill-all": lambda lag: Run(f"kx-{lag}", killer(["actor", "rewarder", "broker", "learner"], 1.0), overlap=lag),
}
SHORT = ["one-actor", "two-actors", "kill-all"]


def isas():
    with open("/proc/cpuinfo") as f:
        flags = f.read()
    if "avx512dq" not in flags:
        print("not shown: avx512 (this CPU has none); avx2 beside scalar instead")
        return "avx2,scalar"
    return "avx2,avx512"


def accounting(run):
    script = os.path.join(HERE, "..", "..", "examples", "journal.py")
    subprocess.run([sys.executable, script, f"{run.name}/journal"], check=True, stdout=run.log, stderr=run.log)


def main():
    asked = sys.argv[2:] or SHORT
    asked = list(CASES) if asked == ["all"] else asked
    folder = tempfile.mkdtemp(prefix="drover-e2e-")
    os.chdir(folder)
    print(f"seed {SEED}, {KILLS} kills a role at most, in {folder}", flush=True)
    prepare()
    bad = 0
    for lag in ["none", "2"]:
        first = None
        for case in asked:
            begin = time.monotonic()
            run = CASES[case](lag)
            accounting(run)
            got = hash_of(run.name)
            first = first or got
            bad += got != first
            print(f"overlap {lag:4} {case:14} {got[:16]} {'same' if got == first else 'DIFFERENT'} "
                  f"kills {run.kills} {time.monotonic() - begin:.1f} s", flush=True)
    if bad:
        raise SystemExit(f"{bad} runs ended elsewhere; logs in {folder}")
    shutil.rmtree(folder)


main()

#!/usr/bin/env python3
"""drover serve broker=: what a fleet trains is served while it trains. Each answer is of one version, named in
it, and has the bits of `drover generate` on that version's checkpoint; the run has the bits that it has without;
a broker that goes ends nothing; other keys are refused by name. usage: follow.py BIN_FOLDER"""
import http.client, json, os, re, signal, subprocess, sys, tempfile, threading, time

sys.dont_write_bytecode = True
from fleet import ENV, Folder, free_row, hash_of, new_key, new_keys, program, tool

STEPS = 3
WIRE = dict(ENV, DROVER_HANDOVER="off")
WORDS = ["grpo", "model=world/model", "dataset=world/prompts.jsonl", 'rewards=[{"name": "a", "rule": "length", "unit": "characters", "target": 60}]',
         "eval_prompts=0", "num_generations=4", "per_device_train_batch_size=16", "max_completion_length=24",
         "learning_rate=1e-2", "beta=0", "gradient_checkpointing=false", "lr_scheduler_type=constant", "report_to=none"]
processes = []


def true(what, holds, *more):
    if not holds:
        for name in sorted(os.listdir(".")):
            if name.endswith(".log"):
                print(f"--- {name}\n" + open(name, errors="replace").read()[-2500:])
        raise SystemExit("FAILED: " + " ".join([what, *map(str, more)])[:2000])


def until(what, so, limit=60):
    end = time.monotonic() + limit
    while not so():
        true(f"not within {limit} s: {what}", time.monotonic() < end)
        time.sleep(.02)


def start(log, *words, env=WIRE):
    with open(log, "a") as out:
        processes.append(subprocess.Popen([program(words[0]), *words[1:]], env=env, stdout=out, stderr=subprocess.STDOUT))
    return processes[-1]


def end(process, status=0, limit=30):
    process.terminate()
    true(f"{process.args[:2]} ends with {status}", process.wait(limit) == status, process.returncode)


def said(log, words):
    with open(log, errors="replace") as f:
        return f.read().count(words)


class Serve:
    def __init__(self, log, *words):
        self.log = log
        self.process = start(log, "drover", "serve", "listen=127.0.0.1:0", *words)
        until(f"{log} listens", lambda: self.port() or self.process.poll() is not None, 60)
        true("it serves", self.port())

    def port(self):
        found = re.search(r"^port (\d+): ", open(self.log).read(), re.M)
        return int(found.group(1)) if found else 0

    def raw(self, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=60)
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        true(f"{path} is answered", answer.status == 200, answer.status, text)
        return answer.getheader("X-Drover-Version"), text

    def version(self):
        return json.loads(self.raw("/health")[1])["version"]

    def number(self):
        return int(self.version().split("-")[0])


ASK = {"prompt": "3 + 4 =", "max_tokens": 24, "seed": 5, "temperature": 1, "logprobs": 0, "return_token_ids": True}


def ask(serve, answers, n, stream):
    """All answers of a request are of one version, which head and body name."""
    head, text = serve.raw("/v1/completions", dict(ASK, n=n, stream=stream))
    got = {i: ([], []) for i in range(n)}
    events = [json.loads(e[6:]) for e in text.split("\n\n")[:-2]] if stream else [json.loads(text)]
    for event in events:
        true("head and body name one version", event["system_fingerprint"] == head, head, event)
        for choice in event["choices"]:
            got[choice["index"]][0].extend(choice.get("token_ids") or [])
            got[choice["index"]][1].extend((choice["logprobs"] or {}).get("token_logprobs", []))
    answers.append((head, stream, [got[i] for i in range(n)]))


def of_generate(model, n):
    out = subprocess.run([program("drover"), "generate", f"model={model}", "seed=5", f"n={n}", "temperature=1", "max_new_tokens=24"],
                         env=ENV, check=True, text=True, stdout=subprocess.PIPE, input=json.dumps({"prompt": ASK["prompt"]})).stdout
    return [(one["ids"], one["logprobs"]) for one in json.loads(out)["completions"]]


def the_runs_without():
    """Their models are those of versions 1 and STEPS."""
    for name, steps in ("short", 1), ("alone", STEPS):
        process = start(f"{name}.log", "drover", *WORDS, f"max_steps={steps}", f"output_dir={name}", env=ENV)
        true("the run ends", process.wait(120) == 0)
    return hash_of("alone")


def bystanders(keys, control, bulk, board):
    start("broker.log", "drover-broker", f"--bind=tcp://127.0.0.1:{control}", f"--keys={keys}")
    broker = processes[-1]
    at = f"--broker=tcp://127.0.0.1:{control}"
    start("actor.log", "drover-actor", at, f"--key={new_key(keys, 'actor', 'one')}")
    rewarder = start("rewarder.log", "drover-rewarder", at, f"--key={new_key(keys, 'rewarder', 'two')}")
    return broker, rewarder


def who_is_not_let_in(keys, at):
    """Before anything is served a key that may not is an error, in words."""
    for role in ("actor", "watcher"):
        key = new_key(keys, role, f"wrong-{role}")
        got = subprocess.run([program("drover"), "serve", f"broker={at}", f"key={key}"], env=ENV, text=True, capture_output=True, timeout=60)
        true(f"a key of the role {role} serves nothing", got.returncode == 1 and ("role" in got.stderr or "key" in got.stderr),
             got.returncode, got.stderr)


def the_run_with(alone):
    row = free_row()
    keys, at = new_keys("keys"), f"tcp://127.0.0.1:{row[0]}"
    broker, rewarder = bystanders(keys, *row)
    who_is_not_let_in(keys, at)
    rewarder.send_signal(signal.SIGSTOP)  # who scores stands still, so that each version is there for a while
    learner = start("learner.log", "drover-learner", *WORDS, f"max_steps={STEPS}", "output_dir=run", f"broker={at}",
                    f"broker_key={new_key(keys, 'learner', 'learner')}")
    serve = Serve("serve.log", f"broker={at}", f"key={new_key(keys, 'follower', 'reader')}", "slots=4")
    answers, stopped, journal = [], threading.Event(), Folder("run")

    def asking(stream):
        while not stopped.is_set():
            ask(serve, answers, 16, stream)

    askers = [threading.Thread(target=asking, args=(stream,)) for stream in (False, True)]
    for one in askers:
        one.start()
    while learner.poll() is None:
        steps = journal.records(Folder.STEP)
        until("it is served", lambda: serve.number() >= steps, 20)
        asked = len(answers)
        until("and asked for", lambda: len(answers) >= asked + 3, 20)
        rewarder.send_signal(signal.SIGCONT)
        until("the run goes on", lambda: journal.records(Folder.STEP) > steps or learner.poll() is not None)
        rewarder.send_signal(signal.SIGSTOP if learner.poll() is None else signal.SIGCONT)
    rewarder.send_signal(signal.SIGCONT)
    true("the learner ends well", learner.returncode == 0, learner.returncode)
    until("the last version is served", lambda: serve.number() == STEPS, 20)
    stopped.set()
    for one in askers:
        one.join()
    ask(serve, answers, 8, False)
    true("the run has the bits that it has without", hash_of("run") == alone)
    compare(answers)
    return serve, broker, row, keys


def compare(answers):
    """With `drover generate` on the models of some versions; all of one version with one another."""
    made = {number: of_generate(model, 16) for number, model in ((0, "world/model"), (1, "short"), (STEPS, "alone"))}
    seen = {}
    for head, stream, got in answers:
        want = made.setdefault(int(head.split("-")[0]), got)
        true(f"{head} answers as it should", got == want[:len(got)], stream, got[0], want[0])
        seen.setdefault(head, set()).add(stream)
    true("several versions answered, streams too", sum(len(streams) == 2 for streams in seen.values()) >= 3, seen)
    true("each in its own way", len({json.dumps(made[int(head.split("-")[0])][:8]) for head in seen}) == len(seen), seen)


def a_broker_that_goes(serve, broker, row, keys):
    """It is said, nothing ends, and it comes back."""
    before = serve.version()
    end(broker)
    until("it is said", lambda: said("serve.log", "event=fleet state=away") == 1, 30)
    answers = []
    ask(serve, answers, 2, False)
    true("the same goes on", answers[0][0] == before and json.loads(serve.raw("/health")[1])["fleet"] == "away")
    again = start("broker.log", "drover-broker", f"--bind=tcp://127.0.0.1:{row[0]}", f"--keys={keys}")
    until("it comes back", lambda: said("serve.log", "event=fleet state=here") == 1, 30)
    end(serve.process)
    true("it leaves in words", said("broker.log", 'reason="stops following"') == 1)
    end(again)


def by_its_folder():
    """A supervised run has a key for who follows it."""
    process = start("own.log", "drover", *WORDS, "max_steps=60", "output_dir=own", env=ENV)
    until("the run is there", lambda: os.path.exists("own/fleet.json"))
    serve = Serve("own-serve.log", "run=own")
    true("it is named after the run", json.loads(serve.raw("/v1/models")[1])["data"][0]["id"] == "own")
    first = serve.number()
    until("newer ones come", lambda: serve.number() > first + 1 or process.poll() is not None)
    true("of a running run", serve.number() > first)
    end(process)
    end(serve.process)


def main():
    tool("drover", "world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=50", "pairs=10", "train=64", "heldout=4")
    alone = the_runs_without()
    a_broker_that_goes(*the_run_with(alone))
    by_its_folder()


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    try:
        main()
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        os.chdir("/")

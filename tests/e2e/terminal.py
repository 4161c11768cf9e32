#!/usr/bin/env python3
"""What a terminal does to a run over a fleet: Ctrl-C behind a pipe, once and twice, a reader that
leaves, a terminal that closes, Ctrl-Z; a reward's own process; orders that are too large.

usage: terminal.py BIN_FOLDER
Standard library only; the worker's own part wants pyzmq and msgpack, and is left out without."""
import importlib.util, json, os, pty, shutil, signal, subprocess, sys, tempfile, time

BIN = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
ENV = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1", PATH=f"{BIN}:{os.environ['PATH']}")
PPO = ("drover ppo model=world/model dataset=world/prompts.jsonl response_length=8 per_device_train_batch_size=8 "
       "eval_prompts=2 save_steps=1000 disable_tqdm=true")
RULE = "rewards='[{name: short, rule: length, min: 1, max: 4}]'"
FOR_EVER = "total_episodes=1000000"


def true(what, condition, more=""):
    if not condition:
        raise SystemExit(f"FAILED: {what}\n{more}")


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def state(run):
    text = read(f"{run}/run.json")
    return json.loads(text).get("state") if text else None


def iterations(run):
    return read(f"{run}/metrics.jsonl").count('"objective/scores"')


def wait_for(what, condition, seconds=60, more=lambda: ""):
    end = time.monotonic() + seconds
    while not condition():
        true(f"no {what} within {seconds} s", time.monotonic() < end, more())
        time.sleep(.05)


def members(session_leader_words):
    """Processes whose command line has these words."""
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if session_leader_words in line and int(p) != os.getpid():
            found.append(int(p))
    return found


def in_terminal(command):
    """The shell command in a terminal of its own: (pid, master)."""
    pid, master = pty.fork()
    if not pid:
        os.execvpe("sh", ["sh", "-c", command], ENV)
    os.set_blocking(master, False)
    return pid, master


def said(master, sink):
    try:
        while True:
            got = os.read(master, 65536)
            if not got:
                break
            sink.append(got.decode(errors="replace"))
    except (BlockingIOError, OSError):
        pass
    return "".join(sink)


def over(pid, seconds=40, master=None, sink=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if master is not None:
            said(master, sink)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(.05)
    os.kill(pid, signal.SIGKILL)
    raise SystemExit(f"FAILED: not over after {seconds} s\n{''.join(sink or [])}")


def kept(run, lines):
    """The run was stopped as it should be: saved, said so, and nobody is left."""
    true(f"{run} is {state(run)}, not stopped", state(run) == "stopped", lines)
    true("no checkpoint", os.listdir(f"{run}/checkpoints"), lines)
    true("the learner did not say BYE", "event=gone peer=learner died=0" in read(f"{run}/logs/broker.log"),
         read(f"{run}/logs/broker.log"))
    wait_for("end of all processes", lambda: not members(f"{run}/keys"), 20)
    true("somebody keeps trying though all ends", "keeps trying" not in lines, lines)


def ctrl_c_behind_a_pipe_saves():
    sink = []
    pid, master = in_terminal(f"{PPO} {RULE} {FOR_EVER} output_dir=tee 2>&1 | tee tee.log")
    wait_for("iteration", lambda: said(master, sink) is not None and iterations("tee") > 1, more=lambda: "".join(sink))
    true("a bar shows a loss that nobody measured", "loss 0.0000" not in "".join(sink), "".join(sink))
    os.write(master, b"\x03")
    over(pid, master=master, sink=sink)
    wait_for("end", lambda: state("tee") == "stopped", 30, lambda: read("tee/run.log"))
    wait_for("end of all processes", lambda: not members("tee/keys"), 20)
    kept("tee", read("tee/run.log"))
    # tee was ended by the same Ctrl-C: what was said afterwards is in the folder
    true("not told", "the run goes on, its lines go here" in read("tee/run.log") and
         "the same command goes on from here" in read("tee/run.log"), read("tee/run.log"))
    os.close(master)


def a_run_alone_saves_too():
    sft = "drover sft model=world/model dataset=world/sft.jsonl max_steps=100000 logging_steps=1 disable_tqdm=true"
    sink = []
    pid, master = in_terminal(f"(trap : INT; {sft} output_dir=sft1; echo $? >sft1.status) 2>&1 | tee sft1.log")
    wait_for("step", lambda: said(master, sink) is not None and "step 9" in read("sft1.log"), more=lambda: "".join(sink))
    os.write(master, b"\x03")
    over(pid, master=master, sink=sink)
    wait_for("stop behind tee", lambda: state("sft1") == "stopped", 20, lambda: read("sft1/run.log"))
    wait_for("what a script sees", lambda: read("sft1.status").strip(), 20)
    true("an unfinished run is none to go on from", read("sft1.status").strip() == "130", read("sft1.status"))
    os.close(master)
    sink = []
    pid, master = in_terminal(f"exec {sft} output_dir=sft2")
    wait_for("step", lambda: "step 9" in said(master, sink), more=lambda: "".join(sink))
    os.close(master)
    status = over(pid)
    true("a closed terminal", state("sft2") == "stopped" and os.listdir("sft2/checkpoints"), f"{status} {state('sft2')}")


def nohup_outlives_its_terminal():
    sink = []
    pid, master = in_terminal(f"trap '' HUP; exec {PPO} {RULE} {FOR_EVER} output_dir=nohup")
    wait_for("iteration", lambda: said(master, sink) is not None and iterations("nohup") > 0, more=lambda: "".join(sink))
    os.close(master)
    there = iterations("nohup")
    wait_for("further iterations", lambda: iterations("nohup") > there + 2, more=lambda: read("nohup/run.log"))
    os.kill(pid, signal.SIGTERM)
    over(pid)
    kept("nohup", read("nohup/run.log"))
    true("the lines are in the folder", "lines go here" in read("nohup/run.log"), read("nohup/run.log"))


def ctrl_c_twice_hurries():
    sink = []
    pid, master = in_terminal(f"exec {PPO} {RULE} {FOR_EVER} output_dir=twice")
    wait_for("iteration", lambda: said(master, sink) is not None and iterations("twice") > 0, more=lambda: "".join(sink))
    os.write(master, b"\x03")
    wait_for("word", lambda: "event=ending" in said(master, sink), more=lambda: "".join(sink))
    os.write(master, b"\x03")
    true("exit status", over(pid, master=master, sink=sink) == 130, "".join(sink))
    kept("twice", said(master, sink))
    os.close(master)


def stopped_twice_in_an_iteration_it_comes_to_the_same_end():
    """As a job that is put back in its queue: all processes are told at once, so no broker is there to say BYE to. The
    second signal throws an iteration away in its middle, and no checkpoint may hold what is left of it."""
    slow = ("rewards='[{name: vowel, rule: regex, pattern: \"[aeiou]$\"}]' total_episodes=24 num_ppo_epochs=250 "
            "temperature=1 missing_eos_penalty=0 learning_rate=1e-3")
    whole = start(f"{slow} output_dir=whole", "whole.log")
    true("the end of one that is left alone", whole.wait(120) == 0, read("whole.log"))
    run = start(f"{slow} output_dir=again", "again.log")
    wait_for("iteration", lambda: iterations("again") > 0, more=lambda: read("again.log"))
    time.sleep(.4)  # into the next one
    for signals in 1, 2:
        for p in members("again/keys"):
            os.kill(p, signal.SIGTERM)
        wait_for("word", lambda: read("again.log").count("event=drain") >= signals, more=lambda: read("again.log"))
    true("exit status", run.wait(60) == 0, read("again.log"))
    if "an iteration is under way" not in read("again.log"):
        print("   no iteration was under way when it was stopped")
    true("its end", start(f"{slow} output_dir=again", "again.log").wait(120) == 0, read("again.log"))
    ends = [json.loads(read(f"{run}/run.json"))["weights"] for run in ("whole", "again")]
    true("another end", ends[0] == ends[1], ends)


def a_closed_terminal_ends_a_run_in_order():
    sink = []
    pid, master = in_terminal(f"exec {PPO} {RULE} {FOR_EVER} output_dir=closed")
    wait_for("iteration", lambda: said(master, sink) is not None and iterations("closed") > 0, more=lambda: "".join(sink))
    os.close(master)
    over(pid)
    kept("closed", read("closed/run.log"))


def ctrl_z_stops_all_and_fg_goes_on():
    sink = []
    pid, master = in_terminal(f"exec {PPO} {RULE} {FOR_EVER} output_dir=stopped")
    wait_for("iteration", lambda: said(master, sink) is not None and iterations("stopped") > 0, more=lambda: "".join(sink))
    os.kill(pid, signal.SIGTSTP)
    wait_for("stop", lambda: " (drover) T" in read(f"/proc/{pid}/stat"), 10)
    there = iterations("stopped")
    time.sleep(.5)
    true("the fleet works while its supervisor is stopped", iterations("stopped") <= there + 1)
    os.kill(pid, signal.SIGCONT)
    wait_for("further iteration", lambda: said(master, sink) is not None and iterations("stopped") > there + 1,
             more=lambda: "".join(sink))
    os.kill(pid, signal.SIGTERM)
    over(pid, master=master, sink=sink)
    kept("stopped", said(master, sink))
    os.close(master)


def a_reader_that_leaves_ends_nothing():
    done = subprocess.run(["sh", "-c", f"{PPO} {RULE} total_episodes=64 output_dir=head 2>&1 | head -n 1"], env=ENV,
                          text=True, stdout=subprocess.PIPE, timeout=120)
    true("head saw a line", done.stdout.count("\n") == 1)
    wait_for("end of the run", lambda: state("head") == "finished", 60, lambda: read("head/run.log"))
    true("the last lines are in the folder", "done: head/model" in read("head/run.log"), read("head/run.log"))
    subprocess.run(["sh", "-c", "drover sft model=world/model dataset=world/sft.jsonl output_dir=alone max_steps=3 "
                                "logging_steps=1 disable_tqdm=true 2>&1 | head -n 1"], env=ENV, check=True,
                   stdout=subprocess.DEVNULL, timeout=60)
    wait_for("end of the run", lambda: state("alone") == "finished", 60)
    true("sft's last lines are in the folder", "done: alone/model" in read("alone/run.log"), read("alone/run.log"))


def start(words, log):
    with open(log, "w") as f:
        return subprocess.Popen(["sh", "-c", f"exec {PPO} {words}"], env=ENV, stdout=f, stderr=f)


def a_worker_of_ones_own():
    reward = os.path.join(HERE, "..", "..", "examples", "reward.py")
    able = all(importlib.util.find_spec(m) for m in ("zmq", "msgpack"))
    # It fails twice, with last words; then it is the example, which reads its environment.
    with open("mine.sh", "w") as f:
        f.write('echo again >>tries; [ "$(wc -l <tries)" -gt 2 ] || { echo "no such \033[31mthing" >&2; exit 3; }\n'
                'echo "$DROVER_WORKER $DROVER_BROKER $DROVER_KEY" >seen\n' +
                (f'exec "{sys.executable}" "{reward}"\n' if able else "sleep 1000 & wait\n"))
    mine = "rewards='[{name: mine, worker: {run: sh mine.sh}}]'"
    run = start(f"{mine} {'total_episodes=32' if able else FOR_EVER} output_dir=worker fleet.rewarders=1", "worker.log")
    try:
        wait_for("third try", lambda: read("seen").endswith("\n"), 30, lambda: read("worker.log"))
        if able:
            wait_for("end", lambda: run.poll() is not None, 60, lambda: read("worker.log") + read("worker/logs/worker-1.log"))
        else:
            print("   without pyzmq and msgpack: the worker is started again, but scores nothing")
    finally:
        run.terminate()
        run.wait(30)
    words = read("worker.log")
    true("its last words", words.count('role=worker number=1 status=3 log=worker/logs/worker-1.log '
                                       'last="no such \\x1b[31mthing"') == 2, words)
    name, broker, key = read("seen").split()
    true("its environment", name == "mine" and broker.startswith("tcp://127.0.0.1:") and key == "worker/keys/worker-1.key")
    true("it was scored", not able or state("worker") == "finished", words)
    wait_for("end of the worker", lambda: not members("reward.py" if able else "mine.sh"), 10)


def a_worker_goes_with_a_killed_supervisor():
    with open("left.sh", "w") as f:
        f.write("echo here >here; sleep 999999\n")
    run = start(f"rewards='[{{name: left, worker: {{run: sh left.sh}}}}]' {FOR_EVER} output_dir=left", "left.log")
    wait_for("worker", lambda: read("here") and members("sh left.sh"), 30, lambda: read("left.log"))
    run.kill()
    run.wait()
    wait_for("end of the worker", lambda: not members("left.sh") and not members("sleep 999999"), 20)
    wait_for("end of all processes", lambda: not members("left/keys"), 20)


def tool(words, status=0):
    done = subprocess.run(words, shell=True, env=ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    true(f"{words}: exit status {done.returncode}", done.returncode == status, done.stdout + done.stderr)
    return done.stdout + done.stderr


def orders_have_limits_and_places_are_fixed_by_keys():
    tool("drover keys new my")
    port = 20000 + os.getpid() % 20000
    run = start(f"{RULE} {FOR_EVER} output_dir=order fleet.port={port} fleet.keys=my fleet.actors=1", "order.log")
    try:
        wait_for("iteration", lambda: iterations("order") > 0, more=lambda: read("order.log"))
        true("how others join", f"drover keys ticket my role=actor broker=tcp://127.0.0.1:{port}," in read("order.log"))
        for n, words in (257, "one machine may run"), (2**31 - 1, "actors: 2147483647 is not in [0, 4096]"):
            true(f"{n} is refused", words in tool(f"drover scale actors={n} force=true run=order", 1))
        if os.cpu_count() * 8 < 200:
            true("200 want to be meant", "say force=true" in tool("drover scale actors=200 run=order", 1))
            # however many there are, an answer comes (these are rewarders, which start fast)
            true("200 that are meant", "rewarder: 1 -> 40" in tool("drover scale rewarders=40 force=true run=order"))
        true("fewer", "-> 1" in tool("drover scale rewarders=1 run=order"))
        tool(f"drover status broker=tcp://127.0.0.1:{port} key=my/operator.key")
        true("taken", f"fleet.port: tcp://127.0.0.1:{port} is in use" in tool(
            f"{PPO} {RULE} output_dir=other fleet.port={port}", 1))
        true("nothing is left", not os.path.exists("other"))
        true("too many", "say force=true" in tool(f"{PPO} {RULE} output_dir=other fleet.actors=200", 1)
             or os.cpu_count() * 8 >= 200)
    finally:
        run.terminate()
        run.wait(60)
    true("the keys are the user's", os.path.exists("my/broker.key") and not os.path.exists("order/keys"))
    true("missing keys", "keys: nowhere" in tool(f"{PPO} {RULE} output_dir=other fleet.keys=nowhere", 1))
    true("a key of before", "fleet.keys=FOLDER" in tool(f"{PPO} {RULE} output_dir=other fleet.key=my.key", 1))
    true("nothing is left", not os.path.exists("other"), os.path.exists("other") and str(os.listdir("other")))
    unused = tool(f"{PPO} {RULE} output_dir=other broker=tcp://127.0.0.1:1 broker_wait=1 fleet.actors=3", 1)
    true("fleet beside broker is said", unused.count("event=unused key=fleet") == 1, unused)


def words_name_what_was_typed():
    true("usage", tool("drover ppo --help").startswith("usage: drover ppo "))
    true("usage", tool("drover help sft").startswith("usage: drover sft "))
    true("usage", tool("drover help scale").startswith("usage: drover scale "))
    true("usage", tool("drover-learner sft --help").startswith("usage: drover-learner sft "))
    true("a near word", "did you mean 'tokenize'" in tool("drover help tokenise", 2))
    true("a near word", "did you mean 'grpo'" in tool("drover gro", 2))
    true("who speaks", tool("drover sft model=nowhere", 1).startswith("drover sft: "))
    for key, meant in ("lr", "learning_rate"), ("dtipe", "dtype"), ("epochs", "num_train_epochs"):
        true(key, f"did you mean '{meant}'" in tool(f"drover sft {key}=1", 1), tool(f"drover sft {key}=1", 1))


def a_full_disk_behind_standard_output_is_a_failure():
    if not os.path.exists("/dev/full"):
        return
    for words in ("--help", "--version", "help sft", "sft --help", "scale --help", "inspect world/model",
                  "data lint world/pairs.jsonl", "world --help"):
        true(words, "standard output: No space left on device" in tool(f"drover {words} >/dev/full", 1))
    for program in "broker", "actor", "rewarder", "learner":
        true(program, "No space left on device" in tool(f"drover-{program} --help >/dev/full", 1))


def lines_say_what_is():
    grpo = ("drover grpo model=world/model dataset=world/prompts.jsonl max_completion_length=8 disable_tqdm=true "
            "per_device_train_batch_size=8 eval_prompts=2 max_steps=2")
    lines = tool(f"{grpo} {RULE} output_dir=equal")
    true("a kl that nobody computed", "iteration 2/2  score" in lines and " kl " not in lines, lines)
    true("equal groups, once", lines.count("their rewards teach nothing") == 1, lines)
    unequal = "rewards='[{name: no, rule: regex, pattern: \"[aeiou]$\"}]'"
    lines = tool(f"{grpo} beta=0.1 {unequal} temperature=1 seed=3 max_completion_length=2 output_dir=unequal")
    true("a kl", " kl " in lines, lines)
    dpo = "drover dpo model=world/model dataset=world/pairs.jsonl use_peft=true logging_steps=1 max_steps=4 disable_tqdm=true"
    lines = tool(f"{dpo} output_dir=lora")
    true("said before", "learning_rate 1e-06 moves an adapter little: LoRA wants 1e-5" in lines, lines)
    true("said after", "the loss did not move (0.6931, then 0.6931)" in lines, lines)
    lines = tool(f"{dpo} learning_rate=1e-2 output_dir=lora2")
    true("it moves", "did not move" not in lines and "LoRA wants" not in lines, lines)


CASES = [lines_say_what_is, words_name_what_was_typed, a_full_disk_behind_standard_output_is_a_failure, ctrl_c_behind_a_pipe_saves,
         a_run_alone_saves_too, nohup_outlives_its_terminal, ctrl_c_twice_hurries,
         stopped_twice_in_an_iteration_it_comes_to_the_same_end, a_closed_terminal_ends_a_run_in_order, ctrl_z_stops_all_and_fg_goes_on,
         a_reader_that_leaves_ends_nothing, a_worker_of_ones_own, a_worker_goes_with_a_killed_supervisor,
         orders_have_limits_and_places_are_fixed_by_keys]


def main():
    work = tempfile.mkdtemp()
    os.chdir(work)
    try:
        tool("drover world make dir=world layers=1 width=32 heads=2 demonstrations=20 pairs=10 train=20 heldout=4")
        for case in CASES:
            if sys.argv[2:] and case.__name__ not in sys.argv[2:]:
                continue
            begin = time.monotonic()
            case()
            print(f"-- {case.__name__.replace('_', ' ')}: {time.monotonic() - begin:.1f} s", flush=True)
    finally:
        os.chdir("/")
        shutil.rmtree(work, ignore_errors=True)


main()

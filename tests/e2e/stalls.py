#!/usr/bin/env python3
"""What stands still is named by its true cause where a person looks (`drover status`), on real processes: an actor that was
killed, a learner that is stopped, a disk that takes no more of its journal; and what was stopped or refused goes on, to the
weights of a run that nothing happened to. tests/net/stalls.py has all stalls, on hosts of their own.

usage: stalls.py BIN_FOLDER        needs pyzmq and msgpack, else it is skipped"""
import os, re, resource, shutil, signal, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
try:
    import msgpack, zmq  # noqa: F401
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from fleet import ENV, Folder, hash_of, program
from keyed import Fleet, learner_words, prepare_world, true


def status(fleet):
    """Of two addresses: at the first nobody is."""
    done = subprocess.run([program("drover"), "status", f"broker=tcp://127.0.0.1:1,{fleet.control}",
                           f"dashboard=tcp://127.0.0.1:6,{fleet.board}", f"key={fleet.keys}/operator.key"], env=ENV, text=True,
                          capture_output=True, timeout=20)
    return done.stdout + done.stderr


def named(fleet, what, words, seconds=15):
    """STATS first, which comes each second; then what people see."""
    begin, text = time.monotonic(), ""
    while not re.search(words, text, re.M):
        true(f"{what}: not named within {seconds} s", time.monotonic() - begin < seconds, text + fleet.tails())
        text = status(fleet)
    print(f"   {what}: {re.search(words, text, re.M)[0]}  {time.monotonic() - begin:.1f} s", flush=True)
    return text


def start(fleet, name):
    """File sizes are what stands in for a disk: a write beyond the limit is refused, as by one that is full. The learner is
    told nothing of it: SIGXFSZ, which this interpreter ignores, stays ignored."""
    with open(f"{fleet.name}-{name}.log", "ab") as out:
        fleet.all.append(subprocess.Popen([program("drover-learner"), *learner_words(fleet, name, 8), "save_steps=1"], env=ENV,
                                          stdout=out, stderr=out, stdin=subprocess.DEVNULL, restore_signals=False))
    return fleet.all[-1]


def worker(fleet, name, role="actor"):
    return fleet.spawn(f"drover-{role}", f"--broker={fleet.control}", f"--key={fleet.key(role, name)}", f"--name={name}",
                       log=f"{fleet.name}-{name}")


def main():
    folder = tempfile.mkdtemp(prefix="drover-stalls-")
    os.chdir(folder)
    prepare_world()
    fleet = Fleet("stalls")
    try:
        worker(fleet, "scorer", "rewarder")
        alone = worker(fleet, "ant")
        killed = worker(fleet, "bee")
        true("the calm run", start(fleet, "calm").wait(120) == 0, fleet.tails())
        learner = start(fleet, "run")
        fleet.until("it trains", lambda: Folder("run").records(Folder.STEP) >= 1, 60)
        learner.send_signal(signal.SIGSTOP)
        killed.kill()
        named(fleet, "killed actor", r"^ *(died +)?actor bee at .*")
        text = named(fleet, "stopped learner", r"^holds +nothing is heard of the learner.*")
        true("what to do", re.search(r"^advice +is it stopped", text, re.M), text)
        resource.prlimit(learner.pid, resource.RLIMIT_FSIZE, (0, 0))
        learner.send_signal(signal.SIGCONT)
        text = named(fleet, "full disk", r"the learner is away: .*(File too large|No space left).*")
        true("what to do", re.search(r"mend that, then start it again", text), text)
        true("it ended in words", learner.wait(20) == 1)
        true("the run goes on", start(fleet, "run").wait(120) == 0, fleet.tails())
        true("to the same weights", hash_of("run") == hash_of("calm"))
        true("whom nothing happened to stayed", alone.poll() is None)
    finally:
        fleet.close()
    shutil.rmtree(folder)


main()

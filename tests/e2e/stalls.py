#!/usr/bin/env python3
"""What stands still is named by its true cause where a person looks (`drover status`), on real processes: an actor that was
killed, a learner that is stopped, a disk that takes no more of its journal; and what was stopped or refused goes on to its end.
tests/net/stalls.py has all stalls, on hosts of their own; same_end.py compares weights.

usage: stalls.py BIN_FOLDER        needs pyzmq and msgpack, else it is skipped"""
import os, re, shutil, signal, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
try:
    import msgpack, zmq  # noqa: F401
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from fleet import ENV, Folder, program
from keyed import Fleet, learner_words, prepare_world, true


def status(fleet):
    """Of two addresses: at the first nobody is."""
    done = subprocess.run([program("drover"), "status", f"broker=tcp://127.0.0.1:1,{fleet.control}",
                           f"dashboard=tcp://127.0.0.1:6,{fleet.board}", f"key={fleet.keys}/operator.key"], env=ENV, text=True,
                          capture_output=True, timeout=100)
    return done.stdout + done.stderr


def named(fleet, what, words, seconds=60):
    """STATS first, which comes each second; then what people see."""
    begin, text = time.monotonic(), ""
    while not re.search(words, text, re.M):
        true(f"{what}: not named within {seconds} s", time.monotonic() - begin < seconds, text + fleet.tails())
        text = status(fleet)
    print(f"   {what}: {re.search(words, text, re.M)[0]}  {time.monotonic() - begin:.1f} s", flush=True)
    return text


def full_disk():
    """A library by which what is written cannot be kept while the file $FULL_DISK is there, as of a disk that is full and says
    so late; no mount is needed. Nothing without a compiler."""
    with open("full.c", "w") as f:
        f.write("""#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int full(const char *name, int fd)
{
    if (getenv("FULL_DISK") && !access(getenv("FULL_DISK"), F_OK)) {
        errno = ENOSPC;
        return -1;
    }
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}
int fsync(int fd) { return full("fsync", fd); }
int fdatasync(int fd) { return full("fdatasync", fd); }
""")
    if not shutil.which("cc") or subprocess.run(["cc", "-shared", "-fPIC", "-o", "full.so", "full.c", "-ldl"]).returncode:
        print("   no compiler: no disk is full here")
        return {}
    return {"LD_PRELOAD": os.path.abspath("full.so"), "FULL_DISK": os.path.abspath("full")}


def start(fleet, name, more):
    return fleet.spawn("drover-learner", *learner_words(fleet, name, 8), "save_steps=1", log=f"{fleet.name}-{name}",
                       env=dict(ENV, **more))


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
        disk = full_disk()
        learner = start(fleet, "run", disk)
        fleet.until("it trains", lambda: Folder("run").records(Folder.STEP) >= 1, 60)
        learner.send_signal(signal.SIGSTOP)
        killed.kill()
        named(fleet, "killed actor", r"^ *(died +)?actor bee at .*")
        # after five seconds of silence it is away; a machine that is full of tests may look later than that
        text = named(fleet, "stopped learner", r"^(holds +nothing is heard of the learner|holds +the learner is away).*")
        true("what to do", re.search(r"^advice +(is it stopped|start it again)", text, re.M), text)
        if disk:
            open("full", "w").close()
        learner.send_signal(signal.SIGCONT)
        if disk:
            text = named(fleet, "full disk", r"the learner is away: .*No space left.*")
            true("what to do", re.search(r"mend that, then start it again", text), text)
            true("it ended in words", learner.wait(60) == 1)
            os.unlink("full")
            learner = start(fleet, "run", {})
        true("the run goes on", learner.wait(120) == 0, fleet.tails())
        true("to its end", Folder("run").records(Folder.END) == 1)
        true("whom nothing happened to stayed", alone.poll() is None)
    finally:
        fleet.close()
    shutil.rmtree(folder)


main()

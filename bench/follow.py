"""follow: a run of drover, timed by what it writes on stderr; and what a command and all its children hold."""
import glob, os, re, signal, statistics, subprocess, sys, threading, time

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def follow(command):
    """Runs it. Returns its exit status, its last lines, when each step was told (s), every peak of memory (GB), and when its plan
    was told (s)."""
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ, OMP_WAIT_POLICY="passive"))
    last, at, memory, planned = [], [], [], None
    for line in run.stderr:
        last = (last + [line])[-5:]
        if re.match(r"(step|iteration) \d+/", line):
            at.append(time.monotonic())
        if line.startswith("plan:"):
            planned = time.monotonic()
        memory += [float(n) * {"MB": 1e-3, "GB": 1}[unit] for n, unit in
                   re.findall(r"peak memory +([0-9.]+) ([MG]B)", line)]
    return run.wait(), last, at, memory, planned


def median_step(at):
    return statistics.median(b - a for a, b in zip(at, at[1:]))


def children(root):
    """Of process `root`, itself and all below it."""
    parent = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                text = f.read()
        except OSError:  # it ended meanwhile
            continue
        parent[int(path.split("/")[2])] = int(text[text.rfind(")") + 2:].split()[1])
    tree = {root}
    while True:
        more = {pid for pid, above in parent.items() if above in tree} - tree
        if not more:
            return tree
        tree |= more


def share(pid):
    """Bytes that a process holds, a page of n processes counted 1/n (PSS)."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return 1024 * int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    except (OSError, AttributeError):
        return 0


def watched(command, every=0.5, longest=1800):
    """Runs a command line. Returns what it wrote, and the most that it and its children held together (GB), looked at `every` s. What
    fails, or takes longer than `longest` s and is ended, raises RuntimeError."""
    run = subprocess.Popen(command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    done, most = threading.Event(), [0]

    def look():
        while True:
            most[0] = max(most[0], sum(share(pid) for pid in children(run.pid)))
            if done.wait(every):
                return

    watch = threading.Thread(target=look)
    watch.start()
    try:
        out, err = run.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        out, err = run.communicate()
        err += f"\nended: it took longer than {longest} s"
    finally:  # whoever ends this program ends what it began
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        done.set()
        watch.join()
    if run.returncode:
        raise RuntimeError(f"{command}\n{err[-2000:]}")
    return out, most[0] * 1e-9

"""follow: a run of drover, timed by what it writes on stderr."""
import os, re, statistics, subprocess, time


def follow(command):
    """Runs it. Returns its exit status, its last lines, when each step was told (s), and every peak of memory (GB)."""
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ, OMP_WAIT_POLICY="passive"))
    last, at, memory = [], [], []
    for line in run.stderr:
        last = (last + [line])[-5:]
        if re.match(r"(step|iteration) \d+/", line):
            at.append(time.monotonic())
        memory += [float(n) * {"MB": 1e-3, "GB": 1}[unit] for n, unit in
                   re.findall(r"peak memory +([0-9.]+) ([MG]B)", line)]
    return run.wait(), last, at, memory


def median_step(at):
    return statistics.median(b - a for a, b in zip(at, at[1:]))

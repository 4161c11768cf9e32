#!/usr/bin/env python3
"""The broker beside a relay that does the least, with many peers: rounds by turns, medians, ratios.

    bench/swarm.py BUILD [rounds=3] [actors=1000] [seconds=6]

BUILD: a build folder (build/release) with bin/drover-broker and tests/swarm. Four runs a round and
program: nothing to do, 200 tasks a second, as fast as a window of 1024 and one of 200 has room.
Any figure of a machine that is busy with something else is worth little: `load` says so."""

import os
import re
import statistics
import subprocess
import sys

RUNS = {"idle": ["rate=-1"], "200/s": ["rate=200"], "full": ["rate=0"], "full, 200": ["rate=0", "window=200"]}
COLUMNS = ["cpu_share", "cpu_us_an_answer", "answers_s", "lease_p50_ms", "lease_p99_ms", "settled_s"]


def swarm(build, words):
    got = subprocess.run([f"{build}/tests/swarm", *words], capture_output=True, text=True, timeout=300)
    if got.returncode:
        sys.exit(f"swarm {' '.join(words)}: {got.stderr.strip()}")
    return {key: float(value) for key, value in re.findall(r"(\w+)=(-?[\d.]+)", got.stdout)}


def main():
    build, options = sys.argv[1], dict(word.split("=") for word in sys.argv[2:])
    rounds = int(options.pop("rounds", 3))
    common = [f"actors={options.pop('actors', 1000)}", f"seconds={options.pop('seconds', 6)}"]
    if options:
        sys.exit(f"{', '.join(options)}: no such option")
    programs = {"relay": [], "broker": [f"broker={build}/bin/drover-broker"]}
    got = {(run, program): [] for run in RUNS for program in programs}
    for _ in range(rounds):
        for run, words in RUNS.items():
            for program, also in programs.items():
                got[run, program].append(swarm(build, common + words + also))
    print(f"rounds={rounds} {' '.join(common)} cores={os.cpu_count()} load={os.getloadavg()[1]:.1f}\n")
    print("| run | program | " + " | ".join(COLUMNS) + " |\n|---|---|" + "---|" * len(COLUMNS))
    for (run, program), list_ in got.items():
        middle = [statistics.median(one[column] for one in list_) for column in COLUMNS]
        print(f"| {run} | {program} | " + " | ".join(f"{value:.4g}" for value in middle) + " |")
    print()
    for run in RUNS:
        for column in COLUMNS[:3]:
            ratios = [b[column] / r[column] for r, b in zip(got[run, "relay"], got[run, "broker"]) if r[column]]
            if ratios:
                print(f"{run}: {column}: broker / relay {statistics.median(ratios):.2f} "
                      f"({min(ratios):.2f} .. {max(ratios):.2f})")


if __name__ == "__main__":
    main()

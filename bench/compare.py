#!/usr/bin/env python3
"""Ratios of two benches in interleaved pairs, so that a noisy machine is noisy for both.

usage: compare.py PAIRS 'OUR COMMAND' 'THEIR COMMAND'

Each command prints lines `label: number unit`; for each label in both, the ratio ours/theirs of every
pair is taken, and its median, least and greatest are printed. Example, two threads each:

    OMP_NUM_THREADS=2 bench/compare.py 5 'build/release/bench/bench_decode 10 24' \\
        'python bench/decode_torch.py 10 24'
"""
import re, statistics, subprocess, sys


def measure(command):
    out = subprocess.run(command, shell=True, check=True, text=True, stdout=subprocess.PIPE).stdout
    return {label.strip(): float(number) for label, number in re.findall(r"^([^:\n]+):\s+([0-9.]+)", out, re.M)}


def main():
    pairs, ours, theirs = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    ratios = {}
    for pair in range(pairs):
        first, second = (ours, theirs) if pair % 2 == 0 else (theirs, ours)
        got = {first: measure(first), second: measure(second)}
        for label in got[ours].keys() & got[theirs].keys():
            ratios.setdefault(label, []).append(got[ours][label] / got[theirs][label])
    for label, r in sorted(ratios.items()):
        print(f"| {label} | {statistics.median(r):.2f} | {min(r):.2f} – {max(r):.2f} | {len(r)} |")


main()

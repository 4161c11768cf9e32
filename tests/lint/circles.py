#!/usr/bin/env python3
"""No unit includes itself through others. A unit is X.c, X.h and X.inc of one folder together: a
header may look free of a circle that its own .c file closes.
usage: circles.py SOURCE-FOLDER"""
import os
import re
import sys

root = sys.argv[1]
uses = {}  # unit -> {unit it includes: the file that does}
for folder, folders, files in os.walk(root):
    folders[:] = [f for f in folders if f != "build" and not f.startswith(".")]
    for file in files:
        stem, kind = os.path.splitext(file)
        if kind not in (".c", ".h", ".inc"):
            continue
        path = os.path.relpath(os.path.join(folder, file), root)
        unit = uses.setdefault(path[: -len(kind)], {})
        with open(os.path.join(root, path), encoding="utf8") as text:
            for used in re.findall(r'^\s*#\s*include "([^"]+)"', text.read(), re.M):
                unit.setdefault(os.path.splitext(used)[0], path)


def circles():
    """Strongly connected units, two or more (Tarjan 1972), each list in the order of its names."""
    number, low, stack, on, found = {}, {}, [], set(), []

    def visit(unit):
        number[unit] = low[unit] = len(number)
        stack.append(unit)
        on.add(unit)
        for used in uses.get(unit, {}):
            if used == unit or used not in uses:
                continue
            if used not in number:
                visit(used)
                low[unit] = min(low[unit], low[used])
            elif used in on:
                low[unit] = min(low[unit], number[used])
        if low[unit] == number[unit]:
            circle = []
            while True:
                last = stack.pop()
                on.discard(last)
                circle.append(last)
                if last == unit:
                    break
            if len(circle) > 1:
                found.append(sorted(circle))

    for unit in sorted(uses):
        if unit not in number:
            visit(unit)
    return found


sys.setrecursionlimit(10000)
bad = circles()
for circle in bad:
    print(f"a circle of {len(circle)} units:")
    for unit in circle:
        for used, file in sorted(uses[unit].items()):
            if used in circle and used != unit:
                print(f"  {file} includes {used}.h")
sys.exit(bool(bad))

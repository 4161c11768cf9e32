#!/usr/bin/env python3
"""Files say how they work. Each .c opens with a comment, before anything but feature macros; a .c
that has a header includes it first (so a header that does not stand alone shows at once); of the
lines of code and comment in all .c files, and in a room's, at least so many are comment.
usage: speaks.py SOURCE-FOLDER"""
import collections
import os
import re
import sys

SHARE = 0.08  # of all; nng has 8 %, lua 19, redis 24
ROOM = 0.045  # of each room: tables, such as the messages' fields, say most of it themselves
LINES = 200  # a room with fewer is counted with its parent
root = sys.argv[1]
bad = 0


def say(words):
    global bad
    bad = 1
    print(words)


def count(text):
    """Lines of comment alone, and lines of code."""
    comment = code = 0
    inside = False
    for line in text.split("\n"):
        line = line.strip()
        if inside or line.startswith("/*"):
            comment += 1
            inside = "*/" not in line
        elif line:
            code += 1
    return comment, code


rooms = collections.defaultdict(lambda: [0, 0])
for folder, folders, files in os.walk(root):
    folders[:] = [f for f in folders if f != "build" and not f.startswith(".")]
    room = os.path.relpath(folder, root)
    if room.split("/")[0] == "tests":
        continue
    for file in sorted(f for f in files if f.endswith(".c")):
        path = os.path.join(room, file)
        with open(os.path.join(folder, file), encoding="utf8") as source:
            text = source.read()
        start = re.sub(r"^\s*#\s*define[^\n]*\n", "", text, flags=re.M).lstrip()
        if not start.startswith("/*"):
            say(f"{path} does not open with how it works")
        own = path[:-2] + ".h"
        first = re.search(r'^#include ["<]([^">]+)[">]', text, re.M)
        if file[:-2] + ".h" in files and first and first.group(1) != own:
            say(f"{path} includes {first.group(1)} before its own header")
        for i, n in enumerate(count(text)):
            rooms[room][i] += n
for room in sorted(rooms, reverse=True):  # children before parents
    parent = os.path.dirname(room)
    if sum(rooms[room]) < LINES and parent in rooms:
        for i in range(2):
            rooms[parent][i] += rooms[room][i]
        rooms[room] = [1, 0]
total = [0, 0]
for room, n in sorted(rooms.items()):
    total = [total[0] + n[0], total[1] + n[1]]
    if n[0] < ROOM * sum(n):
        say(f"{room}: {n[0]} lines of comment on {n[1]} of code in .c files, {ROOM:.0%} are wanted")
if total[0] < SHARE * sum(total):
    say(f"in all {total[0]} lines of comment on {total[1]} of code in .c files, {SHARE:.0%} are wanted")
sys.exit(bad)

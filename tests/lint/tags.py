#!/usr/bin/env python3
"""A struct's tag is an address: one file defines it. C would take two of one name in two files, and
a function that is given the wrong one would compile where only a forward declaration is seen.
usage: tags.py SOURCE-FOLDER"""
import collections
import os
import re
import sys

root = sys.argv[1]
where = collections.defaultdict(set)
for folder, folders, files in os.walk(root):
    folders[:] = [f for f in folders if f != "build" and not f.startswith(".")]
    for file in files:
        if os.path.splitext(file)[1] not in (".c", ".h", ".inc"):
            continue
        path = os.path.join(folder, file)
        with open(path, encoding="utf8") as text:
            code = re.sub(r"/\*.*?\*/", "", text.read(), flags=re.S)
        for tag in re.findall(r"\b(?:struct|union|enum)\s+(\w+)\s*\{", code):
            where[tag].add(os.path.relpath(path, root))
bad = sorted((tag, files) for tag, files in where.items() if len(files) > 1)
for tag, files in bad:
    print(f"{tag} is defined in {len(files)} files: {' '.join(sorted(files))}")
sys.exit(bool(bad))

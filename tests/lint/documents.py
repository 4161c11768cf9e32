#!/usr/bin/env python3
"""What documents and comments name exists under that name: files, folders, functions and keys, tests, sections.
In documents that is what stands between backticks, and links; in C's comments what looks like a file, a name
with an underscore, or a section. In ARCHITECTURE.md a room's paragraph may name only what is in that room or is a word of code.
CHANGELOG.md is history and not read. usage: documents.py ROOT"""
import glob
import os
import re
import sys

root = os.path.abspath(sys.argv[1])
CODE = (".c", ".h", ".inc", ".py", ".sh", ".cmake", ".txt", ".yaml")
FILE = r"\.(?:c|h|inc|py|sh|cmake|md)"
# Names of others (systems, libraries, formats) and of files that programs write: no word of our code need say them.
OTHERS = set("""bytes_to_unicode docs/gguf.md e_log.c encoder.py extract_prompt from_utf8_lossy ggml-common.h ggml-quants.c
    gguf-py/gguf/constants.py gguf-py/gguf/quants.py gguf.md gguf_metadata_value_type huggingface_hub is_numeric
    is_whitespace kaiming_uniform kat_vectors kto_trainer.py max_penalty modeling_rope_utils
    modeling_rope_utils.py optimization.py padding_idx quick_gelu seed_rl spec.md tokenize_row tokenizer.py total_size
    uv_async uv_process zmq.h""".split())
WRITTEN = ("runs/", "folder/unit", "tests/e2e/name.sh", "e2e/name")  # what commands write; examples of names
bad = set()


def tree():
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in ("build", "runs", "shared", "out") and (f[0] != "." or f == ".ci"))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def text_of(path):
    with open(os.path.join(root, path), encoding="utf8", errors="replace") as file:
        return file.read()


files = list(tree())
folders = {os.path.dirname(f)[:end] for f in files for end in [m.start() for m in re.finditer("/", os.path.dirname(f) + "/")]}
words, comments = set(), {}
for path in files:
    if not path.endswith(CODE) and path not in ("check", "demo", ".ci/run") or os.path.basename(path) in ("documents.py", "seeded.py"):
        continue
    text = text_of(path)
    if path.endswith((".c", ".h", ".inc")):
        parts = re.findall(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', text, re.S)
        comments[path] = [part for part in parts if part[0] == "/"]
        for one in comments[path]:
            text = text.replace(one, " ", 1)
    words.update(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text))
words.update(os.path.basename(path).split(".")[0] for path in files)


def suffix(name, among):
    return any(one == name or one.endswith("/" + name) for one in among)


def test_files(name):
    room, _, unit = name.rpartition("/")
    tries = (f"tests/{room}/test_{unit}.c", f"tests/{room}/{unit}.c", f"tests/{room}/{unit}.sh", f"tests/{room}/{unit}.py")
    return [t for t in tries if t in files]


def braces(name):
    found = re.search(r"\{([^{}]*)\}", name)
    if not found:
        return [name]
    return [one for part in found.group(1).split(",") for one in braces(name[:found.start()] + part.strip() + name[found.end():])]


def is_path(name):
    name = re.sub("[A-Z]{3,}", "*", name.rstrip("/"))  # cmd_NAME.c
    if "*" in name:
        return bool(glob.glob(os.path.join(root, name)) or glob.glob(os.path.join(root, "**", name), recursive=True))
    return suffix(name, files) or suffix(name, folders) or any(suffix(name + end, files) for end in (".c", ".h", ".sh")) or bool(test_files(name))


def known(name):
    """A word of the code or a file's name, or the beginning (fuzz_) or end (_apply) of one; or part of a formula (s_t)."""
    if name in words or name in OTHERS or any(len(part) == 1 for part in name.split("_")):
        return True
    return (name.endswith("_") and any(w.startswith(name) for w in words)) or (name.startswith("_") and any(w.endswith(name) for w in words))


def section(where, document, number):
    path = f"docs/{document}.md"
    if path not in files or not re.search(rf"(?m)^#+ {re.escape(number)}[. ]", text_of(path)):
        bad.add(f"{where}: {document} has no section {number}")


def sections(where, text):
    for document, number in re.findall(r"\b([A-Z]{4,})(?:\.md)?\)? §\s?([0-9.]*[0-9])", text):
        section(where, document, number)


def token(where, name):
    """One name between backticks."""
    test = re.fullmatch(r"([a-z0-9_]+/[a-z0-9_]+): ([a-z0-9_]+)", name)
    if test:
        found = test_files(test.group(1))
        if not found and not name.startswith(WRITTEN):
            bad.add(f"{where}: there is no test {test.group(1)}")
        elif found and not any(re.search(rf"\b{test.group(2)}\b", text_of(file)) for file in found):
            bad.add(f"{where}: {found[0]} has no {test.group(2)}")
    elif re.fullmatch(r"[A-Za-z0-9_./{},*-]+", name) and ("/" in name or re.search(FILE + "$", name)):
        ours = name.split("/")[0] in folders and "/" in name or re.search(r"\w" + FILE + "$", name)
        for one in braces(name) if ours and not name.startswith(WRITTEN) else []:
            if not is_path(one) and one not in OTHERS:
                bad.add(f"{where}: there is no {one}")
    elif re.fullmatch(r"_?[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]*(\(\))?", name) and not known(name.rstrip("()")):
        bad.add(f"{where}: no code says {name}")


def document(path):
    text = re.sub(r"(?ms)^```.*?^```", "", text_of(path))
    for line_no, line in enumerate(text.split("\n"), 1):
        for name in re.findall(r"`([^`]+)`", line):
            token(f"{path}: {line.strip()[:20]}", name)
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        if not os.path.exists(os.path.join(root, os.path.dirname(path), link)):
            bad.add(f"{path}: leads to {link}, which is not there")
    sections(path, text)
    for number in re.findall(r"(?<![A-Z,)] )(?<!md )§\s?([0-9.]*[0-9])", text) if path.startswith("docs/") and path.count("/") == 1 else []:
        section(path, os.path.basename(path)[:-3], number)


def architecture(path):
    """Plain words of a room's paragraph are files of that room, or words of code."""
    room = None
    for line in text_of(path).split("\n"):
        opens = re.match(r"- \*\*([a-z/]+)\*\*", line) or re.match(r"  - `([a-z]+)`:", line)
        if opens:
            room = ("learner/" if line.startswith("  ") else "") + opens.group(1)
            if room not in folders:
                bad.add(f"{path}: there is no room {room}")
        elif line.startswith("#"):
            room = None
        for name in re.findall(r"`([a-z_0-9]+)`", line) if room else []:
            at = room.split("/")[0]
            if not any(f.startswith(at + "/") and re.search(rf"(^|/){name}(\.|/)", f) for f in files) and not known(name):
                bad.add(f"{path}: {room} has no {name}")


def comment(path, text):
    for name in re.findall(r"(?<![\w./-])[a-z][\w/-]*" + FILE + r"\b(?!\w|/)", text):
        if not is_path(name) and name not in OTHERS:
            bad.add(f"{path}: there is no {name}")
    for name in re.findall(r"(?<![\w/.<])[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b(?!\.)", text):
        if not known(name):
            bad.add(f"{path}: no code says {name}")
    sections(path, text)


for path in files:
    if path.endswith(".md") and path != "CHANGELOG.md":
        document(path)
if "docs/ARCHITECTURE.md" in files:
    architecture("docs/ARCHITECTURE.md")
for path, texts in comments.items():
    for text in texts:
        comment(path, text)
for line in sorted(bad):
    print(line)
if bad:
    print("What is another project's stands in OTHERS of tests/lint/documents.py.")
sys.exit(1 if bad else 0)

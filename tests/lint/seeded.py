#!/usr/bin/env python3
"""Each lint catches the fault that it is there for: small trees, sound ones that must pass and the same
with one fault each that must not, with the words that say so.
usage: seeded.py FOLDER-OF-LINTS"""
import os
import subprocess
import sys
import tempfile

lints = os.path.abspath(sys.argv[1])
SOUND = {
    "base/err.h": "/* err: words. */\n\n#ifndef BASE_ERR_H\n#define BASE_ERR_H\n\nint err_set(int code);\n\n#endif\n",
    "base/err.c": "/* How: it hands back what it is given. */\n\n#include \"base/err.h\"\n\nint err_set(int code)\n{\n    return code;\n}\n",
    "proto/wire.h": "/* wire: bytes. */\n\n#ifndef PROTO_WIRE_H\n#define PROTO_WIRE_H\n\n#include \"base/err.h\"\n\n"
                    "struct wire {\n    int n;\n};\nint wire_put(struct wire *wire);\n\n#endif\n",
    "proto/wire.c": "/* How: it counts. */\n\n#include \"proto/wire.h\"\n\nint wire_put(struct wire *wire)\n{\n    return err_set(wire->n);\n}\n",
    "lm/kernel/real.h": "/* real: numbers. */\n\n#ifndef LM_KERNEL_REAL_H\n#define LM_KERNEL_REAL_H\n\ndouble real_half(double x);\n\n#endif\n",
    "lm/kernel/real.c": "/* How: by two. */\n\n#include \"lm/kernel/real.h\"\n\ndouble real_half(double x)\n{\n    return x / 2;\n}\n",
}
LONG = "int wire_long(int x)\n{\n" + "    x++;\n" * 61 + "    return x;\n}\n"
PATHS = "int wire_paths(int x)\n{\n" + "".join(f"    if (x == {i})\n        return {i + 1};\n" for i in range(15)) + "    return x;\n}\n"
# lint, what is put behind a file's text (or, of a new file, its text), the words expected
FAULTS = [
    ("layers.sh", "base/err.h", '#include "proto/wire.h"\n', "base may not include proto"),
    ("layers.sh", "lm/kernel/real.c", '#include "proto/wire.h"\n', "lm may not include proto"),
    ("commands.sh", "cli/cmd_lost.c", "/* How: nobody comes. */\nconst struct command cmd_lost = {0};\n", "cmd_lost is no line of cli/commands.h"),
    ("layers.sh", "lm/kernel/real.c", '#include "lm/file/x.h"\n', "lm/kernel may not include lm/file"),
    ("rewards.sh", "reward/kind_lost.c", "/* How: nobody asks. */\nconst struct reward_kind kind_lost = {0};\n", "kind_lost is no row of reward/reward_kind.c"),
    ("rewards.sh", "reward/kind_lost.c", "/* How: nobody asks. */\nconst struct reward_kind kind_lost = {0};\n", "CMakeLists.txt does not build kind_lost.c"),
    ("rewards.sh", "reward/rule/rule_lost.c", "/* How: nobody asks. */\nconst struct rule_kind rule_lost = {0};\n", "rule_lost is no row of reward/rule/rule.c"),
    ("rewards.sh", "reward/rule/rule_lost.c", "/* How: nobody asks. */\nconst struct rule_kind rule_lost = {0};\n", "OPERATIONS.md does not name rule lost"),
    ("circles.py", "base/err.c", '#include "proto/wire.h"\n', "a circle of 2 units"),
    ("tags.py", "lm/kernel/real.c", "struct wire {\n    double x;\n};\n", "wire is defined in 2 files"),
    ("speaks.py", "proto/mute.c", "int mute(void);\n", "proto/mute.c does not open with how it works"),
    ("speaks.py", "proto/late.c", '/* How: late. */\n#include "base/err.h"\n\n#include "proto/late.h"\n', "before its own header"),
    ("speaks.py", "proto/wire.c", "int wire_x(void);\n" * 300, "lines of comment on"),
    ("documents.py", "docs/ARCHITECTURE.md", "- **proto**: `wire_put`, `lost`\n", "proto has no lost"),
    ("documents.py", "docs/ARCHITECTURE.md", "- **prato**: bytes\n", "no room prato"),
    ("documents.py", "README.md", "`wire_lost`\n", "no code says wire_lost"),
    ("documents.py", "README.md", "`proto/lost.h`\n", "there is no proto/lost.h"),
    ("documents.py", "README.md", "`proto/lost: it_is`\n", "there is no test proto/lost"),
    ("documents.py", "README.md", "[here](docs/lost.md)\n", "leads to docs/lost.md"),
    ("documents.py", "proto/wire.h", "/* As lost.h has it. */\n", "there is no lost.h"),
    ("documents.py", "proto/wire.h", "/* wire_lost follows. */\n", "no code says wire_lost"),
    ("documents.py", "proto/wire.h", "/* MATH §1 */\n", "MATH has no section 1"),
    ("size.sh", "proto/wire.c", LONG, "wire_long"),
    ("size.sh", "proto/wire.c", PATHS, "wire_paths"),
    ("size.sh", "proto/wire.h", "/* */\n" * 150, "proto/wire.h: 16"),
    ("size.sh", "proto/wire.c", "\n" * 500, "proto/wire.c: 50"),
    ("banned.sh", "proto/wire.c", "void wire_end(void)\n{\n    exit(1);\n}\n", "only main ends the process"),
    ("banned.sh", "proto/wire.c", "void wire_copy(char *a, char *b)\n{\n    strcpy(a, b);\n}\n", "bounded"),
    ("banned.sh", "proto/wire.c", "void wire_wait(void)\n{\n    sleep(1);\n}\n", "time is an argument"),
    ("banned.sh", "proto/wire.h", "typedef struct wire wire_t;\n", "structs keep their name"),
    ("methods.sh", "learner/methods/lost.c", "/* How: nobody lists it. */\nconst struct method lost_method = {.name = \"lost\", .help = \"x\"};\n",
     "no ROW(lost)"),
    ("banned.sh", "proto/utils.c", "", "name it after what it holds"),
    ("format.sh", "proto/wire.c", "int  wire_wide( int x );\n", "wire.c"),
    ("names.sh", "proto/wire.c", "int elsewhere(void);\nint elsewhere(void)\n{\n    return 1;\n}\n", "proto/wire.c exports elsewhere"),
    ("libm.sh", "lm/kernel/real.c", "double exp(double);\ndouble real_up(double x);\ndouble real_up(double x)\n{\n    return exp(x);\n}\n",
     "real.c.o calls exp"),
]


def write(root, tree):
    for path, text in tree.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf8") as out:
            out.write(text)


def build(root, tree):
    """Objects where CMake puts them: FOLDER/CMakeFiles/FOLDER.dir/FILE.c.o."""
    for path in tree:
        if path.endswith(".c"):
            folder = os.path.join(root, "out", os.path.dirname(path), "CMakeFiles", os.path.basename(os.path.dirname(path)) + ".dir")
            os.makedirs(folder, exist_ok=True)
            subprocess.run(["cc", "-I", root, "-c", os.path.join(root, path), "-o", os.path.join(folder, os.path.basename(path) + ".o")],
                           check=True, capture_output=True)
    return os.path.join(root, "out")


def run(lint, tree):
    with tempfile.TemporaryDirectory() as root:
        write(root, tree)
        with open(os.path.join(lints, "..", "..", ".clang-format"), encoding="utf8") as style:
            write(root, {".clang-format": style.read()})
        at = build(root, tree) if lint in ("names.sh", "libm.sh") else root
        done = subprocess.run([("python3" if lint.endswith(".py") else "sh"), os.path.join(lints, lint), at], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


bad = 0
skipped = set()
for lint in sorted(os.listdir(lints)):
    if lint == "seeded.py":
        continue
    code, words = run(lint, SOUND)
    if code:
        print(f"{lint} refuses a sound tree: {words}")
        bad = 1
    if "skipped" in words:
        skipped.add(lint)
        print(f"{lint}: {words.strip()}")
    if lint not in {fault[0] for fault in FAULTS}:
        print(f"{lint} has no seeded fault here")
        bad = 1
for lint, path, text, want in FAULTS:
    if lint in skipped:
        continue
    tree = dict(SOUND)
    tree[path] = tree.get(path, "") + text
    if path == "proto/late.c":
        tree["proto/late.h"] = "/* late: nothing. */\n"
    code, words = run(lint, tree)
    if not code or want not in words:
        print(f"{lint} lets {path} pass ({want!r} expected): status {code}, {words.strip()!r}")
        bad = 1
sys.exit(bad)

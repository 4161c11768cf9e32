"""The page on a disk that is full: a small tmpfs. Its answers say that nothing is saved and why; what was sent again once
there is room is saved, once. usage: annotate_full.py BIN_FOLDER; begins itself anew in a namespace of its own for the disk."""
import json
import os
import subprocess
import sys
import tempfile

from annotate_stand import PAIRS, Person, Server, check

BIN = sys.argv[1]


def fill(path):
    """The last byte that there is; what takes it."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    for size in (1 << 16, 4096, 1):
        try:
            while True:
                os.write(file, b"x" * size)
        except OSError:
            continue
    os.close(file)


def ask(person, path, body):
    status, data, *_ = person.raw("POST", path, json.dumps(body))
    return status, json.loads(data)


def judge(person, given, name):
    return ask(person, "/api/judge", {"id": name, "assignment": given["assignment"]["id"], "verdict": "chosen", "place": 0, "shown_ms": 900})


def main(disk):
    server = Server(BIN, [dict(item, prompt=f"{item['prompt']} {i}") for i in range(4) for item in PAIRS], 1, store=os.path.join(disk, "prefs.db"))
    owner = Person(server, token=server.token)
    filler = os.path.join(disk, "filler")
    saved = refused = 0
    for round_ in range(3):
        status, given = ask(owner, "/api/next", {})
        check(status == 200 and given["offer"] == "given", status, given)
        fill(filler)
        for again in range(2):
            status, answer = judge(owner, given, f"full-{round_}-0123")
            check(status == 507 and not answer["saved"] and "disk is full" in answer["error"], status, answer)
            refused += 1
        check(owner.raw("GET", "/")[0] == 200 and owner.raw("GET", "/api/me")[0] == 200, "the page is gone")
        os.unlink(filler)
        status, answer = judge(owner, given, f"full-{round_}-0123")  # the page sends what it kept
        check(status == 200 and answer["saved"] and not answer["again"], status, answer)
        status, answer = judge(owner, given, f"full-{round_}-0123")
        check(status == 200 and answer["again"], status, answer)
        saved += 1
    check(owner.ask("/api/admin/state")["progress"]["judged"] == saved, "not once each", saved)
    server.end()
    check(subprocess.run([BIN + "/drover", "prefs", "check", server.store], capture_output=True).returncode == 0, "the store is not whole")
    print(f"a full disk: {refused} refused in words, {saved} saved once")


if len(sys.argv) > 2:
    main(sys.argv[2])
else:
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=3m", "none", folder], capture_output=True).returncode:
            print("   not shown: a full tmpfs (no user namespaces here)")
            sys.exit(0)
        inner = 'mount -t tmpfs -o size=3m none "$1" && exec "$2" "$3" "$4" "$1"'
        sys.exit(subprocess.run(["unshare", "-rm", "sh", "-c", inner, "sh", folder, sys.executable, os.path.abspath(__file__), BIN]).returncode)

#!/usr/bin/env python3
"""What keys may do, on real processes: every act that a role is forbidden is refused, counted and
shown; nobody can pose as the broker; who is revoked is gone within a second; the broker's key
changes under load without a lost sample; a ticket lets in as many as it says.

usage: roles.py BIN_FOLDER [CASE ...]        needs pyzmq and msgpack, else it is skipped"""
import json, os, shutil, signal, subprocess, sys, tempfile, time, urllib.error, urllib.request

sys.dont_write_bytecode = True
try:
    import msgpack, zmq
except ImportError:
    print("skipped: no zmq and msgpack; $DROVER_PYTHON names another python")
    sys.exit(77)
from fleet import ENV, Folder, free_row, hash_of, new_key, new_keys, program, tool
from keyed import (ADMIN, ADMIN_OK, BYE, CANCEL, CONTEXT, EXPORT, EXPORT_OK, FAIL, HB, JUDGED, JUDGEMENT, NAMES, OPEN, PUBLISH, REFUSE, REFUSED, ROLLOUT, SCORE,
                   SETTLED, WELCOME, Fleet, joined, learner_words, prepare_world, true)
from wire import Peer


# What each role may say at the control port, besides HELLO, HB and BYE.
MAY = {"learner": {OPEN, CANCEL, SETTLED, PUBLISH, FAIL, REFUSED, EXPORT, JUDGED}, "actor": {ROLLOUT, FAIL}, "rewarder": {SCORE, FAIL},
       "supervisor": {ADMIN, ADMIN_OK}, "operator": {ADMIN}, "auditor": set(), "follower": set(),
       "annotator": {EXPORT_OK, JUDGEMENT}}
TRIED = [OPEN, CANCEL, ROLLOUT, FAIL, SCORE, SETTLED, PUBLISH, ADMIN, ADMIN_OK, REFUSED, EXPORT, EXPORT_OK, JUDGEMENT, JUDGED]


def forbidden(fleet):
    """Each role with each key; each message of each role."""
    keys = {role: fleet.key(role) for role in NAMES}
    for role, may in MAY.items():
        peer, got = joined(fleet, role, keys[role])
        true(f"{role} is welcome", got and got[0] == WELCOME, str(got))
        tried = [kind for kind in TRIED if kind not in may]
        before = fleet.refused("may not send")
        for kind in tried:
            peer.say(kind, {})
        peer.beat()
        fleet.until(f"{role} says {tried}: each is counted", lambda: fleet.refused("may not send") == before + len(tried), 10)
        peer.socket.close()
    for role in NAMES:
        for other in NAMES:
            if role == "watcher" or role == other == "learner":
                continue
            peer, got = joined(fleet, role, keys[role], other)
            allowed = role == other or (role, other) == ("learner", "actor")
            if role == other:
                true(f"{role} is welcome", got and got[0] == WELCOME, str(got))
            elif (role, other) == ("learner", "actor"):
                true("a learner's key is no actor's but its own", got and got[0] == REFUSE and got[3]["code"] == 4, str(got))
            else:
                true(f"{role}'s key as {other}", got and got[0] == REFUSE and got[3]["code"] == 2, str(got))
            peer.socket.close()
    true("roles are counted", fleet.refused("for another role") >= 6 * 6 - 2)
    peer, got = joined(fleet, "watcher", keys["watcher"])
    true("a watcher is not let in at control", got is None)
    true("that is counted", fleet.refused("may not come in by this port") >= 1)
    peer.socket.close()
    for role in NAMES:
        s = fleet.watch(keys[role])
        heard = s.poll(2500 if role in ("operator", "watcher", "supervisor") else 1200)
        true(f"{role} at the dashboard", bool(heard) == (role in ("operator", "watcher", "supervisor")))
        s.close()
    # An actor's forged messages moved nothing.
    stats = fleet.snapshot()
    true("nothing was opened", stats["opened"] == 0, str(stats))
    supervisor, _ = joined(fleet, "supervisor", keys["supervisor"])
    before = stats["bad_frames"]
    supervisor.say(ADMIN, {"request": 1, "order": "down"})
    fleet.until("a supervisor gives no orders", lambda: fleet.snapshot()["bad_frames"] > before, 10)


def heads(fleet):
    """Orders go to the head: a supervisor that came in by a ticket is not heard as it."""
    key = fleet.key("supervisor", "host")
    peer, got = joined(fleet, "supervisor", key, head=True)
    true("one of the folder's own may be the head", got and got[0] == WELCOME, str(got))
    peer.socket.close()
    with open(os.path.join(fleet.keys, "worker", "host")) as f:
        text = f.read()
    with open(os.path.join(fleet.keys, "worker", ".host"), "w") as f:
        f.write(text.replace("curve\n", '    ticket = "t"\ncurve\n'))
    os.rename(os.path.join(fleet.keys, "worker", ".host"), os.path.join(fleet.keys, "worker", "host"))
    time.sleep(.5)
    peer, got = joined(fleet, "supervisor", key, head=True)
    true("one that came by a ticket is no head", got and got[0] == REFUSE and got[3]["code"] == 2, str(got))
    peer.socket.close()
    peer, got = joined(fleet, "supervisor", key)
    true("it may be a host's", got and got[0] == WELCOME, str(got))
    peer.socket.close()


def ids(fleet):
    """A peer id is its key's own, also on a new connection and for whom it left."""
    first, second = fleet.key("actor", "one"), fleet.key("actor", "two")
    peer, got = joined(fleet, "actor", first, peer=b"0123456789abcdef")
    true("the first one", got[0] == WELCOME)
    other, got = joined(fleet, "actor", second, peer=b"0123456789abcdef")
    true("another key's id", got and got[0] == REFUSE and got[3]["code"] == 4, str(got))
    true("it is counted", fleet.refused("another key's") >= 1)
    true("the first one stays", any(p["name"] == "test-actor" for p in fleet.snapshot()["peer"]))
    peer.say(BYE, {"reason": "done"})
    peer.socket.close()
    other.socket.close()
    time.sleep(.5)
    other, got = joined(fleet, "actor", second, peer=b"0123456789abcdef")
    true("nor when it has left", got and got[0] == REFUSE, str(got))
    tool("drover", "keys", "revoke", fleet.keys, "one")
    time.sleep(1)
    other.socket.close()
    other, got = joined(fleet, "actor", second, peer=b"0123456789abcdef")
    true("a revoked key owns nothing", got and got[0] == WELCOME, str(got))


def mitm(fleet):
    """No worker's key can pose as the broker."""
    import re
    for role in ("actor", "learner", "operator"):
        path = fleet.key(role) if role != "operator" else os.path.join(fleet.keys, "operator.key")
        have = dict(re.findall(r'(\w+)-key = "(.{40})"', open(path).read()))
        true("a worker has the broker's secret", have["secret"] not in open(os.path.join(fleet.keys, "broker.key")).read())
        fake = CONTEXT.socket(zmq.ROUTER)
        fake.linger, fake.curve_server, fake.curve_secretkey = 0, True, have["secret"].encode()
        port = fake.bind_to_random_port("tcp://127.0.0.1")
        victim = fleet.spawn("drover-actor", f"--broker=tcp://127.0.0.1:{port}", f"--key={fleet.key('actor', 'victim')}",
                             log="mitm-victim")
        end = time.monotonic() + 15
        while victim.poll() is None and time.monotonic() < end:
            true("the victim spoke to a false broker", not fake.poll(50))
        true("the victim gave up in words", victim.poll() == 1 and "not the broker that this key was made for" in
             fleet.said("victim"), fleet.tails())
        fake.close()


def rates(fleet):
    """More than a key may say, and more connections than it may have."""
    peer, got = joined(fleet, "actor", fleet.key("actor"))
    for _ in range(3000):
        peer.say(HB, {"progress": 1, "credit": 0})
    fleet.until("too much is counted", lambda: fleet.refused("more messages or bytes") > 0, 10)
    end = time.monotonic() + 5
    kinds = set()
    while time.monotonic() < end and REFUSE not in kinds:
        got = peer.hear(50)
        kinds |= {got[0]} if got else set()
    true("who goes on is refused", REFUSE in kinds)
    many = [joined(fleet, "rewarder", fleet.key("rewarder"))[0] for _ in range(9)]
    true("connections are counted", fleet.refused("more connections") > 0)
    for p in many:
        p.socket.close()


def revocation(fleet):
    """Gone within a second, on every port; others stay."""
    keep, _ = joined(fleet, "actor", fleet.key("actor", "kept"))
    gone, got = joined(fleet, "actor", fleet.key("actor", "gone"))
    bulk, got = joined(fleet, "actor", fleet.key("actor", "gone"), at=fleet.bulk)
    true("bulk", got and got[0] == WELCOME)
    board = fleet.watch(fleet.key("watcher"))
    true("the watcher sees", board.poll(3000))
    seen = {p: board.get_monitor_socket() if p == "board" else s.socket.get_monitor_socket()
            for p, s in (("control", gone), ("bulk", bulk), ("board", None))}
    begin = time.monotonic()
    tool("drover", "keys", "revoke", fleet.keys, "gone")
    tool("drover", "keys", "revoke", fleet.keys, "watcher")
    for name, monitor in seen.items():
        closed = False
        while not closed:
            true(f"{name}: not closed within a second", time.monotonic() - begin < 1.3, fleet.tails())
            if monitor.poll(50):
                event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
                closed = event == zmq.EVENT_DISCONNECTED
    took = time.monotonic() - begin
    print(f"   revoked: cut on three ports after {took:.2f} s, two commands of the shell among it")
    keep.hear(10)
    keep.said = 0
    while not (got := keep.hear(100)):
        true("others stay", time.monotonic() - begin < 5)
    again, got = joined(fleet, "actor", os.path.join(fleet.keys, "gone.key"))
    true("it does not come back", got is None)


def metrics_port(fleet):
    """Of a `drover metrics` with a watcher's key."""
    log = f"{fleet.name}-metrics"
    fleet.spawn("drover", "metrics", f"broker={fleet.control}", f"dashboard={fleet.board}",
                f"key={new_key(fleet.keys, 'watcher', 'eye')}", "listen=127.0.0.1:0", log=log)
    fleet.until("a port", lambda: "port " in fleet.said("metrics"), 10)
    return fleet.said("metrics").split("port ")[1].split(":")[0]


def page(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError:
        return ""


def up(port):
    return "\ndrover_up 1\n" in page(port, "/metrics")


def uptime(port):
    """As the newest snapshot that came says it."""
    return [line for line in page(port, "/metrics").split("\n") if line.startswith("drover_broker_uptime_seconds ")]


def fresh(port):
    was = uptime(port)
    time.sleep(2.5)
    return was and uptime(port) not in (was, [])


def rotation(fleet):
    """The broker's key changes while a run goes on: the same weights, no sample lost or doubled."""
    prepare_world()
    workers = {"actor-1": "actor", "actor-2": "actor", "rewarder-1": "rewarder"}
    for name, role in workers.items():
        fleet.spawn(f"drover-{role}", f"--broker={fleet.control}", f"--key={fleet.key(role, name)}", f"--name={name}",
                    log=f"{fleet.name}-{name}")
    plain = fleet.spawn("drover-learner", *learner_words(fleet, "calm", 6), log=f"{fleet.name}-calm")
    true("the calm run", plain.wait(120) == 0, fleet.tails())
    run = fleet.spawn("drover-learner", *learner_words(fleet, "rotated", 6), log=f"{fleet.name}-rotated")
    fleet.until("it trains", lambda: os.path.exists("rotated/metrics.jsonl") and os.path.getsize("rotated/metrics.jsonl"), 60)
    port = metrics_port(fleet)
    fleet.until("figures", lambda: up(port), 10)
    print("  ", tool("drover", "keys", "rotate", fleet.keys, "hours=0.002").strip())  # 7.2 s
    late = fleet.key("actor", "late")  # made meanwhile: knows both
    fleet.restart()  # in the middle of it: the folder alone knows of the rotation
    true("it has not changed yet", "event=rotated" not in fleet.said("broker"), fleet.said("broker"))
    true("it trains on", run.wait(120) == 0, fleet.tails())
    fleet.until("the broker has the new key", lambda: "event=rotated" in fleet.said("broker"), 10)
    time.sleep(1.5)  # what was sent before is read
    fleet.until("figures after the rotation", lambda: fresh(port), 30)
    true("the same weights", hash_of("calm") == hash_of("rotated"))
    true("nobody left", all(p.poll() is None for p in fleet.all[1:4]), fleet.tails())
    for key in late, *(os.path.join(fleet.keys, f"{n}.key") for n in workers):
        peer = Peer(fleet.control, key, NAMES[workers.get(os.path.basename(key)[:-4], "actor")], "after")
        end, got = time.monotonic() + 12, None
        while time.monotonic() < end and not (got and got[0] == WELCOME):
            got = peer.hear(100)
        true(f"{key} opens after the rotation", got and got[0] == WELCOME)
        peer.socket.close()
    # and a restarted broker has the new one, too
    fleet.restart()
    fleet.until("workers are back", lambda: len(fleet_peers(fleet)) >= 3, 90)


def fleet_peers(fleet):
    fleet.stats.close()
    fleet.stats = fleet.watch(new_key(fleet.keys, "operator", f"op{time.monotonic_ns()}"))
    return [p for p in fleet.snapshot(6000)["peer"] if p["role"] in (2, 3)]


CASES = {"forbidden": forbidden, "heads": heads, "ids": ids, "mitm": mitm, "rates": rates, "revocation": revocation, "rotation": rotation}
WORDS = {"rates": ["--key-messages=30", "--key-connections=4"]}


def tickets():
    """Uses, expiry, a broker restarted in between, never on a command line."""
    prepare_world()
    keys = new_keys("tickets.keys")
    log = open("tickets.log", "ab")
    run = subprocess.Popen([program("drover"), "ppo", "model=world/model", "dataset=world/prompts.jsonl", "response_length=8",
                            'rewards=[{"name": "a", "rule": "length", "min": 1, "max": 4}]', "output_dir=ticketrun", "reference=learner",
                            "total_episodes=1000000", f"fleet.keys={keys}", "fleet.actors=0",
                            "fleet.rewarders=0"], env=ENV, stdout=log, stderr=log)
    workers = []

    def join(name, *words, env=None):
        with open(f"{name}.log", "ab") as out:
            workers.append(subprocess.Popen([program("drover-actor"), f"--name={name}", *words], env=env or ENV, stdout=out,
                                            stderr=out, stdin=subprocess.DEVNULL))
        return workers[-1]

    def said(name):
        with open(f"{name}.log", errors="replace") as f:
            return f.read()

    def until(what, so, limit=30):
        end = time.monotonic() + limit
        while not so():
            true(f"not within {limit} s: {what}", time.monotonic() < end,
                 "".join(said(n)[-2000:] for n in ["tickets", *names] if os.path.exists(f"{n}.log")))
            time.sleep(.05)

    names = ["first", "second", "third"]
    try:
        until("the fleet listens", lambda: os.path.exists("ticketrun/fleet.json"))
        with open("ticketrun/fleet.json") as f:
            at = f"broker={json.load(f)['control']}"
        tool("drover", "keys", "ticket", keys, "role=actor", "uses=2", at, "file=ticket", "name=t")
        true("its file is its owner's", os.stat("ticket").st_mode & 0o77 == 0)
        join("first", "--ticket-file=ticket")
        until("the first is in", lambda: "event=admitted" in said("first"))
        broker = [int(p) for p in os.listdir("/proc") if p.isdigit() and is_broker(p, keys)]
        true("one broker", len(broker) == 1, str(broker))
        os.kill(broker[0], signal.SIGKILL)  # the supervisor starts the next one
        join("second", env=dict(ENV, DROVER_TICKET=open("ticket").read()))
        until("the second is in", lambda: "event=admitted" in said("second"), 60)
        third = join("third", "--ticket-file=ticket")
        true("the third is told", third.wait(30) == 1 and "used up: it was good for 2" in said("third"), said("third"))
        listed = tool("drover", "keys", "list", keys)
        true("two uses are listed", "2 of 2" in listed and listed.count("  by t") == 2, listed)
        secret = open("ticket").read().strip()[8:40]
        for pid in (p for p in os.listdir("/proc") if p.isdigit()):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    true("a ticket on a command line", secret.encode() not in f.read())
            except OSError:
                pass
        for p in workers[:2]:
            with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
                true("a worker has children", not f.read().strip())
        tool("drover", "keys", "ticket", keys, "role=actor", "uses=9", "hours=0.0003", at, "file=short", "name=short")
        time.sleep(1.5)
        names.append("late")
        late = join("late", "--ticket-file=short")
        until("an expired one is refused", lambda: late.poll() is not None, 90)
        true("with status 1", late.returncode == 1, said("late"))
        # A role that is not the ticket's, a ticket that lost a part.
        wrong = subprocess.run([program("drover-rewarder"), "--ticket-file=ticket"], env=ENV, text=True, capture_output=True)
        true("another role", "this ticket is for the role actor" in wrong.stderr, wrong.stderr)
        with open("torn", "w") as f:
            f.write(open("ticket").read()[:-9])
        torn = subprocess.run([program("drover-actor"), "--ticket-file=torn"], env=ENV, text=True, capture_output=True)
        true("a torn one", "not whole" in torn.stderr, torn.stderr)
        tool("drover", "keys", "revoke", keys, "t", "all=true")
        until("those who came by it are gone", lambda: all(p.poll() is not None for p in workers[:2]), 30)
    finally:
        for p in [*workers, run]:
            if p.poll() is None:
                p.terminate()
        for p in [*workers, run]:
            try:
                p.wait(30)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()


def restarted():
    """Head and broker are killed in the middle of a rotation, and started again: the run that they served goes on, with keys
    of before and of after, to the weights of a calm one."""
    prepare_world()
    keys, (port, *_) = new_keys("restarted.keys"), free_row()
    folder = os.path.abspath("restarted")
    up = ["drover", "up", f"folder={folder}", f"keys={keys}", "actors=2", "rewarders=1", f"listen=127.0.0.1:{port}", "force=true",
          "background=true"]

    def learner(out):
        with open(f"{out}.log", "ab") as log:
            return subprocess.Popen([program("drover-learner"), *learner_words(At, out, 12)], env=ENV, stdout=log, stderr=log)

    class At:
        control = f"tcp://127.0.0.1:{port}"

        @staticmethod
        def key(role):
            return new_key(keys, role, role)

    def said():
        with open(f"{folder}/logs/broker.log", errors="replace") as f:
            return f.read()

    def pids():
        with open(f"{folder}/fleet.json") as f:
            head = json.load(f)["pid"]
        return [head, *(int(p) for p in os.listdir("/proc") if p.isdigit() and is_broker(p, keys))]

    tool(*up)
    run = None
    try:
        calm = learner("calm12")
        true("the calm run", calm.wait(120) == 0, said())
        run = learner("run12")
        end = time.monotonic() + 60
        while Folder("run12").records(Folder.STEP) < 1:
            true("it trains", time.monotonic() < end, said())
            time.sleep(.02)
        tool("drover", "keys", "rotate", keys, "hours=0.004")  # 14.4 s
        for pid in pids():
            os.kill(pid, signal.SIGKILL)
        time.sleep(1)
        tool(*up)
        true("not yet", "event=rotated" not in said(), said())
        true("the run goes on", run.wait(120) == 0, said())
        end = time.monotonic() + 30
        while "event=rotated" not in said():
            true("the new broker rotates", time.monotonic() < end, said())
            time.sleep(.1)
        true("to the same weights", hash_of("calm12") == hash_of("run12"))
        again = learner("calm12-again")  # by the key of before the rotation
        true("another run after it", again.wait(120) == 0 and hash_of("calm12-again") == hash_of("calm12"), said())
    finally:
        if run and run.poll() is None:
            run.kill()
            run.wait()
        print("  ", tool("drover", "down", f"run={folder}").strip())


def is_broker(pid, keys):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().decode(errors="replace")
        return "drover-broker" in words and f"--keys={keys}" in words
    except OSError:
        return False


def main():
    folder = tempfile.mkdtemp(prefix="drover-roles-")
    os.chdir(folder)
    for name in sys.argv[2:] or [*CASES, "tickets"]:
        begin = time.monotonic()
        if name in ("tickets", "restarted"):
            globals()[name]()
        else:
            fleet = Fleet(name, *WORDS.get(name, []))
            try:
                CASES[name](fleet)
            finally:
                fleet.close()
        print(f"{name}: {time.monotonic() - begin:.1f} s", flush=True)
    shutil.rmtree(folder)


main()

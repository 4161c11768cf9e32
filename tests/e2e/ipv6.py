#!/usr/bin/env python3
"""One run over IPv6 alone: a standing fleet on [::1], whose workers and learner try an address
where nobody listens first; its dashboard; and a supervised one with fleet.host=::1. All end with
the weights of the same run over IPv4.

usage: ipv6.py BIN_FOLDER     (77: no IPv6 here)
Standard library only."""
import os, shutil, socket, subprocess, sys, tempfile, time

from fleet import ENV, Run, Wired, accounting, arguments, hash_of, new_key, new_keys, prepare, program


def has_v6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


class Six(Wired):
    def start(self):
        self.keys = new_keys(f"{self.name}.keys")
        self.others = [self.spawn("drover-broker", "--bind=tcp://[::1]:0", "--ports-file=ports", f"--keys={self.keys}")]
        end = time.monotonic() + 20
        while not os.path.exists("ports"):
            if time.monotonic() > end:
                self.fail("no ports after 20 s")
            time.sleep(.05)
        with open("ports", encoding="ascii") as f:
            self.ports = dict(line.split() for line in f)
        for name, address in self.ports.items():
            if not address.startswith("tcp://[::1]:"):
                self.fail(f"{name} is at {address}")
        broker = "tcp://[::1]:1," + self.ports["control"]
        for role in ("actor", "rewarder"):
            self.others.append(self.spawn(f"drover-{role}", f"--broker={broker}", "--serve=tcp://[::1]:0",
                                          f"--key={new_key(self.keys, role, role)}", f"--name={role}"))
        self.process = self.spawn("drover-learner", *arguments(self.name, self.size, self.lag, self.extra),
                                  f"broker={broker}", f"broker_key={new_key(self.keys, 'learner', 'learner')}")

    def check(self):
        super().check()
        seen = subprocess.run([program("drover"), "status", f"broker={self.ports['control']}",
                               f"dashboard={self.ports['dashboard']}",
                               f"key={new_key(self.keys, 'operator', 'operator')}"], env=ENV, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if seen.returncode or "actor" not in seen.stdout:
            self.fail(f"drover status: {seen.stdout}")

    def stop(self):
        super().stop()
        for one in reversed(getattr(self, "others", [])):
            one.terminate()
        for one in getattr(self, "others", []):
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def main():
    if not has_v6():
        print("notice: no IPv6 here; left out")
        raise SystemExit(77)
    folder = tempfile.mkdtemp(prefix="drover-e2e-")
    os.chdir(folder)
    prepare()
    runs = [Run("plain"), Six("standing"), Run("supervised", extra=["fleet.host=::1"])]
    for run in runs:
        accounting(run)
        print(f"{run.name}: {hash_of(run.name)[:16]}", flush=True)
    with open("supervised.log", encoding="utf-8", errors="replace") as f:
        if "127.0.0.1" in f.read():
            raise SystemExit(f"supervised: 127.0.0.1 in its log, in {folder}")
    if len({hash_of(run.name) for run in runs}) != 1:
        raise SystemExit(f"they end elsewhere; logs in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()

#!/usr/bin/env python3
"""The fleet of smoke.py with each of its processes under a checker: a cable pulled, an actor killed, and nothing to report.

usage: checked.py tsan BIN        BIN: programs of `cmake --preset tsan`: data races and lock orders
       checked.py valgrind BIN    any build's: memory that is not theirs, undefined values, descriptors and memory lost at exit

Status 77: no namespaces or no valgrind here. Processes are slower by 5 to 40 times, so the run is short; silence of five
seconds is still a death, and that none is taken for dead is a part of what is shown."""
import glob, os, shutil, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def tsan(reports):
    """It wants its addresses where they always are, and so does all that is started from here."""
    if "TSAN_OPTIONS" not in os.environ:
        os.environ["OMP_THREAD_LIMIT"] = "1"  # libgomp's barriers are futexes, which would look like none
        os.environ["TSAN_OPTIONS"] = (f"suppressions={HERE}/tsan.supp log_path={reports}/race exitcode=66 "
                                      "second_deadlock_stack=1 history_size=4")
        os.execvp("setarch", ["setarch", "-R", sys.executable, *sys.argv, reports])
    return dict(patience=30)


def valgrind(reports):
    if not shutil.which("valgrind"):
        print("skipped: no valgrind here (apt-get install valgrind)")
        sys.exit(77)
    return dict(patience=120, under=["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite",
                                     "--errors-for-leak-kinds=definite", "--fair-sched=yes", "--error-exitcode=99",
                                     f"--suppressions={HERE}/valgrind.supp", f"--log-file={reports}/memory.%p"])


def main():
    tool, build = sys.argv[1], os.path.abspath(sys.argv[2])
    reports = sys.argv[3] if sys.argv[3:] else tempfile.mkdtemp(prefix="drover-checked-")
    more = {"tsan": tsan, "valgrind": valgrind}[tool](reports)
    import smoke  # takes the environment as it is now
    try:
        smoke.smoke(build, iterations=4, length=48, limit=500, cores=None, **more)
    finally:
        found = [name for name in sorted(glob.glob(f"{reports}/*")) if os.path.getsize(name)]
        for name in found:
            with open(name, encoding="utf-8", errors="replace") as f:
                print(f"--- {name}\n{f.read()[:6000]}", flush=True)
        print(f"{tool}: {len(found)} processes with something to report", flush=True)
    if found:
        raise SystemExit(f"FAILED: see above, all of it in {reports}")
    shutil.rmtree(reports)


if __name__ == "__main__":
    main()

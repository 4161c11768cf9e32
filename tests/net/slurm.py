"""A run under Slurm: usage: slurm.py FOLDER-OF-PROGRAMS

A controller and three node daemons of Debian's packages, in a network namespace of their own; the
files of `drover deploy slurm`; the control job is told that its time is over, and later requeued onto another node. The run
must end in the hash of the run on one machine, its actors must have followed, and end with it.
Skips itself (77) without root, namespaces or Slurm."""
import os, shutil, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
NEEDS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "unshare")
os.environ["PATH"] += ":/usr/sbin:/sbin"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def own_namespaces():
    """Once more, with a network and mounts of its own; names of the nodes lead to the loopback."""
    lacks = [p for p in NEEDS if not shutil.which(p)]
    if os.getuid() or lacks:
        skip("needs root" if os.getuid() else f"lacks {' '.join(lacks)}")
    if subprocess.run(["unshare", "-n", "-m", "true"], stderr=subprocess.DEVNULL).returncode:
        skip("no namespaces here")
    os.execvp("unshare", ["unshare", "-n", "-m", sys.executable, *sys.argv, "inside"])


if sys.argv[-1] != "inside":
    own_namespaces()
sys.argv.pop()
import fleet  # noqa: E402: reads sys.argv

CONF = """ClusterName=drover
SlurmctldHost=localhost
AuthType=auth/munge
AuthInfo=socket={0}/munge.socket,cred_expire=10
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=15
SlurmctldPort=16817
SlurmctldPidFile={0}/ctld.pid
SlurmdPidFile={0}/%n.pid
SlurmctldLogFile={0}/ctld.log
SlurmdLogFile={0}/%n.log
StateSaveLocation={0}/state
SlurmdSpoolDir={0}/%n
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=2,sched_interval=2
"""


class Cluster:
    def __init__(self, folder):
        self.folder, self.processes = folder, []
        for name in ("state", "n1", "n2", "n3"):
            os.makedirs(f"{folder}/{name}", mode=0o755)
        with open(f"{folder}/slurm.conf", "w") as f:
            f.write(CONF.format(folder))
            for i in (1, 2, 3):
                f.write(f"NodeName=n{i} NodeAddr=127.0.0.{i} NodeHostname=localhost Port={16820 + i} CPUs=8 State=UNKNOWN\n")
            f.write("PartitionName=all Nodes=n1,n2,n3 Default=YES MaxTime=INFINITE State=UP\n")
        with open(f"{folder}/cgroup.conf", "w") as f:
            f.write("CgroupPlugin=cgroup/v1\n")
        with open(f"{folder}/munge.key", "wb") as f:
            os.fchmod(f.fileno(), 0o400)
            f.write(os.urandom(128))
        with open(f"{folder}/hosts", "w") as f:
            f.write("127.0.0.1 localhost n1\n127.0.0.2 n2\n127.0.0.3 n3\n")
        for words in ("link set lo up", "link add out type veth peer name far", "address add 10.77.0.1/24 dev out",
                      "link set out up"):  # its resolver wants an address that is not the loopback's
            subprocess.run(["ip", *words.split()], check=True)
        subprocess.run(["mount", "--bind", f"{folder}/hosts", "/etc/hosts"], check=True)
        self.env = dict(fleet.ENV, SLURM_CONF=f"{folder}/slurm.conf", DROVER=fleet.program("drover"),
                        DROVER_ACTOR=fleet.program("drover-actor"))

    def begin(self):
        folder = self.folder
        self.start("munged", "-F", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket",
                   f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed")
        wait(lambda: os.path.exists(f"{folder}/munge.socket"), 20, "munged")
        self.start("slurmctld", "-D", "-f", f"{folder}/slurm.conf")
        for i in (1, 2, 3):
            self.start("slurmd", "-D", "-N", f"n{i}", "-f", f"{folder}/slurm.conf")
        wait(lambda: self.ask("sinfo", "-h", "-o", "%D %t").split() == ["3", "idle"], 60, "three idle nodes")

    def start(self, *words):
        with open(f"{self.folder}/{words[0]}.out", "a") as log:
            self.processes.append(subprocess.Popen(words, env=self.env, stdout=log, stderr=log))

    def ask(self, *words):
        return subprocess.run(words, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60).stdout.strip()

    def close(self):
        self.ask("scancel", "-u", "root")
        time.sleep(2)
        for p in reversed(self.processes):
            p.terminate()
        for p in self.processes:
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
        subprocess.run(["umount", "/etc/hosts"])


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def wait(test, seconds, what):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if test():
            return
        time.sleep(0.3)
    raise SystemExit(f"BAD  {what}: not within {seconds} s\n" + read("drover-control.log")[-3000:] +
                     "".join(read(f"drover-actor-{i}.log")[-1500:] for i in (1, 2, 3)))


def run(cluster):
    alone = subprocess.run([fleet.program("drover"), *fleet.arguments("one", "long", "none"), "fleet.actors=2",
                            "fleet.rewarders=1"], env=fleet.ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert not alone.returncode, alone.stdout[-2000:]
    with open("fleet.yaml", "w") as f:
        f.write("actors: 3\nactor_threads: 1\nrewarders: 1\n")
    subprocess.run([fleet.program("drover"), "deploy", "slurm", "fleet.yaml", "out=."], check=True)
    actors = cluster.ask("sbatch", "--parsable", "actors.sbatch")  # first: they wait for it
    control = cluster.ask("sbatch", "--parsable", "control.sbatch", *fleet.arguments("many", "long", "none")[1:])
    assert control.isdigit() and actors.isdigit(), (control, actors)
    wait(lambda: "iteration 8/" in read("drover-control.log"), 240, "eight iterations")
    # as its own time limit does: to the batch shell alone, which saves and puts the job back
    cluster.ask("scancel", "--batch", "--signal=TERM", control)
    wait(lambda: "Restarts=1" in cluster.ask("scontrol", "show", "job", control), 60, "its own requeue")
    print("   told that its time is over: saved, and back in the queue", flush=True)
    wait(lambda: "iteration 20/" in read("drover-control.log"), 240, "twenty iterations")
    first = read("control").split()
    cluster.ask("scontrol", "update", f"nodename={first[1][6:8]}", "state=drain", "reason=test")
    said = cluster.ask("scontrol", "requeue", control)
    print(f"   requeued in the middle, at {first[1]} {said}", flush=True)
    wait(lambda: read("control").split()[1:] not in ([], first[1:]), 120, "the job on another node")
    second = read("control").split()
    print(f"   goes on at {second[1]}", flush=True)
    wait(lambda: not os.path.exists("control"), 400, "the run's end")
    wait(lambda: not cluster.ask("squeue", "-h"), 60, "the end of all jobs")
    log = read("drover-control.log")
    again = log.count("iteration 8/60") + log.count("iteration 60/60")
    moved = [i for i in (1, 2, 3) if f"the run has moved to {second[1]}" in read(f"drover-actor-{i}.log")]
    one, many = fleet.hash_of("one"), fleet.hash_of("many")
    print(f"   one machine {one}\n   slurm       {many}\n   actors that moved: {moved}")
    assert one == many, "not the same weights"
    assert moved, "no actor followed"
    assert again == 2, "it began again, or had ended before the requeue"
    print("slurm ok")


def main():
    folder = tempfile.mkdtemp(prefix="drover-slurm-")
    os.chmod(folder, 0o755)
    os.makedirs(f"{folder}/work")
    os.chdir(f"{folder}/work")
    cluster = Cluster(folder)
    good = False
    try:
        cluster.begin()
        fleet.prepare()
        run(cluster)
        good = True
    finally:
        cluster.close()
        if good:
            shutil.rmtree(folder)
        else:
            print(f"left in {folder}")


main()

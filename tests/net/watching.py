"""The files of `drover deploy prometheus`, `grafana` and KEDA's beside a run: usage: watching.py FOLDER-OF-PROGRAMS

Debian's Prometheus scrapes `drover metrics`; promtool likes the page, the configuration and the rules;
each query of the dashboard and KEDA's value is a number. Skips itself (77) without Prometheus."""
import json, os, shutil, subprocess, sys, tempfile, time, urllib.parse, urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
if not shutil.which("prometheus") or not shutil.which("promtool"):
    print("skipped: no prometheus here")
    sys.exit(77)
import fleet  # noqa: E402: reads sys.argv

DROVER = fleet.program("drover")
started = []


def start(name, *words):
    log = open(f"{name}.log", "w")
    started.append(subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, env=fleet.ENV))


def get(path, port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def wait(what, test, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if test():
                return
        except OSError:
            pass
        time.sleep(0.3)
    raise SystemExit(f"BAD  {what}: not within {seconds} s")


def queries():
    with open("grafana/drover.json") as f:
        for panel in json.load(f)["panels"]:
            for target in panel["targets"]:
                yield panel["title"], target["expr"]


def result(port, query):
    return json.loads(get("/api/v1/query?" + urllib.parse.urlencode({"query": query}), port))["data"]["result"]


def run():
    at, figures, prometheus = fleet.free_ports(3)
    for kind in ("prometheus", "grafana", "kubernetes"):
        fleet.tool("drover", "deploy", kind, f"out={kind}")
    fleet.tool("drover", "world", "make", "dir=world", "layers=2", "width=64", "heads=2", "demonstrations=100",
               "pairs=50", "train=64", "heldout=4")
    keys = fleet.new_keys("keys")
    start("run", DROVER, "grpo", "model=world/model", "dataset=world/prompts.jsonl", "output_dir=run",
          "rewards=[{rule: length, min: 1, max: 20}]", "eval_prompts=0", "num_generations=4", "max_steps=100000",
          "per_device_train_batch_size=16", "max_completion_length=24", "learning_rate=1e-5", f"fleet.keys={keys}",
          f"fleet.port={at}")
    wait("the run", lambda: os.path.exists("run/metrics.jsonl") and os.path.getsize("run/metrics.jsonl"))
    start("metrics", DROVER, "metrics", f"listen=127.0.0.1:{figures}", f"broker=tcp://127.0.0.1:{at}",
          f"key={fleet.new_key(keys, 'watcher', 'metrics')}")
    wait("/readyz", lambda: get("/readyz", figures).strip() == "ok")
    with open("prometheus/prometheus.yml") as f:
        text = f.read().replace("127.0.0.1:9464", f"127.0.0.1:{figures}").replace("scrape_interval: 5s", "scrape_interval: 1s")
    with open("prometheus/prometheus.yml", "w") as f:
        f.write(text)
    subprocess.run(["promtool", "check", "config", "prometheus/prometheus.yml"], check=True)
    subprocess.run(["promtool", "check", "metrics"], input=get("/metrics", figures), text=True, check=True)
    start("prometheus", "prometheus", "--config.file=prometheus/prometheus.yml", "--storage.tsdb.path=tsdb",
          f"--web.listen-address=127.0.0.1:{prometheus}")
    lacks = lambda: [q for q in queries() if not result(prometheus, q[1])]
    wait("a number for each query", lambda: not lacks(), 120)
    print(f"{len(list(queries()))} queries have their numbers")
    rules = lambda: [r for g in json.loads(get("/api/v1/rules", prometheus))["data"]["groups"] for r in g["rules"]]
    wait("rules that were evaluated", lambda: rules() and all(r["health"] == "ok" for r in rules()))
    with open("kubernetes/keda.yaml") as f:
        place = next(line.split(":")[1].strip() for line in f if "valueLocation:" in line)
    value = json.loads(get("/v1/stats", figures))
    for word in place.split("."):
        value = value[word]
    print(f"KEDA: {place} = {value}")
    assert isinstance(value, int) and value > 0


def main():
    folder = tempfile.mkdtemp(prefix="drover-watching-")
    os.chdir(folder)
    good = False
    try:
        run()
        good = True
    finally:
        for p in reversed(started):
            p.terminate()
        for p in started:
            try:
                p.wait(60)
            except subprocess.TimeoutExpired:
                p.kill()
        if good:
            shutil.rmtree(folder)
        else:
            print(f"left in {folder}")
            subprocess.run("tail -n 5 *.log", shell=True)


main()

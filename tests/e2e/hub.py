#!/usr/bin/env python3
"""Names of a hub where a path is taken, against a stand-in of its interface: what is fetched and what is not, the
cache's layout, revisions, tokens, lines that are cut, offline, hosts that lie; training by name gives the bits of
training by path, and goes on with the commit that it began with.

usage: hub.py BIN_FOLDER
Standard library only."""
import glob
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hub_stand import Stand, git_hash

BIN = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
WORK = tempfile.mkdtemp(prefix="drover-hub-")
stand = Stand()
ENV = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
ENV.update(HF_ENDPOINT=stand.at, HF_HOME=os.path.join(WORK, "hf"), OMP_NUM_THREADS="1")
CACHE = os.path.join(WORK, "hf", "hub")
cases = 0


def fail(words):
    raise SystemExit("FAILED: " + words)


def run(program, *words, status=0, **env):
    done = subprocess.run([os.path.join(BIN, program), *words], env={**ENV, **env}, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, cwd=WORK, timeout=60)
    if done.returncode != status:
        fail(f"{program} {' '.join(words)}: exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return done


def takes(name, **env):
    """The model is opened; what was said."""
    global cases
    cases += 1
    return run("drover", "inspect", name, **env).stderr


def refuses(name, *words, program="drover", args=None, **env):
    global cases
    cases += 1
    said = run(program, *(args or ["inspect", name]), status=1, **env).stderr
    for one in words:
        if one not in said:
            fail(f"{name}: '{one}' is not in: {said}")
    if said.count("\n") > 6:
        fail(f"{name}: too many words: {said}")
    return said


def fresh():
    shutil.rmtree(CACHE, ignore_errors=True)
    stand.forget()


def folder_of(path):
    return {os.path.basename(p): open(p, "rb").read() for p in glob.glob(path + "/*")}


def check(good, words):
    global cases
    cases += 1
    if not good:
        fail(words)


LLAMA = os.path.join(HERE, "../golden/model/llama5")
tiny = folder_of(LLAMA)
WEIGHTS = "model.safetensors"
LFS = {WEIGHTS}

# ---- a model by name: the cache's layout, and nothing twice
extra = {"README.md": b"# tiny", "pytorch_model.bin": b"\x80\x02", "code.py": b"print(1)", "onnx/model.onnx": b"x"}
first = stand.put("models", "org/tiny", {**tiny, **extra}, LFS)
said = takes("org/tiny")
check(f"commit {first[:12]} of main" in said, f"the commit is not said: {said}")
room = os.path.join(CACHE, "models--org--tiny")
check(open(room + "/refs/main").read() == first, "refs/main is not the commit alone")
snapshot = f"{room}/snapshots/{first}"
check(sorted(os.listdir(snapshot)) == sorted(tiny), f"other files than the model's: {os.listdir(snapshot)}")
sha = hashlib.sha256(tiny[WEIGHTS]).hexdigest()
check(os.readlink(f"{snapshot}/{WEIGHTS}") == "../../blobs/" + sha, "no relative link to the SHA-256")
check(os.readlink(f"{snapshot}/config.json") == "../../blobs/" + git_hash(tiny["config.json"]), "no link to git's SHA-1")
check(sorted(os.listdir(room + "/blobs")) == sorted(os.path.basename(os.readlink(f"{snapshot}/{f}")) for f in tiny),
      "something else is in blobs/")
check(stand.cdn_tokens == [None], "one large file, fetched once")
stand.forget()
takes("org/tiny")
check(stand.times("/resolve/") == 0 and stand.times("/api/") == 1, f"asked twice: {stand.asked}")
# the branch moves: one file is new, the others are here
second = stand.put("models", "org/tiny", {**tiny, "generation_config.json": b'{"temperature": 0.5}'}, LFS)
stand.forget()
takes("org/tiny")
check(stand.times("/resolve/") == 1, f"not one file: {stand.asked}")
check(open(room + "/refs/main").read() == second, "refs/main stayed behind")
takes(f"org/tiny@{first}")
stand.put("models", "org/tiny", {**tiny, "config.json": tiny["config.json"] + b"\n"}, LFS, revision="refs/pr/1")
takes("org/tiny@refs/pr/1")
check(os.path.isfile(room + "/refs/refs/pr/1"), "no ref of refs/pr/1")

# ---- without a network
stand.forget()
said = takes("org/tiny", HF_HUB_OFFLINE="1")
check(not stand.asked and "HF_HUB_OFFLINE" in said, f"asked although offline: {stand.asked} {said}")
said = takes("org/tiny", HF_ENDPOINT="http://127.0.0.1:1")
check("as the cache has it" in said, f"nothing is said of the cache: {said}")
refuses("org/other", "there is no such file or folder", "not in the cache", HF_HUB_OFFLINE="1")
refuses("org/other", "there is no such file or folder", "127.0.0.1", HF_ENDPOINT="http://127.0.0.1:1")
refuses("org/other", "no model of this name", "HF_TOKEN")
refuses("org/tiny@v9", "no revision 'v9'")
refuses("org/ti--ny", "there is no such file")
refuses("runs/a/model", "there is no such file")
check(stand.times("runs") == 0, "a path went to the hub")
# a folder of that name goes first
shutil.copytree(LLAMA, os.path.join(WORK, "org", "tiny"))
stand.forget()
takes("org/tiny")
check(not stand.asked, "a folder of that name was passed over")
shutil.rmtree(os.path.join(WORK, "org"))

# ---- tokens
stand.put("models", "org/secret", tiny, LFS, private=True)
stand.put("models", "org/gated", tiny, LFS, gated=True)
refuses("org/secret", "does not show it", "HF_TOKEN")
refuses("org/gated", "agreed to its conditions", "/org/gated")
refuses("org/gated", "with the account of your token", HF_TOKEN="hf_bad")
takes("org/secret", HF_TOKEN="hf_good")
os.makedirs(ENV["HF_HOME"], exist_ok=True)
with open(os.path.join(ENV["HF_HOME"], "token"), "w") as f:
    f.write("hf_good\n")
takes("org/gated")
refuses("org/other", "no token of a hub", HF_TOKEN="hf_x\r\nX-Evil: 1")
os.remove(os.path.join(ENV["HF_HOME"], "token"))
check(set(stand.cdn_tokens) == {None}, "the token went to another host")

# ---- lines that are cut, hubs that are busy, mirrors that know less, repositories that moved
fresh()
stand.faults["cut"] = 70000
takes("org/tiny")
check(stand.times("bytes=70000-") == 2, f"not gone on from: {stand.asked}")
fresh()
del stand.faults["cut"]
fresh()
stand.faults["cuts"] = 1
takes("org/tiny")
check(stand.times("/cdn/") == 2, f"not tried again: {stand.asked}")
fresh()
os.makedirs(room + "/blobs")
with open(f"{room}/blobs/{sha}.incomplete", "wb") as f:
    f.write(tiny[WEIGHTS][:50000])
takes("org/tiny")
check(stand.times("bytes=50000-") == 2, f"another's .incomplete was not gone on from: {stand.asked}")  # hub, then the host
fresh()
os.makedirs(room + "/blobs")
with open(f"{room}/blobs/{sha}.incomplete", "wb") as f:
    f.write(b"\0" * 50000)
refuses("org/tiny", "its SHA-256 differs")
check(not os.path.exists(f"{room}/blobs/{sha}") and not os.path.exists(f"{room}/blobs/{sha}.incomplete"), "damaged bytes stay")
takes("org/tiny")
stand.put("models", "org/busy", tiny, LFS, busy=1)
takes("org/busy")
stand.put("models", "org/bare", tiny, LFS, bare=True)
stand.forget()
takes("org/bare")
check(stand.times("HEAD") == len(tiny), f"hashes were not asked for: {stand.asked}")
check(os.readlink(glob.glob(f"{CACHE}/models--org--bare/snapshots/*/{WEIGHTS}")[0]).endswith(sha), "not by X-Linked-Etag")
stand.put("models", "org/old", tiny, LFS, renamed="org/tiny")
takes("org/old")

# ---- hubs that lie
stand.put("models", "bad/sha", tiny, LFS, sha=hashlib.sha256(b"other").hexdigest())
refuses("bad/sha", "its SHA-256 differs")
stand.put("models", "bad/git", tiny, LFS, other=True)
refuses("bad/git", "file size")
stand.put("models", "bad/less", tiny, LFS, more=-1)
refuses("bad/less", "file size")
stand.put("models", "bad/more", tiny, LFS, more=1)
refuses("bad/more", "as its index says")
stand.put("models", "bad/vast", tiny, LFS, more=1 << 37)
refuses("bad/vast", "has room for")
stand.put("models", "bad/path", tiny, LFS, odd=["../../../evil", "/etc/evil", "a/../../evil", "a//b", "", ".", "a\nb"])
said = takes("bad/path")
check("left out: 7 file(s)" in said, f"odd names were not said: {said}")
check(not [p for p in glob.glob(WORK + "/**/evil", recursive=True)], "a file lies elsewhere")
stand.put("models", "bad/commit", tiny, LFS, listing=json.dumps({"sha": "../../x", "siblings": []}).encode())
refuses("bad/commit", "names no commit")
stand.put("models", "bad/json", tiny, LFS, listing=b"<html>")
refuses("bad/json", "did not answer in JSON")
stand.put("models", "bad/deep", tiny, LFS, listing=b"[" * 200000)
refuses("bad/deep", "did not answer in JSON")
stand.put("models", "bad/twice", tiny, LFS, odd=["config.json"])
refuses("bad/twice", "twice")
# who wants text alone gets no weights
stand.put("models", "org/spare", {**tiny, "config.json": tiny["config.json"] + b"\n\n"}, LFS)
stand.forget()
one = subprocess.run([os.path.join(BIN, "drover"), "tokenize", "model=org/spare"], env=ENV, text=True, capture_output=True, cwd=WORK,
                     input='{"text": "a cat"}\n', timeout=60)
check(one.returncode == 0 and '"ids"' in one.stdout, f"tokenize: {one.stdout} {one.stderr}")
check(stand.times(WEIGHTS) == 0 and stand.times("/cdn/") == 0, f"weights were fetched: {stand.asked}")
takes("org/spare")
# more files than one answer holds: page by page, and only the model's are fetched
stand.put("models", "org/many", tiny, LFS, odd=["data/f%d" % i for i in range(60000)], page=25000)
stand.forget()
takes("org/many")
check(stand.times("/tree/") == 3 and stand.times("data/f") == 0, f"not three pages: {stand.asked}")
stand.put("models", "bad/elsewhere", tiny, LFS, odd=["f%d" % i for i in range(50000)], elsewhere=stand.cdn)
refuses("bad/elsewhere", "leads elsewhere")
stand.put("models", "bad/circle", tiny, LFS, odd=["f%d" % i for i in range(50000)], circle=True, page=30000)
refuses("bad/circle", "leads on and on")
stand.put("models", "bad/long", tiny, LFS, listing=b" " * (17 << 20))
refuses("bad/long", "more than 16777216 bytes")
stand.put("models", "bad/empty", {"README.md": b"x"})
refuses("bad/empty", "no config.json")
stand.put("models", "bad/pickle", {"config.json": tiny["config.json"], "pytorch_model.bin": b"x"})
refuses("bad/pickle", "pickle")
stand.put("models", "bad/shard", {**{k: v for k, v in tiny.items() if k != WEIGHTS},
                                  "model.safetensors.index.json": b'{"weight_map": {"a": "../../x"}}'})
refuses("bad/shard", "does not have")

# ---- .gguf
gguf = open(os.path.join(HERE, "../golden/model/llama.gguf"), "rb").read()
stand.put("models", "org/one-GGUF", {"one.gguf": gguf, "README.md": b"x"}, {"one.gguf"})
takes("org/one-GGUF")
stand.put("models", "org/two-GGUF", {"a-Q4.gguf": gguf, "sub/b-Q8.gguf": gguf}, {"a-Q4.gguf", "sub/b-Q8.gguf"})
refuses("org/two-GGUF", "hf://org/two-GGUF/FILE", "a-Q4.gguf sub/b-Q8.gguf")
takes("hf://org/two-GGUF/sub/b-Q8.gguf")

# ---- data sets: the card's configurations, names, a copy of what is a script
rows = [json.dumps({"prompt": f"Say {i}: ", "chosen": f"yes {i}", "rejected": f"no {i * i}"}) for i in range(24)]
lines = lambda some: ("\n".join(some) + "\n").encode()
card = b"---\nlicense: mit\nconfigs:\n- config_name: small\n  data_files:\n  - split: train\n    path: parts/train-*\n  - split: test\n" \
       b"    path: [parts/held.jsonl]\n- config_name: large\n  data_files: rest/*.jsonl\n---\n# prefs\n"
data = {"README.md": card, "parts/train-0.jsonl": lines(rows[:10]), "parts/train-1.jsonl.gz": gzip.compress(lines(rows[10:16]), mtime=0),
        "parts/held.jsonl": lines(rows[16:20]), "rest/all.jsonl": lines(rows), "prefs.py": b"raise SystemExit"}
began = stand.put("datasets", "org/prefs", data, {"rest/all.jsonl"})
# the same form is wanted of a split's files where names decide; a card may mix them
dpo = ["dpo", "max_steps=2", "per_device_train_batch_size=4", "logging_steps=1", "max_length=64", "eval_strategy=no", "disable_tqdm=true",
       "save_strategy=no"]


def train(out, *words, status=0, **env):
    global cases
    cases += 1
    done = run("drover-learner", *dpo, f"output_dir={out}", *words, status=status, **env)
    if status:
        return done.stderr
    return json.load(open(os.path.join(WORK, out, "run.json"))), hashlib.sha256(open(os.path.join(WORK, out, "model", WEIGHTS), "rb").read()).hexdigest()


said = train("none", "model=org/tiny", "dataset=org/prefs", status=1)
check("several configurations" in said and "small large" in said, said)
said = train("none", "model=org/tiny", "dataset=org/prefs", "dataset_config=tiny", status=1)
check("no configuration 'tiny'" in said, said)
said = train("none", "model=org/tiny", "dataset=org/prefs", "dataset_config=large", "dataset_train_split=dev", status=1)
check("no split 'dev'" in said and "train" in said, said)
stand.forget()
record, by_name = train("a", "model=org/tiny", "dataset=org/prefs", "dataset_config=small")
check(stand.times("rest/all") == 0 and stand.times("prefs.py") == 0 and stand.times("parts/held") == 1, f"other files: {stand.asked}")
check(record["hub"] == [{"kind": "model", "name": "org/tiny", "revision": "main", "commit": second},
                        {"kind": "dataset", "name": "org/prefs", "revision": "main", "commit": began}], f"recorded: {record.get('hub')}")
os.makedirs(os.path.join(WORK, "local"))
with open(os.path.join(WORK, "local", "train.jsonl"), "wb") as f:
    f.write(lines(rows[:16]))
_, by_path = train("b", f"model={LLAMA}", "dataset=local")
check(by_name == by_path, "by name and by path: other weights")
_, mixed = train("c", "model=org/tiny", "datasets=[{path: org/prefs, name: large}]")
_, again = train("d", "model=org/tiny", "datasets=[{path: org/prefs, data_files: rest/a*.jsonl}]")
_, third = train("e", "model=org/tiny", f"dataset=hf://datasets/org/prefs@{began}/rest/all.jsonl")
check(mixed == again == third != by_name, "the same file in three ways")
# the branches move: what was begun goes on with what it began with, a new run has the new state
stand.put("datasets", "org/prefs", {**data, "parts/train-0.jsonl": lines(rows[12:20])})
_, moved = train("f", "model=org/tiny", "dataset=org/prefs", "dataset_config=small")
check(moved != by_name, "a new run with old data")
words = ["model=org/tiny", "dataset=org/prefs", "dataset_config=small", "max_steps=3"]
record, longer = train("g", "model=org/tiny", f"dataset=org/prefs@{began}", "dataset_config=small", "max_steps=3")
shutil.rmtree(os.path.join(WORK, "a", "model"))  # as if it had been stopped
record, went = train("a", *words, "resume_from_checkpoint=true")
check(record["hub"][1]["commit"] == began, "a run that goes on took another commit")
check(went == longer, "a run that goes on: other weights")
# names decide; a script's copy
stand.put("datasets", "org/plain", {"data/train-00000-of-00002.jsonl": lines(rows[:10]), "data/train-00001-of-00002.jsonl": lines(rows[10:16]),
                                    "data/test-00000-of-00001.jsonl": lines(rows[16:])})
check(train("h", "model=org/tiny", "dataset=org/plain")[1] == by_path, "shards: other weights")
stand.put("datasets", "org/script", {"script.py": b"raise SystemExit", "README.md": b"# none"})
said = train("none", "model=org/tiny", "dataset=org/script", status=1)
check("scripts are not run" in said, said)
stand.put("datasets", "org/script", {"default/train/0000.jsonl": lines(rows[:16]), "default/test/0000.jsonl": lines(rows[16:])},
          revision="refs/convert/parquet")
check(train("i", "model=org/tiny", "dataset=org/script")[1] == by_path, "the copy: other weights")
check(train("j", "model=org/tiny", "dataset=org/script", HF_HUB_OFFLINE="1")[1] == by_path, "offline: other weights")
said = train("none", "model=org/tiny", "dataset=org/nothing", status=1)
check("no data set of this name" in said, said)
bomb = b"---\nconfigs:\n- config_name: default\n  data_files: \"" + b"*a" * 200 + b"b\"\n---\n"
stand.put("datasets", "bad/glob", {"README.md": bomb, **{"a" * 150 + "%d.jsonl" % i: b"{}" for i in range(2000)}})
said = train("none", "model=org/tiny", "dataset=bad/glob", status=1)
check("has no split 'train'" in said or "take too long" in said, said)

# parts of a split; commands over data; a place for a run without a network; several at once
check(train("l", "model=org/tiny", "dataset=org/plain", "dataset_train_split=train[:100%]")[1] == by_path, "all of a split: other weights")
part = train("m", "model=org/tiny", "dataset=org/plain", "dataset_train_split=train[4:12]")[1]
with open(os.path.join(WORK, "part.jsonl"), "wb") as f:
    f.write(lines(rows[4:12]))
check(part == train("n", f"model={LLAMA}", "dataset=part.jsonl")[1] != by_path, "a part of a split: other weights")
check(part == train("o", "model=org/tiny", "datasets=[{path: org/plain, split: 'train[25%:75%]'}]")[1], "a part by percent: other weights")
check("preference" in run("drover", "data", "inspect", "org/plain").stdout, "data inspect by name")
fresh()
said = run("drover", "pull", "org/tiny", "to=cache").stdout
check(said.strip().startswith(CACHE), said)
run("drover", "pull", "hf://datasets/org/plain", "to=cache")
train("p", "model=org/tiny", "dataset=org/plain", HF_HUB_OFFLINE="1")
fresh()
several = [subprocess.Popen([os.path.join(BIN, "drover"), "inspect", "org/tiny"], env=ENV, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=WORK) for _ in range(4)]
for one in several:
    said = one.communicate(timeout=60)[1]
    check(one.returncode == 0, f"one of several: {said}")
check(stand.times("/cdn/") == 1 and stand.times("/resolve/") == len(tiny), f"fetched more than once: {stand.asked}")

# ---- an adapter names its base as the hub does
run("drover-learner", *dpo, "output_dir=lora", "model=org/tiny", "dataset=org/plain", "use_peft=true", "lora_r=2")
adapter = json.load(open(os.path.join(WORK, "lora", "model", "adapter_config.json")))
check(adapter["base_model_name_or_path"] == "org/tiny" and adapter["revision"] == second, f"base: {adapter}")
stand.put("models", "org/adapter", folder_of(os.path.join(WORK, "lora", "model")), {"adapter_model.safetensors"})
stand.put("models", "org/tiny", {**tiny, WEIGHTS: tiny[WEIGHTS][:-4] + b"\0\0\0\0"}, LFS)  # another base by now
stand.forget()
run("drover", "merge", "--adapter", "org/adapter", "--out", "merged")
check(stand.times("revision/" + second) == 1, f"the base is not that of the adapter: {stand.asked}")
cases += 2
stand.close()
shutil.rmtree(WORK)
print(f"ok: {cases} cases")

#!/usr/bin/env python3
"""The hub's cache in both directions, with huggingface_hub itself (development only): it finds what drover fetched, and
fetches none of it again; drover opens, offline, what it fetched; each goes on with what the other began.

usage: hub_cache.py BIN_FOLDER      (a Python with huggingface_hub)"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))
from hub_stand import Stand

BIN = os.path.abspath(sys.argv[1])
work = tempfile.mkdtemp(prefix="drover-hub-cache-")
stand = Stand()
os.environ.update(HF_ENDPOINT=stand.at, HF_HOME=work + "/ours", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_XET="1")
import huggingface_hub as hub  # reads its variables now

tiny = {os.path.basename(p): open(p, "rb").read() for p in glob.glob(HERE + "/model/llama5/*")}
rows = b'{"prompt": "a", "completion": "b"}\n' * 8
commit = stand.put("models", "org/tiny", tiny, {"model.safetensors"})
stand.put("models", "org/tiny", {**tiny, "config.json": tiny["config.json"] + b" "}, {"model.safetensors"}, revision="refs/pr/2")
data = stand.put("datasets", "org/set", {"README.md": b"# none\n", "data/train-00000-of-00001.jsonl": rows})


def drover(home, *words, program="drover", **env):
    done = subprocess.run([os.path.join(BIN, program), *words], env={**os.environ, "HF_HOME": home, **env}, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(f"FAILED: {words}: {done.stderr}")


def sft(home, out, **env):
    drover(home, "sft", "model=org/tiny", "dataset=org/set", "max_steps=1", f"output_dir={work}/{out}", "save_strategy=no", program="drover-learner", **env)


# ---- ours, read by it
drover(work + "/ours", "inspect", "org/tiny")
drover(work + "/ours", "inspect", "org/tiny@refs/pr/2")
sft(work + "/ours", "a")
stand.forget()
for name in tiny:
    for revision in ("main", commit, "refs/pr/2"):
        path = hub.hf_hub_download("org/tiny", name, revision=revision, local_files_only=True)
        want = tiny[name] + (b" " if revision == "refs/pr/2" and name == "config.json" else b"")
        assert open(path, "rb").read() == want, (name, revision)
        assert hub.hf_hub_download("org/tiny", name, revision=revision) == path
assert open(hub.hf_hub_download("org/set", "data/train-00000-of-00001.jsonl", repo_type="dataset", local_files_only=True), "rb").read() == rows
assert stand.times("GET") == 0, stand.asked
found = hub.scan_cache_dir()
assert not found.warnings, found.warnings
assert {(r.repo_type, r.repo_id): (len(r.revisions), sorted(ref for rev in r.revisions for ref in rev.refs)) for r in found.repos} == {
    ("model", "org/tiny"): (2, ["main", "refs/pr/2"]), ("dataset", "org/set"): (1, ["main"])}, found
print("huggingface_hub", hub.__version__, "finds", len(tiny) * 3 + 1, "files that drover fetched, asks for no bytes")

# ---- its own, read by us: only what it took, without a network
its = work + "/its/hub"
for name in tiny:
    hub.hf_hub_download("org/tiny", name, cache_dir=its)
for name in ("README.md", "data/train-00000-of-00001.jsonl"):
    hub.hf_hub_download("org/set", name, repo_type="dataset", cache_dir=its)
stand.forget()
drover(work + "/its", "inspect", "org/tiny", HF_HUB_OFFLINE="1")
sft(work + "/its", "b", HF_HUB_OFFLINE="1")
assert not stand.asked, stand.asked
drover(work + "/its", "inspect", "org/tiny")
sft(work + "/its", "c")
assert stand.times("/resolve/") == 0, stand.asked
weights = [open(f"{work}/{run}/model/model.safetensors", "rb").read() for run in "abc"]
assert weights[0] == weights[1] == weights[2]
print("drover opens what it fetched, offline and not, and asks for no bytes")
stand.close()
shutil.rmtree(work)

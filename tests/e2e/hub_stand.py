"""A stand-in of the hub's HTTP interface: models and data sets with commits, git's and LFS hashes, a second host
for large files, tokens, and all that can go wrong. What it is asked is kept in `asked`.

    stand = Stand(); stand.put("models", "org/name", {"config.json": b"..."}, lfs={"model.safetensors"})
    stand.at      # the address for HF_ENDPOINT"""
import hashlib
import http.server
import json
import threading
import urllib.parse


def git_hash(body):
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


class Repo:
    def __init__(self):
        self.refs, self.commits = {}, {}
        self.lfs = set()
        self.faults = {}  # what is wrong with it: see serve


class Stand:
    def __init__(self):
        self.repos, self.blobs, self.asked, self.cdn_tokens, self.faults = {}, {}, [], [], {}
        self.lock = threading.Lock()
        self.servers = []
        for handler in (Hub, Cdn):
            kind = type("Bound", (handler,), {"stand": self})
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
            server.daemon_threads = True
            server.handle_error = lambda *of: None  # who hangs up has its reasons
            threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.05}).start()
            self.servers.append(server)
        self.at = "http://127.0.0.1:%d" % self.servers[0].server_address[1]
        self.cdn = "http://localhost:%d" % self.servers[1].server_address[1]  # another name: another host

    def put(self, kind, name, files, lfs=(), revision="main", **faults):
        """A commit with these files, which the branch then has. Returns its name."""
        repo = self.repos.setdefault((kind, name), Repo())
        commit = hashlib.sha1(json.dumps([name, revision, sorted((k, git_hash(v)) for k, v in files.items())]).encode()).hexdigest()
        repo.commits[commit] = dict(files)
        repo.refs[revision] = commit
        repo.lfs |= set(lfs)
        repo.faults.update(faults)
        for body in files.values():
            self.blobs[hashlib.sha256(body).hexdigest()] = body
        return commit

    def times(self, what):
        """How often it was asked for what holds these words."""
        with self.lock:
            return sum(what in line for line in self.asked)

    def forget(self):
        with self.lock:
            self.asked.clear()

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body in one piece: two wait for one another

    def log_message(self, *words):
        pass

    def answer(self, status, body=b"", headers=(), most=None):
        """most: bytes before the line is cut."""
        self.send_response(status)
        for key, value in dict(headers).items():
            self.send_header(key, value)
        if "Content-Length" not in dict(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:most])
        if most is not None and most < len(body):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)

    def refuse(self, status, code, words):
        self.answer(status, json.dumps({"error": words}).encode(), {"X-Error-Code": code, "X-Error-Message": words})

    def bytes_of(self, body, headers, most=None):
        """All, or the rest that is asked for."""
        wanted = self.headers.get("Range")
        if not wanted:
            return self.answer(200, body, headers, most)
        start = int(wanted[6:].split("-")[0])
        if start >= len(body):
            return self.answer(416, b"", {**headers, "Content-Range": "bytes */%d" % len(body)})
        rest = body[start:]
        self.answer(206, rest, {**headers, "Content-Range": "bytes %d-%d/%d" % (start, len(body) - 1, len(body))}, most)

    def note(self):
        with self.stand.lock:
            self.stand.asked.append("%s %s %s" % (self.command, self.path, self.headers.get("Range", "")))


class Cdn(Answers):
    """Where large files lie: no token is to come here, and no HEAD."""

    def do_GET(self):
        self.note()
        self.stand.cdn_tokens.append(self.headers.get("Authorization"))
        body = self.stand.blobs.get(self.path.split("/")[2].split("?")[0])
        if body is None:
            return self.answer(404)
        cut = self.stand.faults.get("cut")
        if self.stand.faults.get("cuts", 0) > 0:  # so often nothing comes at all
            self.stand.faults["cuts"] -= 1
            cut = 0
        self.bytes_of(body, {"ETag": '"%s"' % hashlib.md5(body).hexdigest()}, cut)

    def do_HEAD(self):
        self.note()
        self.answer(403)


class Hub(Answers):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.note()
        url = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(p) for p in url.path.strip("/").split("/")]
        if parts[0] == "api":
            return self.api(parts[1], "/".join(parts[2:4]), parts[4:], url.query)
        kind = "models"
        if parts[0] == "datasets":
            kind, parts = "datasets", parts[1:]
        if len(parts) < 5 or parts[2] != "resolve":
            return self.refuse(404, "EntryNotFound", "no such page")
        self.resolve(kind, "/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    def find(self, kind, name, revision):
        """The repository and a commit, or None after a refusal."""
        repo = self.stand.repos.get((kind, name))
        token = self.headers.get("Authorization")
        if not repo or (repo.faults.get("private") and token != "Bearer hf_good"):
            self.refuse(401, "RepoNotFound", "Repository not found")
            return None
        commit = repo.refs.get(revision, revision)
        if repo.faults.get("renamed"):
            return repo, commit
        if commit not in repo.commits:
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
            return None
        return repo, commit

    def api(self, kind, name, rest, query):
        revision = rest[1] if rest and rest[0] == "revision" else "main"
        found = self.find(kind, name, revision)
        if not found:
            return None
        repo, commit = found
        faults = repo.faults
        if faults.get("renamed"):
            return self.answer(307, b"", {"Location": self.path.replace(name, faults["renamed"])})
        if faults.get("busy", 0) > 0:
            faults["busy"] -= 1
            return self.answer(503)
        if rest and rest[0] == "tree":
            return self.tree(repo, commit, name, query)
        if "listing" in faults:
            return self.answer(200, faults["listing"])
        files = []
        for path, body in repo.commits[commit].items():
            file = {"rfilename": path}
            if "blobs=true" in query and not faults.get("bare"):
                file.update(size=len(body) + faults.get("more", 0), blobId=git_hash(body))
                if path in repo.lfs:
                    sha = faults.get("sha", hashlib.sha256(body).hexdigest())
                    file.update(blobId=git_hash(sha.encode()), lfs={"sha256": sha, "size": file["size"], "pointerSize": 130})
            files.append(file)
        for path in faults.get("odd", ()):
            files.append({"rfilename": path, "size": 3, "blobId": git_hash(b"odd")})
        self.answer(200, json.dumps({"id": name, "sha": commit, "siblings": files}).encode())

    def tree(self, repo, commit, name, query):
        """A page: `page` entries, and where the next one is."""
        faults, n = repo.faults, repo.faults.get("page", 1000)
        at = int(dict(urllib.parse.parse_qsl(query)).get("cursor", 0))
        entries = [{"type": "directory", "path": "data", "oid": git_hash(b"tree"), "size": 0}]
        for path, body in repo.commits[commit].items():
            entry = {"type": "file", "path": path, "size": len(body), "oid": git_hash(body)}
            if path in repo.lfs:
                entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
            entries.append(entry)
        entries += [{"type": "file", "path": path, "size": 3, "oid": git_hash(b"odd")} for path in faults.get("odd", ())]
        to, headers = at + n, {}
        if to < len(entries) or faults.get("circle"):
            where = faults.get("elsewhere", self.stand.at)
            headers["Link"] = '<%s/api/x>; rel="prev", <%s%s?recursive=true&cursor=%d>; rel="next"' % (where, where, self.path.split("?")[0], to)
        self.answer(200, json.dumps(entries[at:to]).encode(), headers)

    def resolve(self, kind, name, revision, path):
        found = self.find(kind, name, revision)
        if not found:
            return None
        repo, commit = found
        if repo.faults.get("renamed"):
            return self.answer(307, b"", {"Location": self.path.replace(name, repo.faults["renamed"])})
        if repo.faults.get("gated") and self.headers.get("Authorization") != "Bearer hf_good":
            return self.refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo", "Access to %s is restricted" % name)
        body = repo.commits[commit].get(path)
        if body is None:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": commit}
        if path in repo.lfs:
            sha = hashlib.sha256(body).hexdigest()
            return self.answer(302, b"moved", {**headers, "X-Linked-Etag": '"%s"' % sha, "X-Linked-Size": str(len(body)),
                                               "ETag": '"%s"' % sha, "Location": "%s/cdn/%s?sig=1" % (self.stand.cdn, sha)})
        if repo.faults.get("other"):
            body = body + b" "
        self.bytes_of(body, {**headers, "ETag": '"%s"' % git_hash(repo.commits[commit][path])})

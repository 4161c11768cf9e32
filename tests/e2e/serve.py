#!/usr/bin/env python3
"""drover serve over HTTP: the bits of `drover generate` and `drover score`, alone and in company; streams;
refusals by name; clients that are slow, gone or hostile; keys; a clean end. usage: serve.py BIN_FOLDER"""
import concurrent.futures
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

BIN = sys.argv[1]
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "model")
LLAMA, QWEN = os.path.join(GOLDEN, "llama5"), os.path.join(GOLDEN, "qwen5")
work = tempfile.TemporaryDirectory()


def check(holds, *words):
    if not holds:
        raise SystemExit("FAILED: " + " ".join(str(word) for word in words)[:2000])


class Server:
    def __init__(self, *words):
        self.log = open(os.path.join(work.name, "log"), "w+")
        self.process = subprocess.Popen([BIN + "/drover", "serve", "listen=127.0.0.1:0", *words], stderr=self.log)
        until = time.monotonic() + 60
        found = None
        while not found and time.monotonic() < until and self.process.poll() is None:
            found = re.search(r"^port (\d+): ", self.said(), re.M)
            time.sleep(0.01)
        check(found, "no port:", self.said())
        self.port = int(found.group(1))

    def said(self):
        with open(self.log.name) as log:
            return log.read()

    def raw(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def ask(self, path, want=200, **body):
        status, text = self.raw("POST", "/v1/" + path, json.dumps(body), {"Content-Type": "application/json"})
        check(status == want, path, body, "is answered", status, text)
        return json.loads(text)

    def stream(self, path, **body):
        body["stream"] = True
        status, text = self.raw("POST", "/v1/" + path, json.dumps(body), {"Content-Type": "application/json"})
        events = text.split("\n\n")
        check(status == 200 and events[-1] == "" and events[-2] == "data: [DONE]", "no end of stream:", status, text[-300:])
        return [json.loads(event[6:]) for event in events[:-2]]

    def refuses(self, param, path="completions", status=400, **body):
        error = self.ask(path, status, **body)["error"]
        check(error["param"] == param and error["message"] and error["type"] == "invalid_request_error", body, "gives", error)

    def dial(self, text=b""):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(text)
        return connection

    def ticks(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait(60) == 0, "ends with", self.process.returncode, self.said())


def drover(word, model, lines, *words):
    done = subprocess.run([BIN + "/drover", word, "--model", model, *words], text=True, capture_output=True,
                          input="".join(json.dumps(line) + "\n" for line in lines))
    check(done.returncode == 0, word, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(choice, answer, what):
    check(choice["token_ids"] == answer["ids"], what, "other tokens", choice, answer)
    check(choice["logprobs"]["token_logprobs"] == answer["logprobs"], what, "other log-probabilities", choice, answer)
    check(choice["finish_reason"] == answer["finish_reason"] and choice["text"] == answer["completion"], what, choice, answer)


def penalties(server, prompts):
    """What is drawn is another, as `drover generate` draws it; each log-probability is the model's own. A bias of 100 is an order."""
    how = dict(repetition_penalty=1.3, frequency_penalty=0.5, presence_penalty=-0.25, logit_bias={"7": 3.5, "9": -100})
    words = [f"{key}={json.dumps(value)}" for key, value in how.items()]
    for temperature in (0, 1):
        plain = drover("generate", LLAMA, [{"prompt": p} for p in prompts], "max_new_tokens=16", "seed=3", f"temperature={temperature}")
        want = drover("generate", LLAMA, [{"prompt": p} for p in prompts], "max_new_tokens=16", "seed=3", f"temperature={temperature}", *words)
        got = server.ask("completions", prompt=prompts, max_tokens=16, seed=3, temperature=temperature, logprobs=0, return_token_ids=True, **how)
        for k, choice in enumerate(got["choices"]):
            same(choice, want[k], "penalised %d:" % k)
        check([w["ids"] for w in want] != [p["ids"] for p in plain], "penalties change nothing")
    # of what was drawn with penalties the log-probabilities are those without
    again = server.ask("completions", prompt=got["choices"][0]["prompt_token_ids"] + got["choices"][0]["token_ids"], max_tokens=0, echo=True, logprobs=0)
    mine = again["choices"][0]["logprobs"]["token_logprobs"][-len(want[0]["ids"]):]
    check(all(abs(a - b) < 1e-4 for a, b in zip(mine, want[0]["logprobs"])), "logprobs of a penalised answer", mine, want[0]["logprobs"])
    one = server.ask("completions", prompt=prompts[0], max_tokens=5, temperature=1, return_token_ids=True, ignore_eos=True, logit_bias={"11": 100})
    check(one["choices"][0]["token_ids"] == [11] * 5, "a bias of 100", one)
    # drawn without a slot (echo), too
    one = server.ask("completions", prompt=prompts[0], max_tokens=1, temperature=0, return_token_ids=True, echo=True, logprobs=1, logit_bias={"12": 100})
    check(one["choices"][0]["token_ids"] == [12], "a bias beside an echo", one)


def bits(server):
    prompts = ["the cat", "a b c", "hello"]
    options = dict(max_tokens=12, temperature=0.9, top_k=40, top_p=0.95, seed=7, n=3)
    words = ["max_new_tokens=12", "temperature=0.9", "top_k=40", "top_p=0.95", "seed=7", "n=3"]
    want = [one for line in drover("generate", LLAMA, [{"prompt": p} for p in prompts], *words) for one in line["completions"]]

    def alone():
        got = server.ask("completions", prompt=prompts, logprobs=0, return_token_ids=True, **options)
        check(len(got["choices"]) == 9 and got["seed"] == 7, got)
        for k, choice in enumerate(got["choices"]):
            check(choice["index"] == k, choice)
            same(choice, want[k], "answer %d:" % k)
        made = sum(len(one["ids"]) for one in want)
        check(got["usage"]["completion_tokens"] == made, got["usage"])

    alone()
    penalties(server, prompts)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # more answers than slots, of other seeds and lengths
        others = [pool.submit(server.stream, "completions", prompt="x" * k, max_tokens=10 + k, seed=k) for k in range(1, 9)]
        beside = [pool.submit(alone) for _ in range(3)]
        for one in others + beside:
            one.result()
    ids = [drover("tokenize", LLAMA, [{"text": prompts[0]}])[0]["ids"]]
    first = server.ask("completions", prompt=ids, logprobs=0, return_token_ids=True, **options)["choices"][0]
    same(first, want[0], "token ids as a prompt:")
    check(first["prompt_token_ids"] == ids[0], first)
    free = server.ask("completions", prompt="the cat", return_token_ids=True)  # a seed that was drawn has it again
    again = server.ask("completions", prompt="the cat", return_token_ids=True, seed=free["seed"])
    check(free["choices"] == again["choices"], free, again)


def chat(server):
    messages = [{"role": "user", "content": "hi"}]
    want = drover("generate", LLAMA, [{"prompt": messages}], "max_new_tokens=20", "seed=3")[0]
    got = server.ask("chat/completions", messages=messages, max_completion_tokens=20, seed=3, logprobs=True, top_logprobs=2,
                     return_token_ids=True)
    choice = got["choices"][0]
    content = choice["logprobs"]["content"]
    check(choice["token_ids"] == want["ids"] and choice["message"] == {"role": "assistant", "content": want["completion"]}, got, want)
    check([one["logprob"] for one in content] == want["logprobs"], content, want)
    for one in content:
        best = one["top_logprobs"]
        check(len(best) == 2 and best[0]["logprob"] >= best[1]["logprob"], one)
    parts = server.ask("chat/completions", messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
                       max_tokens=20, seed=3, return_token_ids=True)
    check(parts["choices"][0]["token_ids"] == want["ids"], parts)
    events = server.stream("chat/completions", messages=messages, max_tokens=20, seed=3, n=2, return_token_ids=True,
                           stream_options={"include_usage": True})
    whole = server.ask("chat/completions", messages=messages, max_tokens=20, seed=3, n=2, return_token_ids=True)
    check(events[-1]["usage"] == whole["usage"] and events[-1]["choices"] == [], events[-1])
    for k, one in enumerate(whole["choices"]):
        deltas = [event["choices"][0] for event in events[:-1] if event["choices"][0]["index"] == k]
        check("".join(d["delta"].get("content", "") for d in deltas) == one["message"]["content"], "a stream's text", deltas, one)
        check(sum((d.get("token_ids", []) for d in deltas), []) == one["token_ids"], "a stream's tokens", deltas)
        check([d["finish_reason"] for d in deltas if d["finish_reason"]] == [one["finish_reason"]], deltas)
    strange = server.ask("chat/completions", messages=messages, max_tokens=1, spelled_wrong=1, chat_template_kwargs={"nobody": 1})
    check(len(strange["warnings"]) == 2 and "spelled_wrong" in strange["warnings"][0], strange)
    check("spelled_wrong" in server.said(), server.said())


def scores(server):
    prompt, rest = "the cat", " sat on the mat"
    want = drover("score", LLAMA, [{"prompt": prompt, "completion": rest}])[0]
    ids = drover("tokenize", LLAMA, [{"text": prompt + rest}])[0]["ids"]
    at = len(ids) - len(want["ids"])
    check(at > 0 and ids[at:] == want["ids"], "tokens are not those of score")
    for most in (0, 1):  # 1: as lm-eval asks
        got = server.ask("completions", prompt=[ids, ids[:at + 1]], echo=True, logprobs=1, max_tokens=most, temperature=0)
        for choice, n in zip(got["choices"], (len(ids), at + 1)):
            said = choice["logprobs"]
            check(said["token_logprobs"][0] is None and said["top_logprobs"][0] is None, said)
            check(said["token_logprobs"][at:n] == want["logprobs"][:n - at], "echo: other log-probabilities", said, want)
            check(len(said["tokens"]) == len(said["text_offset"]) == n + most, said)
            for token, value, best in zip(said["tokens"][1:], said["token_logprobs"][1:], said["top_logprobs"][1:]):
                check(best[token] == value == min(best.values()), "the token is not among the likeliest", token, value, best)
    one = dict(prompt=[ids, ids[:at + 1]], max_tokens=1, n=3, seed=9, temperature=0.8, logprobs=2, return_token_ids=True)
    for behind, decoded in zip(server.ask("completions", echo=True, **one)["choices"], server.ask("completions", **one)["choices"]):
        check(behind["token_ids"] == decoded["token_ids"] and behind["logprobs"]["top_logprobs"][-1] == decoded["logprobs"]["top_logprobs"][0],
              "a token drawn behind a scored prompt is another", behind, decoded)
    events = server.stream("completions", prompt=[ids], echo=True, logprobs=1, max_tokens=3, temperature=0)
    whole = server.ask("completions", prompt=[ids], echo=True, logprobs=1, max_tokens=3, temperature=0)["choices"][0]
    for name in whole["logprobs"]:
        told = sum((event["choices"][0]["logprobs"][name] for event in events if event["choices"][0]["logprobs"]), [])
        check(told == whole["logprobs"][name], "a stream's", name, told, whole)
    check("".join(event["choices"][0]["text"] for event in events) == whole["text"], events)


def stops(server):
    free = server.ask("completions", prompt="the cat", max_tokens=30, seed=5, return_token_ids=True, ignore_eos=True)["choices"][0]
    at = next(k for k in range(3, len(free["text"])) if free["text"][k].isascii() and free["text"][k] not in free["text"][:k])
    stop = free["text"][at]
    for body in (dict(), dict(include_stop_str_in_output=True)):
        cut = server.ask("completions", prompt="the cat", max_tokens=30, seed=5, stop=["never there", stop], return_token_ids=True,
                         ignore_eos=True, **body)["choices"][0]
        check(cut["text"] == free["text"][:at] + (stop if body else "") and cut["finish_reason"] == "stop", cut, free)
        check(cut["token_ids"] == free["token_ids"][:len(cut["token_ids"])], cut, free)
        events = server.stream("completions", prompt="the cat", max_tokens=30, seed=5, stop=["never there", stop], ignore_eos=True, **body)
        check("".join(event["choices"][0]["text"] for event in events) == cut["text"], events, cut)
    token = free["token_ids"][4]
    ended = server.ask("completions", prompt="the cat", max_tokens=30, seed=5, stop_token_ids=[token], return_token_ids=True,
                       ignore_eos=True)["choices"][0]
    check(ended["token_ids"] == free["token_ids"][:free["token_ids"].index(token) + 1] and ended["finish_reason"] == "stop", ended)


def refusals(server):
    messages = [{"role": "user", "content": "hi"}]
    for param, body in [
            ("prompt", dict()), ("prompt", dict(prompt=[])), ("prompt", dict(prompt=5)), ("prompt", dict(prompt="")),
            ("prompt", dict(prompt=[[]])), ("prompt", dict(prompt=[1, "a"])), ("prompt", dict(prompt=[10**9])),
            ("prompt", dict(prompt=[-1])), ("prompt", dict(prompt=[1] * 5000)), ("prompt", dict(prompt=[[1]] * 300)),
            ("n", dict(prompt="a", n=10**9)), ("n", dict(prompt="a", n=0)), ("n", dict(prompt=["a"] * 200, n=100)),
            ("n", dict(prompt="a", n="2")), ("n", dict(prompt="a", n=1.5)), ("n", dict(prompt="a", n=1e300)),
            ("max_tokens", dict(prompt="a", max_tokens=0)), ("max_tokens", dict(prompt="a", max_tokens=10**6)),
            ("max_tokens", dict(prompt="a", max_tokens=-5)), ("temperature", dict(prompt="a", temperature=-1)),
            ("temperature", dict(prompt="a", temperature=1e-9)), ("top_p", dict(prompt="a", top_p=0)),
            ("logprobs", dict(prompt="a", logprobs=21)), ("logprobs", dict(prompt="a", logprobs=True)),
            ("stop", dict(prompt="a", stop=["x"] * 9)), ("stop", dict(prompt="a", stop="")), ("stop", dict(prompt="a", stop="x" * 129)),
            ("stop_token_ids", dict(prompt="a", stop_token_ids=[10**6])), ("seed", dict(prompt="a", seed=-1)),
            ("stream", dict(prompt="a", stream=1)), ("stream_options", dict(prompt="a", stream_options={})),
            ("frequency_penalty", dict(prompt="a", frequency_penalty=2.5)), ("presence_penalty", dict(prompt="a", presence_penalty="1")),
            ("repetition_penalty", dict(prompt="a", repetition_penalty=0)), ("logit_bias", dict(prompt="a", logit_bias={"5x": 1})),
            ("logit_bias", dict(prompt="a", logit_bias={"99999": 1})), ("logit_bias", dict(prompt="a", logit_bias={"5": 101})),
            ("logit_bias", dict(prompt="a", logit_bias=[5])),
            ("best_of", dict(prompt="a", best_of=2)), ("suffix", dict(prompt="a", suffix="b")),
            ("response_format", dict(prompt="a", response_format={"type": "json_object"}))]:
        server.refuses(param, **body)
    server.refuses("model", status=404, prompt="a", model="another")
    for param, body in [
            ("messages", dict()), ("messages", dict(messages=[])), ("messages", dict(messages=[5])), ("messages", dict(messages="hi")),
            ("messages", dict(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}])),
            ("tools", dict(messages=messages, tools=5)), ("tool_choice", dict(messages=messages, tool_choice="required")),
            ("top_logprobs", dict(messages=messages, top_logprobs=2)), ("chat_template_kwargs", dict(messages=messages, chat_template_kwargs=1)),
            ("functions", dict(messages=messages, functions=[{"name": "f"}]))]:
        server.refuses(param, "chat/completions", **body)
    harmless = dict(frequency_penalty=0, presence_penalty=0.0, repetition_penalty=1, logit_bias={}, best_of=1, suffix=None, user="me")
    check("warnings" not in server.ask("completions", prompt="a", max_tokens=1, **harmless), "what asks for nothing is told of")
    kind = {"Content-Type": "application/json"}
    for status, method, path, body, headers in [
            (404, "GET", "/", None, {}), (404, "GET", "/v1/models/other", None, {}), (200, "GET", "/v1/models/llama5", None, {}),
            (405, "GET", "/v1/completions", None, {}), (405, "DELETE", "/v1/models", None, {}), (405, "POST", "/health", "", kind),
            (415, "POST", "/v1/completions", '{"prompt":"a"}', {"Content-Type": "text/plain"}), (415, "POST", "/v1/completions", "{}", {}),
            (403, "GET", "/v1/models", None, {"Host": "evil.example"}), (403, "GET", "/v1/models", None, {"Host": "127.0.0.1.evil.example"}),
            (200, "GET", "/v1/models", None, {"Host": "LOCALHOST:80"}), (400, "POST", "/v1/completions", "", kind),
            (400, "POST", "/v1/completions", "[" * 100000, kind), (400, "POST", "/v1/completions", "[" + "[]," * 100000 + "1]", kind),
            (400, "POST", "/v1/completions", '{"a":' * 3000 + "1" + "}" * 3000, kind), (400, "POST", "/v1/completions", '{"prompt":"\\ud800"}', kind),
            (400, "POST", "/v1/completions", b'{"prompt":"\xff"}', kind), (413, "POST", "/v1/completions", "x" * (5 << 20), kind)]:
        got, text = server.raw(method, path, body, headers)
        check(got == status, method, path, headers, (body or "")[:40], "is answered", got, text[:300])
        check(got == 200 or json.loads(text)["error"]["message"], text)


def hostile(server):
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    idle = [server.dial() for _ in range(1000)]
    check("ok" in server.raw("GET", "/health")[1], "1000 idle connections: nobody else is answered")
    for k, connection in enumerate(idle):  # half a head, half a body, a body shorter and longer than said, chunks that are none
        connection.sendall([b"POST /v1/comp", (head + "Content-Length: 100\r\n\r\n{").encode(), b"\x00\xff\r\n\r\n",
                            (head + "Content-Length: 2\r\n\r\n{}{}{}").encode(), (head + "Content-Length: -1\r\n\r\n").encode(),
                            (head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n").encode(), b"A" * 40000][k % 7])
    check("choices" in server.ask("completions", prompt="a", max_tokens=1), "half requests: nobody else is answered")
    for connection in idle:
        connection.close()
    check("choices" in server.ask("completions", prompt="a", max_tokens=1), "after them nobody is answered")


def fair(server):
    """A slot that becomes free is another's turn: few answers do not wait for the many of who came first."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        many = pool.submit(server.ask, "completions", prompt=["x"] * 8, n=100, max_tokens=60, ignore_eos=True)
        until = time.monotonic() + 30
        before = server.ticks()
        while server.ticks() < before + 5 and time.monotonic() < until:
            time.sleep(0.01)
        few = server.ask("completions", prompt="a", max_tokens=5)
        check(few["choices"] and not many.done(), "few answers waited for many")
        check(len(many.result()["choices"]) == 800, "not all of many")


def gone(server):
    """One slot, a queue of two: who goes away leaves both. What is asked for would take far longer than the wait."""
    body = json.dumps(dict(prompt=["x"] * 8, n=128, max_tokens=100, ignore_eos=True, stream=False))
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    for kind in (body, body.replace("false", "true")):
        ours = [server.dial((head % len(kind) + kind).encode()) for _ in range(2)]
        until = time.monotonic() + 30
        full = b""
        while b" 429 " not in full and time.monotonic() < until:  # it is full once both are read; a probe may come before them
            probe = server.dial((head % 14 + '{"prompt":"a"}').encode())
            probe.settimeout(0.5)
            try:
                full = probe.recv(100)
            except TimeoutError:
                pass
            probe.close()
        check(b" 429 " in full, "a full queue is not told of", full)
        for connection in ours:
            connection.close()
        until = time.monotonic() + 30
        ticks = 99
        while ticks > 2 and time.monotonic() < until:
            before = server.ticks()
            time.sleep(0.3)
            ticks = server.ticks() - before
        check(ticks <= 2, "it computes for nobody")
        check("choices" in server.ask("completions", prompt="a", max_tokens=1), "the slot is not free")


def drip(server):
    """A head that comes byte by byte is never silent for long, and has a deadline all the same."""
    with server.dial() as connection:
        connection.settimeout(0.2)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                connection.sendall(b"G")
                if connection.recv(1) == b"":
                    return True
            except TimeoutError:
                pass
            except ConnectionError:
                return True
    return False


def tools():
    """A template that knows tools, a model that copies: its answer is forced by its stop alone, so calls are tested on the text."""
    server = Server("--model", QWEN, "name=q")
    offer = [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}]
    messages = [{"role": "user", "content": "hi"}]
    plain = server.ask("chat/completions", messages=messages, max_tokens=1)["usage"]["prompt_tokens"]
    none = server.ask("chat/completions", messages=messages, tools=offer, tool_choice="none", max_tokens=1, model="q")
    check(none["usage"]["prompt_tokens"] == plain, "tool_choice none: tools are in the prompt")
    error = server.ask("chat/completions", 400, messages=messages, tools=offer * 40)["error"]
    check(error["param"] in ("messages", "max_tokens"), error)
    server.end()


def keys():
    path = os.path.join(work.name, "key")
    with open(path, "w") as file:
        file.write("0123456789abcdef-key\n")
    refused = subprocess.run([BIN + "/drover", "serve", "--model", LLAMA, "listen=0.0.0.0:0"], text=True, capture_output=True)
    check(refused.returncode == 1 and "api_key=FILE" in refused.stderr, refused)
    server = Server("--model", LLAMA, "api_key=" + path)
    for status, key in [(401, None), (401, "Bearer "), (401, "Bearer 0123456789abcdef-kex"), (401, "Bearer 0123456789abcdef-key2"),
                        (401, "0123456789abcdef-key"), (200, "Bearer 0123456789abcdef-key"), (200, "bearer 0123456789abcdef-key")]:
        got, _ = server.raw("GET", "/v1/models", None, {"Authorization": key} if key else {})
        check(got == status, "key", key, "is answered", got)
    check(server.raw("GET", "/health")[0] == 200, "a probe needs a key")
    server.end()


def ends():
    """What is being answered is done; what comes then is told to go elsewhere; nothing is left."""
    server = Server("--model", LLAMA, "slots=1")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        stream = pool.submit(server.stream, "completions", prompt="x", n=64, max_tokens=60, ignore_eos=True)
        whole = pool.submit(server.ask, "completions", prompt="x", n=64, max_tokens=60, ignore_eos=True)
        until = time.monotonic() + 30
        while server.ticks() < 10 and time.monotonic() < until and not stream.done():
            time.sleep(0.01)
        server.end()
        for answered in (stream, whole):
            try:
                check(answered.result(), "nothing came")
            except (ConnectionError, http.client.HTTPException, SystemExit) as error:
                check("server ends" in str(error) or isinstance(error, ConnectionError), "at the end:", error)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard > 0 else 4096, hard))  # a thousand connections, and some
    server = Server("--model", LLAMA, "timeout=60")
    for part in (bits, chat, scores, stops, refusals, hostile, fair):
        print("--", part.__name__, flush=True)
        part(server)
    server.end()
    gguf = os.path.join(GOLDEN, "llama.gguf")
    server = Server("--model", gguf, "slots=1", "queue=2", "timeout=1")
    print("-- gone", flush=True)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        dripping = pool.submit(drip, server)
        want = drover("generate", gguf, [{"prompt": "the cat"}], "max_new_tokens=9", "seed=3")[0]
        same(server.ask("completions", prompt="the cat", max_tokens=9, seed=3, logprobs=0, return_token_ids=True)["choices"][0], want, "GGUF:")
        gone(server)
        check(dripping.result(), "a head may come for ever")
    server.end()
    for part in (tools, keys, ends):
        print("--", part.__name__, flush=True)
        part()
    print("ok: a model behind HTTP")


main()

"""bench/table.py on programs that print what we choose: pairs, who is left out, going on, the table.

usage: test_table.py BENCH_FOLDER"""
import json, os, subprocess, sys, tempfile, time

sys.path.insert(0, sys.argv[1])
import table

def say(*words):
    return "printf '" + "".join(word + "\\n" for word in words) + "'"

def speed(decode, score):
    return say(f"decode batch  1: {decode} tokens/s; prefill of 128", f"score 8 x 256: {score} tokens/s", "plan: 7 tokens",
               "step 1 loss 3.5 norm 2: 99 ms")

PROGRAMS = {
    "decode": [("ours float32", "ours", speed(40, 10)), ("ours bfloat16", "ours", speed(80, 30)),
               ("torch float32", "torch", speed(10, 20)), ("torch bfloat16", "torch", speed(20, 40)),
               ("llama.cpp bf16", "llama.cpp bf16", speed(64, 60))],
    "dpo": [("ours float32", "ours", say("dpo epoch: 5 s")), ("ours bfloat16", "ours", "sleep .8; " + say("dpo epoch: 2.5 s")), ("TRL float32", "TRL", "sleep .8; " + say("dpo epoch: 8 s")),
            ("TRL bfloat16", "TRL", "python3 -c 'x = bytearray(300 << 20); import time; time.sleep(1.2)'; " + say("dpo epoch: 10 s", "dpo step: 1 s"))],
}

def run(path, **words):
    table.lines = lambda k: PROGRAMS
    assert table.run(path, table.KEYS | words) == []
    with open(path, encoding="utf-8") as f:
        return json.load(f)

def begun(kept, line):
    return [(r["round"], r["who"]) for r in kept["runs"] if r["line"] == line]

def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.json")

        kept = run(path, pairs="1")
        assert len(begun(kept, "decode")) == 5 and len(begun(kept, "dpo")) == 4, kept
        assert kept["runs"][0]["figures"] == {"decode batch 1": 40, "score 8 x 256": 10}, kept["runs"][0]
        kept = run(path, pairs="3")
        # the slower torch costs time no more; TRL in bfloat16 holds more and takes longer: it is best in nothing that is judged
        assert [who for round_, who in begun(kept, "decode") if round_ == 1] == ["llama.cpp bf16", "torch bfloat16", "ours bfloat16", "ours float32"]
        assert [who for round_, who in begun(kept, "dpo") if round_ == 2] == ["ours bfloat16", "TRL float32"], begun(kept, "dpo")
        assert len(begun(kept, "decode")) == 5 + 4 + 4
        assert run(path, pairs="3")["runs"] == kept["runs"], "what was measured is measured again"
        assert len(run(path, pairs="9", minutes="1e-9")["runs"]) == len(kept["runs"]), "no time, and something began"
        rows = {(line, label, us, peer): ratios for line, label, us, peer, ratios in table.table_of(kept)}
        assert rows["decode", "decode batch 1", "ours bfloat16", "torch"] == [4, 4, 4], rows
        assert rows["decode", "score 8 x 256", "ours bfloat16", "torch"] == [.75, .75, .75]
        assert rows["decode", "decode batch 1", "ours bfloat16", "llama.cpp bf16"] == [1.25] * 3
        assert ("decode", "decode batch 1", "ours float32", "llama.cpp bf16") not in rows, "another number of bytes a weight"
        assert rows["dpo", "dpo epoch", "ours bfloat16", "TRL"] == [2.5 / 8] * 3 and rows["dpo", "dpo epoch", "ours float32", "TRL"] == [5 / 8]
        held = [r["figures"]["peak memory"] for r in kept["runs"] if r["who"] == "TRL bfloat16"]
        assert len(held) == 1 and .3 < held[0] < .4, held
        doc = os.path.join(folder, "doc.md")
        with open(doc, "w", encoding="utf-8") as f:
            f.write(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
        table.put(path, doc)
        with open(doc, encoding="utf-8") as f:
            text = f.read()
        assert text.startswith("before\n" + table.BEGIN) and text.endswith(table.END + "\nafter\n") and "old" not in text
        assert "| 0.31 (0.31 – 0.31) | 3 |" in text, text
    with tempfile.TemporaryDirectory() as folder:  # a program that fails is said, once, and the others go on
        PROGRAMS["decode"][0] = ("ours float32", "ours", "echo no model >&2; exit 3")
        path = os.path.join(folder, "out.json")
        table.lines = lambda k: PROGRAMS
        assert table.run(path, table.KEYS | {"pairs": "2"}) == ["decode, ours float32"]
        with open(path, encoding="utf-8") as f:
            assert len(begun(json.load(f), "decode")) == 4 + 3
    with tempfile.TemporaryDirectory() as folder:  # who ends it ends what it began
        mark = os.path.join(folder, "mark")
        run_ = subprocess.Popen([sys.executable, "-c", f"import sys; sys.path.insert(0, {sys.argv[1]!r}); from follow import watched; "
                                 f"watched('touch {mark}; sleep 60 & echo $! > {mark}; wait')"], stderr=subprocess.DEVNULL)
        while not (os.path.exists(mark) and open(mark).read().strip()):
            assert run_.poll() is None
            time.sleep(.05)
        below = int(open(mark).read())
        run_.terminate()
        assert run_.wait(20) == 143
        for _ in range(100):
            if not os.path.exists(f"/proc/{below}/stat") or open(f"/proc/{below}/stat").read().rsplit(")", 1)[1].split()[0] == "Z":
                break
            time.sleep(.05)
        else:
            raise AssertionError("what was begun goes on")


main()

"""The tokenizer against others: Hugging Face's tokenizers for a tokenizer.json, llama.cpp for a
GGUF. Development only: needs tokenizers, and llama_cpp and gguf for a GGUF.

    tokenizer_parity.py compare TOOL FILE [COUNT [SEED]]   random strings, ids and bytes back
    tokenizer_parity.py points TOOL FILE                   every code point, alone and in a word
    tokenizer_parity.py golden FOLDER TEXT                 trains and writes the committed goldens

TOOL is the program tests/lm/tokenize_lines; FILE a tokenizer.json or *.gguf. `--own` after FILE
compares with tokenizers loading what tokenizer_write made of FILE."""

import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata
import zlib

SPACES = "\t\n\x0b\x0c\r \x85\xa0\u1680\u180e\u2000\u2003\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
DIGITS = "0123456789٠١٢३४५०৪௫๓໗༣၄០᠕᭒᮳᱄꘢꣓꩕꯵０９①②½¼²³Ⅷⅻ〇一二㊿㉈𐄇𝟘𝟿𞥐𑄶🄀🯰🯹"
WORDS = ("the of and to in is you that it he was for on are with as I his they be at one have this "
         "from or had by hot but some what there we can out other were all your when up use word how "
         "said an each she which do their time if will way about many then them would write like so "
         "these her long make thing see him two has look more day could go come did my sound no most "
         "don't it's I'll we've they're you'd I'M IT'S ſ'ſ x'RE 'tis rock'n'roll").split()
SCRIPTS = ["äöüßéèêëñçøåæœ", "абвгдежзийклмнопрстуфхцчшщъыьэюя", "αβγδεζηθικλμνξοπρσςτυφχψω",
           "אבגדהוזחטיכלמנסעפצקרשת", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي", "अआइईउऊकखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह्ािीुूेै",
           "กขคงจฉชซญดตถทนบปผฝพฟมยรลวสหอะาิีึืุูเแโใไ็่้", "가각간갈감갑값한국어조선", "あいうえおかきくけこアイウエオカキクケコー",
           "的一是不了人我在有他这为之大来以个中上们", "ⰀⰁⰂ𐐀𐐁𐐨𐐩", "ÅÅÅåﬁﬂſKΩΏ", "か\u3099x\u0301\u0308\u0323\u0327\u0345\u093c\u0f71\u1161\u11a8\u3099\U0001d165\U0001d16d"]
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "☺️", "🧑🏿‍🚀", "1️⃣", "©", "™", "❤", "\u200d", "\ufe0f"]
CODE = ["def f(x):\n    return x+1\n", "if (a&&b) { c[i]--; }\n\n", "<div class=\"x\">&nbsp;</div>", "\t\tfor(;;)",
        "#include <stdio.h>\r\n", "SELECT * FROM t WHERE a='b';", "{\"k\": [1, 2.5e-3, null]}", "// ----====>>>>",
        "https://example.org/a?b=c&d=%20", "x = y ** 2  # ok", "::std::vector<int>", "$HOME/.bashrc", "\\n\\t\\\\"]
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»“”‘’…—–·•、。！？（）「」"


def string(rng, special):
    """One varied string of a few to a few dozen parts."""
    parts = []
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8, 13, 30))):
        kind = rng.randrange(15)
        if kind == 0:
            parts.append("".join(rng.choice(SPACES) for _ in range(rng.randrange(1, 5))))
        elif kind == 1:
            parts.append("".join(rng.choice(DIGITS) for _ in range(rng.randrange(1, 9))))
        elif kind == 2:
            parts.append(str(rng.randrange(10 ** rng.randrange(1, 15))))
        elif kind in (3, 4, 5):
            parts.append(rng.choice(("", " ", " ", "  ")) + rng.choice(WORDS))
        elif kind == 6:
            parts.append("".join(rng.choice(rng.choice(SCRIPTS)) for _ in range(rng.randrange(1, 9))))
        elif kind == 7:
            script = rng.choice(SCRIPTS)
            parts.append("".join(rng.choice(script) for _ in range(rng.randrange(1, 12))))
        elif kind == 8:
            parts.append(rng.choice(EMOJI) * rng.randrange(1, 3))
        elif kind == 9:
            parts.append(rng.choice(CODE))
        elif kind == 10:
            parts.append("".join(rng.choice(PUNCTUATION) for _ in range(rng.randrange(1, 6))))
        elif kind == 11 and special:
            token = rng.choice(special)
            parts.append(rng.choice((token, token, token + token, token[:-1], token[1:], " " + token + " ")))
        elif kind == 12:
            parts.append("".join(chr(point(rng)) for _ in range(rng.randrange(1, 6))))
        elif kind == 13:
            parts.append(rng.choice("aA \n.=-é한") * rng.randrange(1, 40))
        else:
            parts.append("".join(chr(rng.randrange(128)) for _ in range(rng.randrange(1, 10))))
    return "".join(parts)


def point(rng):
    """A code point from any plane, no surrogate."""
    while True:
        c = rng.choice((rng.randrange(0x300), rng.randrange(0x3000), rng.randrange(0x10000),
                        rng.randrange(0x10000, 0x20000), rng.randrange(0x110000)))
        if not 0xD800 <= c < 0xE000:
            return c


def damage(rng, data):
    """Bytes that are no longer UTF-8, now and then."""
    if not data or rng.random() > 0.1:
        return data
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(out) + 1)
        if rng.random() < 0.5:
            out[at:at] = bytes([rng.randrange(128, 256)])
        else:
            del out[at:at + 1]
    return bytes(out)


class HuggingFace:
    def __init__(self, path):
        from tokenizers import Tokenizer
        self.tokenizer = Tokenizer.from_file(path)
        self.special = [t.content for t in self.tokenizer.get_added_tokens_decoder().values()]

    def encode(self, data, special):
        self.tokenizer.encode_special_tokens = not special
        return self.tokenizer.encode(data.decode("utf-8", "replace"), add_special_tokens=False).ids

    def decode(self, ids, special):
        return self.tokenizer.decode(ids, skip_special_tokens=not special)

    prepare = staticmethod(lambda data: data)


class SentencePiece:
    """A *.model. Special tokens are found by us alone, so strings have none."""
    def __init__(self, path):
        from sentencepiece import SentencePieceProcessor
        self.model = SentencePieceProcessor(model_file=path)
        self.special = []

    def encode(self, data, special):
        return self.model.encode(data.decode("utf-8", "replace"))

    def decode(self, ids, special):
        return self.model.decode(ids)

    prepare = staticmethod(lambda data: data)


class LlamaCpp:
    def __init__(self, path):
        from llama_cpp import Llama
        self.llama = Llama(path, vocab_only=True, verbose=False)
        parts = gguf_parts(path)
        self.special = [t for t, k in zip(parts["tokens"], parts["types"]) if k in (3, 4) and not any(w in t for w in ("fim_", "file_sep", "repo_name"))]
        self.nfc = parts["pre"] == "qwen2"
        known = set(parts["tokens"])
        self.missing = bytes(b for b in range(256) if alphabet()[b] not in known)
        print("bytes that are no token:", self.missing.hex(" "))

    def encode(self, data, special):
        return self.llama.tokenize(data, add_bos=False, special=special)

    decode = None

    def prepare(self, data):
        """Where they differ by nature: llama.cpp makes one U+FFFD of each bad byte; it lets a
        byte that is no token stand between its neighbours, where Hugging Face drops it before
        it merges; it has no NFC for qwen2, and takes fim tokens for control tokens by name. We do
        as Hugging Face does with the tokenizer.json that we write."""
        text = data.decode("utf-8", "replace")
        if self.nfc:
            text = unicodedata.normalize("NFC", text)
        return "".join(c for c in text if not any(b in self.missing for b in c.encode())).encode()


def alphabet():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    out, n = {b: chr(b) for b in keep}, 0
    for b in range(256):
        if b not in out:
            out[b] = chr(256 + n)
            n += 1
    return out


def gguf_parts(path):
    from gguf import GGUFReader
    fields = GGUFReader(path).fields

    def get(key, fallback=None):
        return fields["tokenizer.ggml." + key].contents() if "tokenizer.ggml." + key in fields else fallback
    return {"model": get("model"), "pre": get("pre"), "tokens": get("tokens"), "types": get("token_type"),
            "merges": get("merges", []), "add_bos": get("add_bos_token", False), "bos": get("bos_token_id", -1),
            "scores": get("scores"), "spaced": get("add_space_prefix", True), "squeezed": get("remove_extra_whitespaces", False)}


class Tool:
    def __init__(self, tool, path):
        self.process = subprocess.Popen([tool, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, lines):
        """Answers to lines, written in portions so that neither pipe fills."""
        out = []
        for i in range(0, len(lines), 16):
            self.process.stdin.write("\n".join(lines[i:i + 16]) + "\n")
            self.process.stdin.flush()
            for _ in lines[i:i + 16]:
                line = self.process.stdout.readline()
                if not line:
                    sys.exit("the tool ended")
                out.append(line.strip())
        return out

    def encode(self, batch):
        lines = [("s" if special else "p") + data.hex() for data, special in batch]
        return [[int(i) for i in line.split()] for line in self.ask(lines)]

    def decode(self, batch):
        lines = [("d" if special else "k") + b"".join(i.to_bytes(4, "little") for i in ids).hex()
                 for ids, special in batch]
        return [bytes.fromhex(line) for line in self.ask(lines)]


def open_both(tool, path, own):
    """The oracle of a file, and our tool on it."""
    if not path.endswith(".gguf"):
        ours = path
    else:
        ours = tempfile.mktemp(".json")
        with open(ours, "w") as f:
            json.dump(gguf_parts(path), f)
    if own:
        written = tempfile.mktemp(".json")
        with open(written, "wb") as f:
            subprocess.run([tool, ours, "--write"], stdout=f, check=True)
        return HuggingFace(written), Tool(tool, ours)
    oracle = LlamaCpp if path.endswith(".gguf") else SentencePiece if path.endswith(".model") else HuggingFace
    return oracle(path), Tool(tool, ours)


def check(oracle, tool, batch, shown):
    bad = 0
    batch = [(oracle.prepare(data), special) for data, special in batch]
    answers = tool.encode(batch)
    for (data, special), got in zip(batch, answers):
        want = oracle.encode(data, special)
        if got != want:
            bad += 1
            if bad + shown < 12:
                print("ids", special, data, data.decode("utf-8", "replace").__repr__(), "\n  want", want, "\n  got ", got)
    if oracle.decode:
        for (ids, special), got in zip(((a, s) for a, (_, s) in zip(answers, batch)),
                                       tool.decode([(a, s) for a, (_, s) in zip(answers, batch)])):
            want = oracle.decode(ids, special)
            if got.decode("utf-8", "replace") != want:
                bad += 1
                if bad + shown < 12:
                    print("bytes", ids, "\n  want", repr(want), "\n  got ", got)
    return bad, len(batch)


def compare(tool, path, own, count=20000, seed=1):
    oracle, tool = open_both(tool, path, own)
    rng = random.Random(int(seed))
    bad = done = 0
    for start in range(0, int(count), 256):
        batch = [(damage(rng, string(rng, oracle.special).encode()), rng.random() < 0.5)
                 for _ in range(min(256, int(count) - start))]
        b, d = check(oracle, tool, batch, bad)
        bad, done = bad + b, done + d
    print(f"{path}: {done} strings compared of {count}, {bad} differ")
    return bad


def points(tool, path, own):
    oracle, tool = open_both(tool, path, own)
    cps = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    bad, done, which = 0, 0, []
    for start in range(0, len(cps), 512):
        batch = []
        for c in cps[start:start + 512]:
            batch += [(chr(c).encode(), True), (("a" + chr(c) + " 1" + chr(c) + "." + chr(c) + "\n").encode(), True)]
        b, d = check(oracle, tool, batch, bad)
        bad, done = bad + b, done + d
        if b:
            which.append(f"{cps[start]:04x}+")
    print(f"{path}: {done} strings of {len(cps)} code points, {bad} differ; in blocks", " ".join(which))
    return bad


def trained(text, pre, normalizer, specials, path):
    """A byte-level BPE of 1,000 tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    made = Tokenizer(models.BPE(ignore_merges=pre == "llama3"))
    split = lambda number: pre_tokenizers.Sequence([pre_tokenizers.Split(__import__("tokenizers").Regex(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + number +
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    made.pre_tokenizer = {
        "gpt2": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
        "smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                   pre_tokenizers.ByteLevel(add_prefix_space=False)]),
        "qwen2": lambda: split(r"\p{N}"), "llama3": lambda: split(r"\p{N}{1,3}")}[pre]()
    made.normalizer = normalizer
    made.decoder = decoders.ByteLevel()
    first = [] if pre in ("qwen2", "llama3") else specials
    made.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=1000, special_tokens=[s.content for s in first], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    made.add_special_tokens([s for s in specials if s.special])
    made.add_tokens([s for s in specials if not s.special])
    if pre == "llama3":
        bos = specials[0].content
        made.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, made.token_to_id(bos))])
    made.save(path, pretty=False)


def golden(folder, source):
    """Four small tokenizers and what Hugging Face's library makes of 700 strings with each:
    lines of `s` or `p`, the string in hexadecimal, ids; deflated."""
    from tokenizers import AddedToken, normalizers
    with open(source) as f:
        text = f.read().split("\n\n")
    chat = [AddedToken(t, special=True, normalized=False) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")]
    strange = [AddedToken("<tool_call>", special=False, normalized=False),
               AddedToken("<strip>", special=False, normalized=False, lstrip=True, rstrip=True),
               AddedToken("word", special=False, normalized=False, single_word=True),
               AddedToken("か\u3099x", special=False, normalized=True),
               AddedToken("<|im_", special=False, normalized=False)]
    kinds = {"gpt2": (None, chat[:1]), "smollm": (None, chat), "qwen2": (normalizers.NFC(), chat + strange),
             "llama3": (None, [AddedToken(t, special=True, normalized=False)
                               for t in ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
                                         "<|end_header_id|>", "<|eot_id|>")])}
    rng = random.Random(20260)
    for name, (normalizer, specials) in kinds.items():
        path = os.path.join(folder, f"tokenizer_{name}.json")
        trained(text, name, normalizer, specials, path)
        oracle = HuggingFace(path)
        lines = []
        for _ in range(700):
            data = damage(rng, string(rng, oracle.special).encode())[:400]
            special = rng.random() < 0.6
            ids = oracle.encode(data, special)
            lines.append(f"{'s' if special else 'p'}{data.hex()} " + " ".join(map(str, ids)))
        packed(os.path.join(folder, f"tokenizer_{name}.z"), "\n".join(lines) + "\n")


O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
            r"\s*[\r\n]+|\s+(?!\S)|\s+"]


def pretoken(folder):
    """Pieces of pre-tokenizers: [{"pre_tokenizer", "text", "pieces"}]."""
    from tokenizers import Tokenizer, models
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = lambda pattern, behavior="Isolated", invert=False, kind="Regex": {
        "type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}
    lists = [[split(p, b, i)] for b in ("Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext")
             for i in (False, True) for p in (r"\s+", r"\d", r"[aeiou]")]
    lists += [[split(" ", b, kind="String")] for b in ("Isolated", "MergedWithNext")]
    lists += [[split(p)] for p in (r"(?=[A-Z])", r"\s+$", r"^\S", r"[^\S\r\n]+", r".", r"\p{Lu}\p{Ll}*", r"x*", r"(?<=a)b|\x{e9}", r"[\p{Lu}\p{N}]+|\P{L}", r"\D", r"\p{Han}+", r"(?i:straße|ß|ſ|k)")]
    lists += [[split(O200K, "Removed", True)], [split(p) for p in DEEPSEEK]]
    lists += [[{"type": "Digits", "individual_digits": i}] for i in (False, True)]
    pres = [{"type": "Sequence", "pretokenizers": parts + [level]} for parts in lists]
    pres += [{"type": "ByteLevel", "add_prefix_space": p, "trim_offsets": True, "use_regex": r} for p in (False, True) for r in (False, True)]
    pres += [{"type": "Sequence", "pretokenizers": [split(r"\d"), dict(level, add_prefix_space=True, use_regex=True)]}]
    rng, out = random.Random(11), []
    back = {c: b for b, c in alphabet().items()}
    frame = json.loads(Tokenizer(models.BPE()).to_str())
    for pre in pres:
        tokenizer = Tokenizer.from_str(json.dumps(dict(frame, pre_tokenizer=pre)))
        for text in ["aXbc 12  x\ny \n", "Straße ß ſ K ab áé\u00e9 xx", chr(0x1ccf0) * 2 + "1..", "a\u180e\u0085b", "漢字〇、\U00031350\U0001e4f0\u1c89。x3"] + [
                string(rng, [])[:60] for _ in range(6)]:
            pieces = tokenizer.pre_tokenizer.pre_tokenize_str(text)
            out.append({"pre_tokenizer": pre, "text": text.encode().hex(),
                        "pieces": [bytes(back[c] for c in piece).hex() for piece, _ in pieces]})
    packed(os.path.join(folder, "pretoken.z"), json.dumps(out))


def packed(path, text):
    with open(path, "wb") as f:
        f.write(zlib.compress(text.encode(), 9))
    print(path, os.path.getsize(path))


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--own"]
    if arguments[:1] == ["golden"]:
        golden(*arguments[1:3])
        pretoken(arguments[1])
    else:
        sys.exit(1 if {"compare": compare, "points": points}[arguments[0]](
            arguments[1], arguments[2], "--own" in sys.argv, *arguments[3:]) else 0)

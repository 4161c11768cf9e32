"""Small SentencePiece tokenizers, and what others make of 300 strings with each. Development only:
needs sentencepiece, tokenizers, transformers and protobuf.

    pieces.py FOLDER TEXT     trains on TEXT and writes pieces_*.model, .json and .z

pieces_bpe.model and pieces_unigram.model: answers of SentencePiece itself (bpe) and of tokenizers with
what transformers' converter makes of the file (unigram: where SentencePiece's map of characters takes
the longest match, tokenizers takes the shortest). pieces_llama.json, pieces_xlm.json and
pieces_t5.json: answers of tokenizers. Lines: s or p, the string in hexadecimal, ids, a bar, and the
texts that the ids decode to with and without special tokens, in hexadecimal; deflated."""

import io
import json
import os
import random
import sys

import tokenizer_parity as parity

MARK = "\u2581"
MAP = [("\u00c5", "A\u030a"), ("\uff21", "A"), ("\u3231", "(\u682a)"), ("\ufb01", "fi"), ("\u00ad", ""), ("\t", " "),
       ("\u3000", " "), ("e\u0301", "\u00e9"), ("\u00bd", "1/2"), ("\u200b", "")]
FLAGS = [("<|user|>", dict(rstrip=True, special=True)), ("<|left|>", dict(lstrip=True, special=True)),
         ("word", dict(single_word=True, special=False)), ("To Be", dict(normalized=True, special=False)),
         ("<|end|>", dict(special=True))]


def train(text, folder, name, **options):
    from sentencepiece import SentencePieceTrainer
    out = io.BytesIO()
    SentencePieceTrainer.train(sentence_iterator=iter(text), model_writer=out, character_coverage=0.995,
                               user_defined_symbols=["<sep>", MARK + "x" + MARK], control_symbols=["<|turn|>"],
                               num_threads=1, minloglevel=2, **options)
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(out.getvalue())
    print(path, len(out.getvalue()))
    return out.getvalue()


def proto_of(data):
    from transformers.convert_slow_tokenizer import import_protobuf
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(data)
    return proto


def converted(proto):
    """transformers' tokenizer of a SentencePiece file, with its control symbols as added tokens."""
    from tokenizers import AddedToken
    from transformers.convert_slow_tokenizer import SpmConverter
    vocab = ({p.piece: i for i, p in enumerate(proto.pieces)} if proto.trainer_spec.model_type == 2
             else [(p.piece, p.score) for p in proto.pieces])
    out = SpmConverter.build_tokenizer_from_spm_proto(proto, vocab)
    out.add_special_tokens([AddedToken(p.piece, normalized=False, special=True)
                            for p in proto.pieces if p.type in (2, 3)])
    return out


def merges_of(proto):
    score = {p.piece: p.score for p in proto.pieces if p.type == 1}
    ways = [(-s, p, p[:i], p[i:]) for p, s in score.items() for i in range(1, len(p)) if p[:i] in score and p[i:] in score]
    return [(a, b) for _, _, a, b in sorted(ways)]


def jsons(bpe, unigram):
    """By name: the tokenizers whose files the tests read."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    out = {}
    llama = Tokenizer(models.BPE({p.piece: i for i, p in enumerate(bpe.pieces)}, merges_of(bpe), unk_token="<unk>",
                                 fuse_unk=True, byte_fallback=True))
    llama.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    llama.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(),
                                       decoders.Strip(" ", 1, 0)])
    llama.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B",
                                                         special_tokens=[("<s>", llama.token_to_id("<s>"))])
    out["llama"] = llama
    pieces = [(p.piece, p.score) for p in unigram.pieces]
    scheme = {"xlm": "always", "t5": "first"}
    for name in ("xlm", "t5"):
        made = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
        steps = [normalizers.Precompiled(unigram.normalizer_spec.precompiled_charsmap)]
        if name == "t5":
            steps += [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(left=False, right=True),
                      normalizers.Replace(Regex(" {2,}"), MARK)]
            made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        else:
            made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(),
                                                          pre_tokenizers.Metaspace(prepend_scheme="always")])
        made.normalizer = normalizers.Sequence(steps)
        made.decoder = decoders.Metaspace(prepend_scheme=scheme[name])
        out[name] = made
    for made in out.values():
        made.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in ("<unk>", "<s>", "</s>")])
        for text, flags in FLAGS:
            token = AddedToken(text, **dict(dict(normalized=False), **flags))
            (made.add_special_tokens if flags["special"] else made.add_tokens)([token])
    return out


def line(encode, decode, data, special):
    ids = encode(data, special)
    return (f"{'s' if special else 'p'}{data.hex()} {' '.join(map(str, ids))}|{decode(ids, True).encode().hex()} "
            f"{decode(ids, False).encode().hex()}")


def answers(folder, name, oracle, rng, special_too=True):
    lines, seen = [], ["", " ", "  ", " a", "a ", MARK, MARK + "a", "a\u0000b", "e\u0301\u0301", "\u200b\u200bhi",
                       "x<|user|> \n hi", "hi <|left|>x", "sword word words", "To Be to be", "<sep>a<sep> b x x x",
                       "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\ud55c\uad6d \u8a9e\u6f22 abc", "aaaaaaaaaaaaaaa"]
    texts = [s.encode() for s in seen] + [parity.damage(rng, parity.string(rng, oracle.special).encode())[:300]
                                          for _ in range(300)]
    for data in texts:
        special = special_too and rng.random() < 0.6
        lines.append(line(oracle.encode, oracle.decode, data, special))
    parity.packed(os.path.join(folder, f"pieces_{name}.z"), "\n".join(lines) + "\n")


class Made(parity.HuggingFace):
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.special = [t.content for t in tokenizer.get_added_tokens_decoder().values()]


def main(folder, source):
    with open(source) as f:
        text = [part[:400] for part in f.read().split("\n") if part.strip()]
    rules = "".join(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n" for a, b in MAP)
    tsv = os.path.join("/tmp", f"pieces_{os.getpid()}.tsv")
    with open(tsv, "w") as f:
        f.write(rules)
    bpe = train(text, folder, "pieces_bpe.model", model_type="bpe", vocab_size=700, byte_fallback=True,
                normalization_rule_name="identity", remove_extra_whitespaces=False)
    unigram = train(text, folder, "pieces_unigram.model", model_type="unigram", vocab_size=500,
                    normalization_rule_tsv=tsv)
    os.unlink(tsv)
    rng = random.Random(20261)
    answers(folder, "bpe", parity.SentencePiece(os.path.join(folder, "pieces_bpe.model")), rng, special_too=False)
    answers(folder, "unigram", Made(converted(proto_of(unigram))), rng)
    for name, made in jsons(proto_of(bpe), proto_of(unigram)).items():
        path = os.path.join(folder, f"pieces_{name}.json")
        made.save(path, pretty=False)
        print(path, os.path.getsize(path))
        answers(folder, name, parity.HuggingFace(path), rng)


if __name__ == "__main__":
    main(*sys.argv[1:3])

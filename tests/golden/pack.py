"""TRL's own rows for tests/learner/test_corpus_bins.c: pack_dataset on records of many lengths.

usage: python pack.py        (trl 1.16; writes pack.json beside it)
Tokens are numbered through, so that a row is a list of pieces [first token, tokens].
"""

import json
import os
import random

from datasets import Dataset
from trl import pack_dataset

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def rows(lengths, limit, strategy):
    ids, at = [], 0
    for n in lengths:
        ids.append(list(range(at, at + n)))
        at += n
    packed = pack_dataset(Dataset.from_dict({"input_ids": ids}), limit, strategy)
    out = []
    for row in packed:
        pieces, first = [], 0
        for n in row.get("seq_lengths", [len(row["input_ids"])]):
            piece = row["input_ids"][first:first + n]
            assert piece == list(range(piece[0], piece[0] + n))
            pieces.append([piece[0], n])
            first += n
        out.append(pieces)
    return out


if __name__ == "__main__":
    rng = random.Random(3)
    cases = [([5, 2, 3, 1], 4), ([4, 4, 4, 2, 2, 2, 1, 1, 1, 3, 3], 6)]
    cases += [([rng.randint(1, most) for _ in range(n)], limit) for n, most, limit in
              ((40, 20, 20), (60, 50, 32), (50, 7, 64), (1003, 9, 11))]
    with open("pack.json", "w") as f:
        json.dump([{"limit": limit, "lengths": lengths, **{s: rows(lengths, limit, s) for s in ("bfd", "bfd_split", "wrapped")}}
                   for lengths, limit in cases], f, separators=(",", ":"))
        f.write("\n")

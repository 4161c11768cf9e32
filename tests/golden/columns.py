"""Makes tests/golden/columns, or a larger set of such files in another folder, with pyarrow.

    columns.py FOLDER          the small set, which is in the repository
    columns.py FOLDER matrix   every encoding x codec x page version x type, with and without nulls;
                               tests/data/test_columns with DROVER_COLUMNS=FOLDER compares them

Beside each FILE lies FILE.jsonl: the rows that pyarrow reads from it, as data/columns/cell.h says
that they become JSON, or a line {"refused": WORDS}. Everything is of our own making."""

import datetime
import decimal
import json
import math
import os
import random
import sys
import uuid

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq

UTC = datetime.timezone.utc


def missing(value):
    return value is None or isinstance(value, float) and math.isnan(value)


def plain(value, kind=None):
    """A value of to_pylist as JSON."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        if kind is not None and pa.types.is_timestamp(kind) and kind.tz:
            value = value.astimezone(UTC)
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.decode()
    if kind is not None and pa.types.is_map(kind) and value is not None:
        return {key: plain(item, kind.item_type) for key, item in value}
    if isinstance(value, list):
        return [plain(item, kind.value_type if kind is not None else None) for item in value]
    if isinstance(value, dict):
        return {key: plain(item, kind.field(key).type if kind is not None else None) for key, item in value.items() if not missing(item)}
    return value


def rows_of(table):
    columns = [[plain(v, field.type) for v in table.column(i).to_pylist()] for i, field in enumerate(table.schema)]
    return [dict(zip(table.column_names, row)) for row in zip(*columns)]


def tell(path, rows):
    with open(path + ".jsonl", "w") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def with_nulls(values, nulls, draw):
    return [None if nulls and draw.random() < nulls else v for v in values]


WORDS = ["", "a", "naïve", "東京", "the same again", "the same once more", "x" * 40, "👩‍👩‍👧", 'say "no"\n', "\u2028"]


def texts(n, draw):
    return [draw.choice(WORDS) + (str(draw.randrange(50)) if draw.random() < .7 else "") for _ in range(n)]


def wholes(n, bits, draw):
    top = 1 << (bits - 1)
    return [draw.choice([0, 1, -1, top - 1, -top, draw.randrange(-top, top), i % 7]) if draw.random() < .5 else i % max(top, 1) for i in range(n)]


def messages(n, draw):
    def one():
        if draw.random() < .1:
            return None
        return [None if draw.random() < .05 else {"role": draw.choice(["user", "assistant"]), "content": draw.choice(texts(3, draw) + [None])}
                for _ in range(draw.choice([0, 1, 2, 2, 5]))]
    return [one() for _ in range(n)]


def nested(n, draw):
    """Lists of lists, of structs with lists, and maps; every kind of nothing among them."""
    def maybe(make, chance=.15):
        return None if draw.random() < chance else make()
    return {
        "deep": pa.array([maybe(lambda: [maybe(lambda: [maybe(lambda: draw.randrange(9)) for _ in range(draw.randrange(4))])
                                         for _ in range(draw.randrange(4))]) for _ in range(n)], pa.list_(pa.list_(pa.int32()))),
        "messages": pa.array(messages(n, draw), pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        "calls": pa.array([maybe(lambda: [{"name": draw.choice("ab"), "arguments": maybe(lambda: {"tags": maybe(lambda: texts(draw.randrange(3), draw))})}
                                          for _ in range(draw.randrange(3))]) for _ in range(n)],
                          pa.list_(pa.struct([("name", pa.string()), ("arguments", pa.struct([("tags", pa.list_(pa.string()))]))]))),
        "map": pa.array([maybe(lambda: [(k, maybe(lambda: draw.randrange(5))) for k in draw.sample("abcd", draw.randrange(4))]) for _ in range(n)],
                        pa.map_(pa.string(), pa.int64())),
        "pair": pa.array([maybe(lambda: {"x": maybe(lambda: draw.random()), "y": draw.random() < .5}) for _ in range(n)],
                         pa.struct([("x", pa.float64()), ("y", pa.bool_())])),
    }


def numbers(n, draw, nulls):
    real = [draw.choice([0.0, -0.0, 1.5, 1e-30, 1e30, float("nan"), draw.random()]) for _ in range(n)]
    def column(values, kind):
        return pa.array(with_nulls(values, nulls, draw), kind)
    return {
        "i8": column(wholes(n, 8, draw), pa.int8()), "i16": column(wholes(n, 16, draw), pa.int16()),
        "i32": column(wholes(n, 32, draw), pa.int32()), "i64": column(wholes(n, 64, draw), pa.int64()),
        "u8": column([v & 255 for v in wholes(n, 8, draw)], pa.uint8()), "u32": column([v & 0xffffffff for v in wholes(n, 32, draw)], pa.uint32()),
        "u64": column([v & (1 << 63) - 1 for v in wholes(n, 64, draw)], pa.uint64()),
        "f16": column([draw.choice([0.0, 1.5, -2.0, 65504.0, 6e-8, 0.1]) for _ in range(n)], pa.float16()),
        "f32": column([v if abs(v) < 1e30 else 2.5 for v in real], pa.float32()), "f64": column(real, pa.float64()),
        "bool": column([draw.random() < .3 for _ in range(n)], pa.bool_()),
        "date": column([datetime.date(1, 1, 1) + datetime.timedelta(draw.randrange(3652059)) for _ in range(n)], pa.date32()),
        "time": column([datetime.time(draw.randrange(24), 5, 6, draw.choice([0, 7])) for _ in range(n)], pa.time64("us")),
        "time_ms": column([datetime.time(draw.randrange(24), 5, 6, draw.choice([0, 7000])) for _ in range(n)], pa.time32("ms")),
        "stamp": column([datetime.datetime(1969, 12, 31, 23, 59, 59, 999999) + datetime.timedelta(seconds=draw.randrange(-10**9, 10**9)) for _ in range(n)],
                        pa.timestamp("us")),
        "stamp_ms": column([datetime.datetime(2024, 2, 29, 1, 2, 3) for _ in range(n)], pa.timestamp("ms")),
        "stamp_utc": column([datetime.datetime(2024, 2, 29, 1, 2, 3, 4000, UTC) for _ in range(n)], pa.timestamp("us", "UTC")),
    }


def strings(n, draw, nulls):
    return {"text": pa.array(with_nulls(texts(n, draw), nulls, draw), pa.string()),
            "large": pa.array(with_nulls(texts(n, draw), nulls, draw), pa.large_string()),
            "bytes": pa.array(with_nulls([t.encode() for t in texts(n, draw)], nulls, draw), pa.binary()),
            "fixed": pa.array(with_nulls([b"%04d" % draw.randrange(10000) for _ in range(n)], nulls, draw), pa.binary(4))}


def everything(n, draw, nulls):
    return pa.table({**numbers(n, draw, nulls), **strings(n, draw, nulls), **nested(n, draw), "none": pa.nulls(n)})


def parquet(path, table, refused=None, **how):
    pq.write_table(table, path, **how)
    tell(path, [{"refused": refused}] if refused else rows_of(pq.read_table(path)))


def views(n, draw, nulls):
    """Texts whose bytes lie inside a view or behind one, and lists that lie in any order."""
    return pa.table({
        "text": pa.array(with_nulls(texts(n, draw), nulls, draw), pa.string_view()),
        "bytes": pa.array(with_nulls([t.encode() for t in texts(n, draw)], nulls, draw), pa.binary_view()),
        "inner": pa.array([None if draw.random() < nulls else [{"t": t} for t in texts(draw.randrange(3), draw)] for _ in range(n)],
                          pa.list_(pa.struct([("t", pa.string_view())]))),
        "list": pa.ListViewArray.from_arrays(pa.array([(7 * i) % 5 for i in range(n)], pa.int32()), pa.array([i % 3 for i in range(n)], pa.int32()),
                                             pa.array([1, None, 3, 4, 5, 6, 7])),
        "large": pa.array([[[1, 2], None, [], [3, None], [4]][i % 5] for i in range(n)], pa.large_list_view(pa.int32())),
    })


def growing(path, grows, **how):
    """Batches whose dictionary goes on where the last one's ended, or is another one."""
    words, batches = ["one", "two", "a word of more than twelve bytes", "three", "", "six"], []
    for i in range(3):
        known = words[: 2 * i + 2] if grows else words[2 * i :] + words[: i]
        codes = pa.array([None if k == 3 else k % len(known) for k in range(8)], pa.int8())
        inner = pa.DictionaryArray.from_arrays(codes, pa.array(known))
        batches.append(pa.record_batch({"word": inner, "words": pa.ListArray.from_arrays(pa.array([0, 2, 2, 3, 4, 5, 6, 7, 8], pa.int32()), inner)}))
    with pa.OSFile(path, "wb") as out, pa.ipc.new_stream(out, batches[0].schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=grows, **how)) as file:
        for batch in batches:
            file.write_batch(batch)
    tell(path, [row for batch in batches for row in rows_of(pa.Table.from_batches([batch]))])


def arrow(path, table, form="stream", refused=None, **how):
    options = pa.ipc.IpcWriteOptions(**how)
    writer = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with pa.OSFile(path, "wb") as out, writer(out, table.schema, options=options) as file:
        file.write_table(table, max_chunksize=max(1, table.num_rows // 3))
    tell(path, [{"refused": refused}] if refused else rows_of(table))


def small(folder):
    draw = random.Random(7)
    def at(name):
        return os.path.join(folder, name)
    chat = pa.table({"prompt": pa.array(texts(6, draw)), **nested(6, draw)})
    parquet(at("snappy_dictionary.parquet"), chat, compression="snappy")
    parquet(at("zstd_v2.parquet"), chat, compression="zstd", data_page_version="2.0", use_dictionary=False, data_page_size=64, row_group_size=4)
    parquet(at("numbers_gzip.parquet"), pa.table(numbers(7, draw, .2)), compression="gzip", write_statistics=False)
    parquet(at("lz4.parquet"), pa.table(strings(9, draw, .2)), compression="lz4", write_page_checksum=True)
    parquet(at("delta.parquet"), pa.table({"i": pa.array(wholes(40, 64, draw)), "j": pa.array(wholes(40, 32, draw), pa.int32()),
                                           "length": pa.array(texts(40, draw)), "front": pa.array(sorted(texts(40, draw))), "b": pa.array([i % 3 > 0 for i in range(40)])}),
            compression="none", use_dictionary=False, column_encoding={"i": "DELTA_BINARY_PACKED", "j": "DELTA_BINARY_PACKED",
                                                                       "length": "DELTA_LENGTH_BYTE_ARRAY", "front": "DELTA_BYTE_ARRAY", "b": "RLE"})
    parquet(at("streams.parquet"), pa.table({"x": pa.array([.5, 1e9, None, -3.25]), "i": pa.array([1, -2, 3, None], pa.int32())}), compression="none",
            use_dictionary=False, column_encoding={"x": "BYTE_STREAM_SPLIT", "i": "BYTE_STREAM_SPLIT"})
    parquet(at("brotli.parquet"), pa.table({"a": [1]}), refused="brotli", compression="brotli")
    parquet(at("decimal.parquet"), pa.table({"price": pa.array([decimal.Decimal("1.50")])}), refused="column 'price' is a decimal")
    parquet(at("int96.parquet"), pa.table({"when": pa.array([datetime.datetime(2024, 1, 1)])}), refused="column 'when' is INT96", use_deprecated_int96_timestamps=True)
    arrow(at("stream.arrow"), chat)
    arrow(at("file_lz4.arrow"), chat, form="file", compression="lz4")
    arrow(at("zstd.arrow"), pa.table({**numbers(7, draw, .2), **strings(7, draw, .2)}), compression="zstd")
    arrow(at("dictionary.arrow"), pa.table({"label": pa.array(["a", "b", None, "a"]).dictionary_encode(), "n": pa.array([[1, 2], None, [3, 4], [5, None]], pa.list_(pa.int16(), 2))}))
    arrow(at("decimal.arrow"), pa.table({"price": pa.array([decimal.Decimal("1.50")])}), refused="column 'price' is a decimal")
    arrow(at("views.arrow"), views(9, draw, .2))
    arrow(at("file_views_zstd.arrow"), views(9, draw, .2), form="file", compression="zstd")
    growing(at("dictionary_grows.arrow"), True)
    growing(at("dictionary_changes.arrow"), False, compression="lz4")


def published(folder):
    """trl/chat.jsonl as the hub has data sets (Parquet in shards) and as save_to_disk of `datasets` leaves them."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "trl", "chat.jsonl")) as lines:
        table = pa.Table.from_pylist([json.loads(line) for line in lines])
    half = table.num_rows // 2
    os.makedirs(os.path.join(folder, "hub", "data"), exist_ok=True)
    os.makedirs(os.path.join(folder, "saved", "train"), exist_ok=True)
    for i, part in enumerate((table.slice(0, half), table.slice(half))):
        pq.write_table(part, os.path.join(folder, "hub", "data", f"train-{i:05}-of-00002.parquet"), row_group_size=5, write_statistics=False)
        with pa.OSFile(os.path.join(folder, "saved", "train", f"data-{i:05}-of-00002.arrow"), "wb") as out, pa.ipc.new_stream(out, table.schema) as file:
            file.write_table(part, max_chunksize=20)
    with open(os.path.join(folder, "saved", "dataset_dict.json"), "w") as out:
        json.dump({"splits": ["train"]}, out)
    with open(os.path.join(folder, "saved", "train", "state.json"), "w") as out:
        json.dump({"_data_files": [{"filename": f"data-{i:05}-of-00002.arrow"} for i in range(2)], "_split": "train"}, out)


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


class Wide(int):
    """A number of 64 bits."""


def thrift(*fields):
    """A struct in Thrift's compact encoding: (id, value) in order; int, bytes, list, or a struct's bytes in a tuple."""
    def zigzag(n):
        return varint(n << 1 ^ n >> 63)
    out, last = b"", 0
    for number, value in fields:
        kind = 6 if isinstance(value, Wide) else 5 if isinstance(value, int) else 8 if isinstance(value, bytes) else 9 if isinstance(value, list) else 12
        out += bytes([number - last << 4 | kind])
        last = number
        if kind in (5, 6):
            out += zigzag(value)
        elif kind == 8:
            out += varint(len(value)) + value
        elif kind == 9:
            inner = {tuple: 12, int: 5, bytes: 8}[type(value[0])]
            out += bytes([len(value) << 4 | inner]) + b"".join(v[0] if inner == 12 else zigzag(v) if inner == 5 else varint(len(v)) + v for v in value)
        else:
            out += value[0]
    return out + b"\0"


def hostile(folder):
    """What no writer makes: {a: [null, null, …]} with a billion of them, a page of 2 GiB, a footer that is encrypted."""
    n = 10**9
    schema = [(thrift((4, b"schema"), (5, 1)),), (thrift((3, 1), (4, b"a"), (5, 1), (6, 3)),),
              (thrift((3, 2), (4, b"list"), (5, 1)),), (thrift((1, 1), (3, 1), (4, b"element")),)]
    levels = [varint(1 << 1) + b"\0" + varint(n - 1 << 1) + b"\1", varint(n << 1) + b"\2"]
    body = b"".join(len(part).to_bytes(4, "little") + part for part in levels)
    for name, claimed in (("bomb", len(body)), ("page", 2**31 - 1)):
        page = thrift((1, 0), (2, claimed), (3, len(body)), (5, (thrift((1, n), (2, 0), (3, 3), (4, 3)),))) + body
        meta = thrift((1, 1), (2, [0, 3]), (3, [b"a", b"list", b"element"]), (4, 0), (5, Wide(n)), (6, Wide(len(page))), (7, Wide(len(page))), (9, Wide(4)))
        group = thrift((1, [(thrift((2, Wide(4)), (3, (meta,))),)]), (2, Wide(len(page))), (3, Wide(1)))
        footer = thrift((1, 1), (2, schema), (3, Wide(1)), (4, [(group,)]))
        with open(os.path.join(folder, name + ".parquet"), "wb") as out:
            out.write(b"PAR1" + page + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    # [{a, b}, …] whose columns have the same entries but not the same lists: 2 and 1, 1 and 2.
    pages = []
    for reps in (b"\x03\x02", b"\x03\x04"):  # 3 entries packed in bits: 0 1 0, 0 0 1
        part = len(reps).to_bytes(4, "little") + reps + (2).to_bytes(4, "little") + varint(3 << 1) + b"\1"
        body = part + b"".join(v.to_bytes(4, "little") for v in (1, 2, 3))
        pages.append(thrift((1, 0), (2, len(body)), (3, len(body)), (5, (thrift((1, 3), (2, 0), (3, 3), (4, 3)),))) + body)
    schema = [(thrift((4, b"schema"), (5, 1)),), (thrift((3, 2), (4, b"g"), (5, 2)),), (thrift((1, 1), (3, 0), (4, b"a")),), (thrift((1, 1), (3, 0), (4, b"b")),)]
    chunks, at = [], 4
    for name, page in zip((b"a", b"b"), pages):
        meta = thrift((1, 1), (2, [0, 3]), (3, [b"g", name]), (4, 0), (5, Wide(3)), (6, Wide(len(page))), (7, Wide(len(page))), (9, Wide(at)))
        chunks.append((thrift((2, Wide(at)), (3, (meta,))),))
        at += len(page)
    footer = thrift((1, 1), (2, schema), (3, Wide(2)), (4, [(thrift((1, chunks), (2, Wide(at)), (3, Wide(2))),)]))
    with open(os.path.join(folder, "shifted.parquet"), "wb") as out:
        out.write(b"PAR1" + b"".join(pages) + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with open(os.path.join(folder, "encrypted.parquet"), "wb") as out:
        out.write(b"PARE" + bytes(40) + (20).to_bytes(4, "little") + b"PARE")


def matrix(folder):
    draw = random.Random(8)
    n, count = 1500, 0
    spread = {"plain": {}, "dictionary": None, "fallback": None,
              "delta": {**{c: "DELTA_BINARY_PACKED" for c in ("i8", "i16", "i32", "i64", "u8", "u32", "u64", "date", "time", "time_ms", "stamp", "stamp_ms", "stamp_utc")},
                        "text": "DELTA_LENGTH_BYTE_ARRAY", "large": "DELTA_BYTE_ARRAY", "bytes": "DELTA_BYTE_ARRAY", "fixed": "DELTA_BYTE_ARRAY", "bool": "RLE"},
              "streams": {c: "BYTE_STREAM_SPLIT" for c in ("i32", "i64", "f16", "f32", "f64", "fixed")}}
    for encoding, columns in spread.items():
        for codec in ("none", "snappy", "gzip", "zstd", "lz4"):
            for version in ("1.0", "2.0"):
                for nulls in (0, .2, .95):
                    table = everything(n, draw, nulls)
                    how = {"compression": codec, "data_page_version": version, "row_group_size": draw.choice([100, 999, n]),
                           "data_page_size": draw.choice([100, 2000, 1 << 20]), "write_page_checksum": draw.random() < .5, "write_batch_size": 32}
                    if encoding == "fallback":
                        how["dictionary_pagesize_limit"] = 64
                    elif encoding != "dictionary":
                        how.update(use_dictionary=False, column_encoding=columns)
                    parquet(os.path.join(folder, f"{encoding}_{codec}_{version}_{nulls}.parquet"), table, **how)
                    count += 1
    for codec in (None, "lz4", "zstd"):
        for form in ("stream", "file"):
            for nulls in (0, .2):
                arrow(os.path.join(folder, f"{form}_{codec}_{nulls}.arrow"), everything(n, draw, nulls), form=form, compression=codec)
                arrow(os.path.join(folder, f"views_{form}_{codec}_{nulls}.arrow"), views(n, draw, nulls), form=form, compression=codec)
                count += 2
        growing(os.path.join(folder, f"grows_{codec}.arrow"), True, compression=codec)
        count += 1
    for version in ("1.0", "2.4", "2.6"):
        parquet(os.path.join(folder, f"format_{version}.parquet"), everything(200, draw, .1), version=version)
        count += 1
    print(count, "files of", n, "rows")


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    if len(sys.argv) > 2:
        matrix(sys.argv[1])
    else:
        small(sys.argv[1])
        published(sys.argv[1])
        os.makedirs(os.path.join(sys.argv[1], "hostile"), exist_ok=True)
        hostile(os.path.join(sys.argv[1], "hostile"))

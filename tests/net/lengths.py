"""A model whose answers have the lengths that we want: p99 / p50 = 10, the same in every run, with nothing of drover changed.

Each prompt begins with one of 32 words, and the model ends an answer with a probability a token that follows from that word alone:
layer 0's first head looks at the word (its key is the only one that answers the constant query; rope turns that pair of numbers by
nothing worth naming at theta 1e9), its value is written into residual number 1, and the end token's row of the head reads that
number. All other tokens but those words are about equally likely, and have small random logits, so that there is a gradient;
layer 1 and the feed-forward nets are random and small. So a length is geometric with its word's mean, and the means are log-normal
over the words. An answer has at most ten times the median (`most`), as real runs have a limit that some per cent of answers reach.
A length is drawn by the task's own random numbers: at a learning rate that moves no weight by 1e-3 every run draws the same ones.

    make(folder, world, mean)      folder: a model; world: a folder of `drover world make` (its tokenizer); mean: tokens an answer"""
import array, json, math, os, random, shutil, struct

WORDS, WIDTH, HEAD, INNER = 32, 128, 64, 384
SIGMA = .9  # of log(mean) over the words: 4 % of the answers reach the limit, so p99 / p50 is 10


def spread(sigma=SIGMA, mean=1.0):
    """p50, p99 and mean of the mixture, by bisection on its exact tail."""
    scales = word_means(mean, sigma)

    def quantile(q):
        low, high = 0.0, 1e6 * mean
        for _ in range(200):
            mid = (low + high) / 2
            tail = sum(math.exp(-mid / s) for s in scales) / len(scales)
            low, high = (mid, high) if tail > 1 - q else (low, mid)
        return low
    return quantile(.5), quantile(.99), sum(scales) / len(scales)


def most(mean):
    """The limit of an answer, ten times the median."""
    return round(10 * spread(mean=mean)[0])


def word_means(mean, sigma=SIGMA):
    """Mean lengths of the words: quantiles of a log-normal, scaled to the mean that is wanted."""
    from statistics import NormalDist
    raw = [math.exp(sigma * NormalDist().inv_cdf((i + .5) / WORDS)) for i in range(WORDS)]
    return [mean * r / (sum(raw) / WORDS) for r in raw]


def tensors(vocab, words, free, mean):
    draw = random.Random(1)

    def rand(rows, columns, scale):
        return [[draw.gauss(0, scale) for _ in range(columns)] for _ in range(rows)]

    ends = []  # residual number 1 that gives the end token its probability, the final norm allowed for
    for m in word_means(mean):
        z = math.log(len(free) / max(m - 1, .5))
        ends.append(z / math.sqrt(1 - z * z / WIDTH))
    flag = 5.0
    embed = rand(vocab, WIDTH, 1)
    for token, row in enumerate(embed):
        row[0:4] = [4.0, 0.0, 0.0, 0.0]
        if token in words:
            row[2], row[3] = flag, ends[words.index(token)]
        fixed = sum(x * x for x in row[:4])
        scale = math.sqrt((WIDTH - fixed) / sum(x * x for x in row[4:]))
        row[4:] = [x * scale for x in row[4:]]
    head = rand(vocab, WIDTH, .02)
    for token, row in enumerate(head):
        row[0:4] = [0.0 if token in free or token == 1 else -10.0, 1.0 if token == 1 else 0.0, 0.0, 0.0]
        if token == 1:
            row[4:] = [0.0] * (WIDTH - 4)
    out = {"model.embed_tokens.weight": embed, "lm_head.weight": head, "model.norm.weight": [1.0] * WIDTH}
    for layer in range(2):
        at = f"model.layers.{layer}."
        q, k, v = (rand(WIDTH, WIDTH, .05) for _ in range(3))
        o, down = rand(WIDTH, WIDTH, .005), rand(WIDTH, INNER, .002)
        if layer == 0:
            for row in range(HEAD):  # the first head: one number of the query, one of the key, one of the value
                q[row], k[row], v[row] = ([0.0] * WIDTH for _ in range(3))
            low = HEAD // 2 - 1  # the pair that rope turns least
            q[low][0], k[low][2], v[0][3] = 4.0, 4.0, 1.0
            for row in o:
                row[:HEAD] = [0.0] * HEAD
        for row in (*o[:4], *down[:4]):  # the four numbers that say the length are nobody else's
            row[:] = [0.0] * len(row)
        o[1][0] = 1.0 if layer == 0 else 0.0
        out |= {at + "self_attn.q_proj.weight": q, at + "self_attn.k_proj.weight": k, at + "self_attn.v_proj.weight": v,
                at + "self_attn.o_proj.weight": o, at + "mlp.gate_proj.weight": rand(INNER, WIDTH, .05),
                at + "mlp.up_proj.weight": rand(INNER, WIDTH, .05), at + "mlp.down_proj.weight": down,
                at + "input_layernorm.weight": [1.0] * WIDTH, at + "post_attention_layernorm.weight": [1.0] * WIDTH}
    return out


def save(path, named):
    head, data = {}, bytearray()
    for name, rows in named.items():
        flat = array.array("f", rows if isinstance(rows[0], float) else [x for row in rows for x in row])
        shape = [len(rows)] if isinstance(rows[0], float) else [len(rows), len(rows[0])]
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(flat)]}
        data += flat.tobytes()
    text = json.dumps(head).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def make(folder, world, mean, prompts=512):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(f"{world}/model", folder)
    with open(f"{folder}/tokenizer.json", encoding="utf-8") as f:
        known = json.load(f)["model"]["vocab"]
    names = sorted((name for name in known if name[0] == "Ġ" and len(name) > 3), key=known.get)[:WORDS]
    words = [known[name] for name in names]
    free = set(range(2 + 256, len(known))) - set(words)
    with open(f"{folder}/config.json", encoding="utf-8") as f:
        card = json.load(f)
    card |= {"hidden_size": WIDTH, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": HEAD, "num_hidden_layers": 2,
             "intermediate_size": INNER, "rope_theta": 1e9, "tie_word_embeddings": False, "max_position_embeddings": 8192}
    with open(f"{folder}/config.json", "w", encoding="utf-8") as f:
        json.dump(card, f, indent=2)
    save(f"{folder}/model.safetensors", tensors(card["vocab_size"], words, free, mean))
    draw = random.Random(2)
    with open(os.path.join(folder, "prompts.jsonl"), "w", encoding="utf-8") as f:
        for _ in range(prompts):
            f.write(json.dumps({"prompt": names[draw.randrange(WORDS)].replace("Ġ", " ")}) + "\n")


if __name__ == "__main__":
    p50, p99, mean = spread()
    print(f"sigma {SIGMA}: p50 {p50 / mean:.3f}, p99 {p99 / mean:.3f} of the mean without a limit; p99 / p50 {min(p99, 10 * p50) / p50:.2f}")

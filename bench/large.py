#!/usr/bin/env python3
"""A model of Qwen2.5-1.5B's shape on this machine: tokens/s and memory of answers, DPO and GRPO, the last two with an adapter.

    bench/large.py make FOLDER PEERS            (a Python with torch and transformers; PEERS: peers_prepare.py's folder)
    bench/large.py run FOLDER PEERS BIN [compute=bfloat16] [lines=generate,dpo,grpo] [threads=2] [tokens=130]

make: random weights in bfloat16, 3.1 GB, and the tokenizer of PEERS/model. generate: 8 prompts together, tokens behind the second,
which is when all prompts have been read; of two runs each the faster. dpo: 3 steps of one pair. grpo: two iterations of 2 x 4 answers of 64 tokens, one pass.
Memory is the most that a command and all its children held together (PSS); generate's also without keys and values, in bytes a parameter,
of one answer and of all of them. FOLDER may be any other with a model/ in bfloat16 and prompts.jsonl."""
import json, os, shutil, subprocess, sys, time

from follow import watched

ANSWERS, SHORT = 8, 2
LORA = "use_peft=true lora_r=16 lora_target_modules=all-linear learning_rate=1e-4 save_strategy=no logging_steps=1"


def make(folder, peers):
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config
    torch.manual_seed(1)
    config = Qwen2Config(vocab_size=151936, hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12,
                         num_key_value_heads=2, max_position_embeddings=32768, rope_theta=1e6, tie_word_embeddings=True,
                         rms_norm_eps=1e-6, bos_token_id=1, eos_token_id=2, pad_token_id=2)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(f"{folder}/model")
    for name in os.listdir(f"{peers}/model"):
        if "token" in name:
            shutil.copy(f"{peers}/model/{name}", f"{folder}/model/{name}")
    prompts = [json.loads(line) for line in open(f"{peers}/ppo.jsonl", encoding="utf-8")][:ANSWERS]
    with open(f"{folder}/prompts.jsonl", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row) + "\n" for row in prompts)


def parameters(folder):
    with open(f"{folder}/model/model.safetensors", "rb") as f:
        return sum((row["data_offsets"][1] - row["data_offsets"][0]) // 2
                   for name, row in json.loads(f.read(int.from_bytes(f.read(8), "little"))).items() if name != "__metadata__")


def keys_and_values(folder, drover, compute, prompts, answers):
    """Bytes of them, which lie in blocks of 32 tokens."""
    config = json.load(open(f"{folder}/model/config.json"))
    token = config["num_hidden_layers"] * 2 * config["num_key_value_heads"] * \
        config.get("head_dim", config["hidden_size"] // config["num_attention_heads"]) * (4 if compute == "float32" else 2)
    texts = "".join(json.dumps({"text": json.loads(line)["prompt"]}) + "\n" for line in prompts)
    ids = subprocess.run([drover, "tokenize", f"model={folder}/model"], input=texts, text=True, capture_output=True, check=True).stdout
    return sum(-(-(len(json.loads(row)["ids"]) + len(answer["ids"])) // 32) * 32 * token for row, answer in zip(ids.splitlines(), answers))


def generate(folder, peers, drover, k):
    """One answer alone, which finds the file on a disk; of all together the longer runs hold more."""
    took, early, compute, long = {}, False, k["compute"], int(k["tokens"])
    with open(f"{folder}/prompts.jsonl", encoding="utf-8") as f:
        all_prompts = f.readlines()[:ANSWERS]
    for n, tokens in (1, long), *2 * [(ANSWERS, SHORT), (ANSWERS, long)]:
        with open(f"{folder}/asked.jsonl", "w", encoding="utf-8") as f:
            f.writelines(all_prompts[:n])
        start = time.monotonic()
        out, held = watched(f"{drover} generate model={folder}/model compute={compute} max_new_tokens={tokens} temperature=1 slots={n} < {folder}/asked.jsonl", every=.1)
        took.setdefault((n, tokens), []).append(time.monotonic() - start)
        answers = [json.loads(line) for line in out.splitlines()]
        if tokens == long:
            rest = held * 1e9 - keys_and_values(folder, drover, compute, all_prompts[:n], answers)
            print(f"generate, {n} answers: {held:.3f} GB, without keys and values {rest / parameters(folder):.3f} bytes a parameter", flush=True)
        if sum(len(answer["ids"]) for answer in answers) != n * tokens:
            print(f"generate, {n} answers: one ended before its {tokens} tokens: no speed is told", flush=True)
            early = True
    if not early:
        seconds = min(took[ANSWERS, long]) - min(took[ANSWERS, SHORT])
        print(f"generate, {ANSWERS} answers together: {ANSWERS * (long - SHORT) / seconds:.2f} tokens/s", flush=True)
    os.remove(f"{folder}/asked.jsonl")


def learn(method, words, folder, peers, drover, k):
    out = f"{folder}/out"
    shutil.rmtree(out, ignore_errors=True)
    start = time.monotonic()
    _, held = watched(f"{drover} {method} model={folder}/model dataset={peers}/{method}.jsonl output_dir={out} compute={k['compute']} {LORA} {words}")
    seconds = time.monotonic() - start
    rows = [json.loads(line) for line in open(f"{out}/metrics.jsonl", encoding="utf-8")]
    shutil.rmtree(out)
    steps = [row["step_time"] for row in rows if "step_time" in row]
    rates = [row["drover_tokens_per_second"] for row in rows if "drover_tokens_per_second" in row]
    print(f"{method} whole: {seconds:.1f} s\n{method} peak memory: {held:.2f} GB")
    if steps:
        print(f"{method} step: {steps[-1]:.1f} s")
    if rates:
        print(f"{method} last: {rates[-1]:.1f} tokens/s", flush=True)


LINES = {
    "generate": generate,
    "dpo": lambda *where: learn("dpo", "per_device_train_batch_size=1 max_length=256 max_steps=3", *where),
    "grpo": lambda *where: learn("grpo", "per_device_train_batch_size=8 gradient_accumulation_steps=1 num_generations=4 max_completion_length=64 "
                                 "num_iterations=1 max_steps=2 beta=0 eval_prompts=0 fleet.actors=1 stop_token=none shuffle=false "
                                 "'rewards=[{name: length, rule: length, unit: characters, target: 200}]'", *where),
}


def main():
    what, folder, peers = sys.argv[1:4]
    if what == "make":
        return make(folder, peers)
    k = dict(compute="bfloat16", lines=",".join(LINES), threads="2", tokens="130") | dict(word.split("=", 1) for word in sys.argv[5:])
    os.environ.update(OMP_NUM_THREADS=k["threads"], OMP_WAIT_POLICY="passive")
    for line in k["lines"].split(","):
        LINES[line](folder, peers, f"{sys.argv[4]}/drover", k)


if __name__ == "__main__":
    main()

"""The keys of TRL's configurations and their defaults, read from its sources and transformers' as text: nothing is imported.

usage: python trl_keys.py TRL_WHEEL_OR_FOLDER TRANSFORMERS_FOLDER > trl_keys.txt

One line a key: METHOD KEY DEFAULT, the default as a command line would give it ("null" for None); "*" where TRL makes it as
it starts. What drover does with each (honoured, noted, refused) is the test learner/trl_keys.
"""
import ast
import os
import sys
import zipfile

CONFIGS = {"sft": "SFTConfig", "dpo": "DPOConfig", "kto": "KTOConfig", "reward": "RewardConfig", "grpo": "GRPOConfig",
           "rloo": "RLOOConfig", "cpo": "CPOConfig", "orpo": "ORPOConfig", "online-dpo": "OnlineDPOConfig"}
SCRIPTS = {"grpo": "GRPOScriptArguments", "rloo": "RLOOScriptArguments"}


def sources(trl, transformers):
    if os.path.isdir(trl):
        for folder, _, names in os.walk(trl):
            for name in names:
                if name.endswith(".py") and name != "vllm_serve.py":
                    yield open(os.path.join(folder, name), encoding="utf-8").read()
    else:
        with zipfile.ZipFile(trl) as wheel:
            for name in wheel.namelist():
                if name.endswith(".py") and name.startswith("trl/") and not name.endswith("scripts/vllm_serve.py"):
                    yield wheel.read(name).decode()
    yield open(os.path.join(transformers, "training_args.py"), encoding="utf-8").read()


def classes(trl, transformers):
    found = {}
    for text in sources(trl, transformers):
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = node
    return found


def word(value):
    """A default as a command line would give it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(word(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{}" if not value else "*"
    return str(value) or "''"


def default(value):
    """Of a dataclass member's right side."""
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "field":
        for keyword in value.keywords:
            if keyword.arg == "default":
                return default(keyword.value)
            if keyword.arg == "default_factory":
                body = getattr(keyword.value, "body", None)
                return default(body) if body is not None else "[]"
        return "*"
    try:
        return word(ast.literal_eval(value))
    except (ValueError, TypeError):
        return "*"


def keys(found, name, out):
    """Members of the class and its bases; the class's own win."""
    node = found.get(name)
    if not node:
        return
    for base in node.bases:
        keys(found, getattr(base, "id", getattr(base, "attr", "")), out)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.value is not None:
            if not item.target.id.startswith("_") and "ClassVar" not in ast.unparse(item.annotation):
                out[item.target.id] = default(item.value).replace(" ", "")


def main(trl, transformers):
    found = classes(trl, transformers)
    for method, config in CONFIGS.items():
        out = {}
        for name in ("ScriptArguments", "DatasetMixtureConfig", "ModelConfig", SCRIPTS.get(method, ""), config):
            keys(found, name, out)
        for key in sorted(out):
            print(method, key, out[key])


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Two PPO iterations of small models in torch -> ppo_steps.inc, for tests/learner/test_ppo.c.

    python tests/golden/ppo_steps.py > tests/golden/ppo_steps.inc      (trl 0.22.2)

The lines of TRL's PPOTrainer.train in its order, padded as it pads, in float64, with its own
masked_mean and masked_whiten; but the score stands at the last answer token, tokens after the
answer count nowhere, k2 is known, the KL coefficient may be steered, and policy and critic have
an optimizer and a clip each.
"""
import torch
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel
from trl.core import masked_mean, masked_whiten

from formula import fill, stream, tokens

BASE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            vocab_size=130, max_position_embeddings=1024, rms_norm_eps=1e-5, rope_theta=10000.0, head_dim=16,
            attn_implementation="eager")
ORDER = ["input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
         "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
PROMPT, ANSWER, B = [3, 8, 1, 5, 2, 6], [6, 1, 9, 4, 7, 3], 6
LONGEST = max(ANSWER)
CONFS = [
    dict(kl="k1", beta=.05, target=0, horizon=1e4, whiten=False, gamma=1, lam=.95, penalty=0, entropy=0,
         temperature=.7, epochs=4, clip=.2, clip_value=.2, vf=.1),
    dict(kl="k3", beta=.2, target=.3, horizon=100, whiten=True, gamma=.99, lam=.9, penalty=1, entropy=.01,
         temperature=1.3, epochs=3, clip=.15, clip_value=.3, vf=.5),
    dict(kl="k2", beta=.1, target=0, horizon=1e4, whiten=False, gamma=1, lam=1, penalty=.5, entropy=0,
         temperature=1, epochs=2, clip=.1, clip_value=.1, vf=1),
]
NAMES = ["objective/kl", "objective/entropy", "objective/non_score_reward", "objective/rlhf_reward", "objective/scores",
         "policy/approxkl_avg", "policy/clipfrac_avg", "policy/entropy_avg", "loss/policy_avg", "loss/value_avg",
         "val/clipfrac_avg", "val/ratio", "val/ratio_var", "val/num_eos_tokens", "drover_kl_coef",
         "drover_policy_grad_norm", "drover_critic_grad_norm", "lr"]


class Critic(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.model = LlamaModel(config)
        self.score = torch.nn.Linear(config.hidden_size, 1, bias=False)


def build(model):
    """Weights of tests/lm/small.h."""
    model, params = model.double(), dict(model.named_parameters())
    names = ["model.embed_tokens.weight"] + ["model.layers.%d.%s.weight" % (k, n) for k in range(2) for n in ORDER]
    names = [n for n in names + ["model.norm.weight", "score.weight"] if n in params]
    assert len(names) == len(params), set(params) - set(names)
    for i, n in enumerate(names):
        values = fill(params[n].numel(), 100 + i, 0.2 if params[n].dim() == 1 else 0.3, 1.0 if "norm" in n else 0.0)
        with torch.no_grad():
            params[n].copy_(torch.tensor(values).reshape(params[n].shape).double())
    return model


def rows(it):
    return [(torch.tensor(tokens(PROMPT[s], 100 * it + s, 130)), torch.tensor(tokens(ANSWER[s], 100 * it + 50 + s, 130)))
            for s in range(B)]


def pad(parts):
    return torch.stack([torch.cat([p, p.new_zeros(LONGEST - len(p))]) for p in parts])


def policy_pass(model, batch, temperature):
    logprob, entropy = [], []
    for prompt, answer in batch:
        logits = model(input_ids=torch.cat([prompt, answer])[None], use_cache=False).logits[0][len(prompt) - 1:-1]
        full = (logits / temperature).log_softmax(-1)
        logprob.append(full.gather(1, answer[:, None])[:, 0])
        entropy.append(-(full.exp() * full).sum(-1))
    return pad(logprob), pad(entropy)


def critic_pass(model, batch):
    out = []
    for prompt, answer in batch:
        hidden = model.model(input_ids=torch.cat([prompt, answer])[None], use_cache=False).last_hidden_state
        out.append(model.score(hidden)[0, len(prompt) - 1:-1, 0])
    return pad(out)


def run(c, policy, critic):
    params = [[p for p in m.parameters()] for m in (policy, critic)]
    optimizers = [torch.optim.AdamW(p, lr=0, betas=(.9, .999), eps=1e-8, weight_decay=0) for p in params]
    mask = pad([torch.ones(n, dtype=torch.float64) for n in ANSWER])
    beta, metrics, given = c["beta"], [], []
    for it in range(2):
        for o, peak in zip(optimizers, (3e-4, 6e-4)):
            o.param_groups[0]["lr"] = peak * (1 - it / 2)
        batch = rows(it)
        with torch.no_grad():
            now, _ = policy_pass(policy, batch, c["temperature"])
            noise = [pad([torch.tensor(stream(ANSWER[s], 1000 * (1 + k) + 100 * it + s)).double() for s in range(B)])
                     for k in range(2)]
            behaviour = (now + .3 * noise[0]).float().double() * mask  # as float32, as the test gets it
            reference = (now + .5 * noise[1]).float().double() * mask
            values = critic_pass(critic, batch)
            ended = torch.tensor([s % 3 != 2 for s in range(B)])
            scores = torch.tensor(stream(B, 7000 + it)).double() * 2 - c["penalty"] * (~ended)
            logr = (reference - behaviour)
            kl = {"k1": -logr, "k2": .5 * logr ** 2, "k3": (logr.exp() - 1) - logr}[c["kl"]] * mask
            non_score = -beta * kl
            rewards = non_score.clone()
            rewards[torch.arange(B), torch.tensor(ANSWER) - 1] += scores
            if c["whiten"]:
                rewards = masked_whiten(rewards, mask, shift_mean=False) * mask
            last, reversed_ = 0, []
            for t in reversed(range(LONGEST)):
                following = values[:, t + 1] if t < LONGEST - 1 else 0.0
                last = rewards[:, t] + c["gamma"] * following - values[:, t] + c["gamma"] * c["lam"] * last
                reversed_.append(last)
            advantages = torch.stack(reversed_[::-1], 1)
            returns = advantages + values
            advantages = masked_whiten(advantages, mask.bool()) * mask
        stats, norms = [], []
        for _ in range(c["epochs"]):
            logprob, entropy = policy_pass(policy, batch, c["temperature"])
            value = critic_pass(critic, batch)
            clipped = torch.clamp(value, values - c["clip_value"], values + c["clip_value"])
            one, two = torch.square(value - returns), torch.square(clipped - returns)
            value_loss = .5 * masked_mean(torch.max(one, two), mask)
            difference = (logprob - behaviour) * mask
            ratio = torch.exp(difference)
            a, b = -advantages * ratio, -advantages * torch.clamp(ratio, 1 - c["clip"], 1 + c["clip"])
            policy_loss = masked_mean(torch.max(a, b), mask)
            (policy_loss - c["entropy"] * masked_mean(entropy, mask) + c["vf"] * value_loss).backward()
            norms.append([float(torch.nn.utils.clip_grad_norm_(p, 1.0)) for p in params])
            for o in optimizers:
                o.step()
                o.zero_grad()
            stats.append([float(x.detach()) for x in (
                .5 * masked_mean(difference ** 2, mask), masked_mean((b > a).double(), mask), masked_mean(entropy, mask),
                policy_loss, value_loss, masked_mean((two > one).double(), mask), masked_mean(ratio, mask))])
        mean = [sum(s[k] for s in stats) / len(stats) for k in range(7)]
        spread = float(torch.tensor([s[6] for s in stats], dtype=torch.float64).var())
        norm = [sum(n[k] for n in norms) / len(norms) for k in range(2)]
        metrics.append([float(kl.sum(1).mean()), float(-behaviour.sum(1).mean()), float(non_score.sum(1).mean()),
                        float((non_score.sum(1) + scores).mean()), float(scores.mean())] + mean + [spread]
                       + [float(ended.sum()), beta] + norm + [3e-4 * (1 - it / 2)])
        given.append([(behaviour, reference, scores + c["penalty"] * (~ended))])
        if c["target"]:
            error = min(max(float(kl.sum(1).mean()) / c["target"] - 1, -.2), .2)
            beta *= 1 + error * B / c["horizon"]
    return metrics, given, beta


def array(values, end=""):
    return "{" + ", ".join("%#.9g" % v + end for v in values) + "}"


def main():
    print("/* Made by tests/golden/ppo_steps.py: torch %s. */" % torch.__version__)
    print("enum { GOLDEN_METRICS = %d, GOLDEN_TOKENS = %d, GOLDEN_ROWS = %d, GOLDEN_CASES = %d };"
          % (len(NAMES), sum(ANSWER), B, len(CONFS)))
    print("static const int golden_prompt[] = {%s}, golden_answer[] = {%s};"
          % (", ".join(map(str, PROMPT)), ", ".join(map(str, ANSWER))))
    print("static const char *const golden_name[] = {\n    %s};" % ",\n    ".join('"%s"' % n for n in NAMES))
    print("static const struct golden { struct { float behaviour[GOLDEN_TOKENS], reference[GOLDEN_TOKENS]; double"
          " score[GOLDEN_ROWS],\n metric[GOLDEN_METRICS]; } iteration[2]; double beta; } golden[] = {")
    for c in CONFS:
        policy = build(LlamaForCausalLM(LlamaConfig(**BASE, tie_word_embeddings=True)))
        critic = build(Critic(LlamaConfig(**BASE, rope_scaling=dict(rope_type="linear", factor=2.0))))
        metrics, given, beta = run(c, policy, critic)
        print("    {{")
        for it in range(2):
            behaviour, reference, scores = given[it][0]
            flat = [torch.cat([x[s, :ANSWER[s]] for s in range(B)]).tolist() for x in (behaviour, reference)]
            print("        {%s,\n         %s,\n         %s,\n         %s}," %
                  (array(flat[0], "f"), array(flat[1], "f"), array(scores.tolist()), array(metrics[it])))
        print("    }, %.17g}," % beta)
    print("};")


main()

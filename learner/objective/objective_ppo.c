/* How it works: two rows over the same arrays, for policy and critic are two models and have
 * each their own pass. Where the clipped loss is the larger one it is flat and has no slope.
 * Called for each micro-batch of ppo: first the policy's, then the critic's. */
#include "learner/objective/objective_ppo.h"

#include "lm/kernel/real.h"

#include <math.h>

/* Ratios and values beyond a bound stay at it. */
static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

struct policy_sums {
    double loss, approxkl, clipped, entropy, ratio, n;
};

static void policy_metrics(struct objective_out *out, const struct policy_sums *sums)
{
    objective_metric(out, "loss/policy_avg", sums->loss, sums->n);
    objective_metric(out, "policy/approxkl_avg", sums->approxkl, sums->n);
    objective_metric(out, "policy/clipfrac_avg", sums->clipped, sums->n);
    objective_metric(out, "policy/entropy_avg", sums->entropy, sums->n);
    objective_metric(out, "val/ratio", sums->ratio, sums->n);
}

/* TRL's figures beside the loss are means over learnt tokens; the ratio's also tells, before the
 * first step, whether answers are on-policy (exactly 1). */
static void policy_run(const void *conf_, const struct objective_in *in,
                       struct objective_out *out)
{
    const struct objective_ppo_conf *const conf = conf_;
    struct policy_sums sums = {0};

    for (int t = 0; t < in->n; t++) {
        if (out->dlogprob)
            out->dlogprob[t] = 0;
        if (out->dentropy)
            out->dentropy[t] = 0;
        if (!in->learn[t])
            continue;
        const double A = (double)in->advantage[t];
        const float old = in->proximal ? in->proximal[t] : in->behaviour[t];
        const double w = in->importance ? (double)in->importance[t] : 1;
        const double x = (double)in->logprob[t] - (double)old;
        const double r = real_exp(x);
        const double plain = -A * r * w;
        const double held = -A * clamp(r, 1 - conf->cliprange, 1 + conf->cliprange) * w;
        const bool clipped = held > plain; /* then the loss is flat in r */
        if (out->dlogprob && !clipped)
            out->dlogprob[t] = (float)(plain / in->normaliser); /* dr / dlogprob = r */
        if (out->dentropy)
            out->dentropy[t] = (float)(-in->entropy_coef / in->normaliser);
        sums.loss += clipped ? held : plain;
        sums.approxkl += 0.5 * x * x;
        sums.clipped += clipped;
        sums.ratio += r;
        sums.entropy += in->entropy ? (double)in->entropy[t] : 0;
        sums.n++;
    }
    out->loss = (sums.loss - in->entropy_coef * sums.entropy) / in->normaliser;
    policy_metrics(out, &sums);
}

/* The worse of two squares: the critic may not profit from a change beyond the clip. */
static void value_run(const void *conf_, const struct objective_in *in,
                      struct objective_out *out)
{
    const struct objective_ppo_conf *const conf = conf_;
    double loss = 0, clipped = 0, n = 0;

    for (int t = 0; t < in->n; t++) {
        if (out->dvalue)
            out->dvalue[t] = 0;
        if (!in->learn[t])
            continue;
        const double v = (double)in->value[t], old = (double)in->old_value[t];
        const double u = clamp(v, old - conf->cliprange_value, old + conf->cliprange_value);
        const double plain = v - (double)in->returns[t], held = u - (double)in->returns[t];
        const bool flat = held * held > plain * plain;
        if (out->dvalue && !flat)
            out->dvalue[t] = (float)(conf->vf_coef * plain / in->normaliser);
        loss += 0.5 * (flat ? held * held : plain * plain);
        clipped += flat;
        n++;
    }
    out->loss = conf->vf_coef * loss / in->normaliser;
    objective_metric(out, "loss/value_avg", loss, n);
    objective_metric(out, "val/clipfrac_avg", clipped, n);
}

const struct objective objective_ppo = {
    .name = "ppo",
    .logprob = true,
    .entropy = true,
    .dentropy = true,
    .group = 1,
    .count = objective_tokens,
    .run = policy_run,
};
const struct objective objective_ppo_value = {
    .name = "ppo_value",
    .value = true,
    .group = 1,
    .count = objective_tokens,
    .run = value_run,
};

/* How it works: the ratio is of the whole answer, so its log-ratios are summed before anything
 * is known, and all of its tokens have one slope. Called for each micro-batch. */
#include "learner/objective/objective_rloo.h"

#include "lm/kernel/real.h"

#include <math.h>

struct rloo_sums {
    double loss, entropy, tokens, low, high;
    double least, most;
};

struct answer {
    int from, to;
    double log_ratio, importance, A;
};

static struct answer measure(const struct objective_in *in, int s, struct rloo_sums *sums)
{
    struct answer a = {.from = in->seq[s], .to = in->seq[s + 1]};
    double learnt = 0;

    for (int t = a.from; t < a.to; t++) {
        if (!in->learn[t])
            continue;
        const float old = in->proximal ? in->proximal[t] : in->behaviour[t];
        a.log_ratio += (double)in->logprob[t] - (double)old;
        a.importance += in->importance ? (double)in->importance[t] : 1;
        a.A = (double)in->advantage[t];
        sums->entropy += in->entropy ? (double)in->entropy[t] : 0;
        learnt++;
    }
    a.importance /= learnt > 0 ? learnt : 1;
    sums->tokens += learnt;
    return a;
}

/* Without the clip the slope of every token is -R A / N. */
static void run(const void *conf_, const struct objective_in *in, struct objective_out *out)
{
    const struct objective_rloo_conf *const conf = conf_;
    struct rloo_sums sums = {.least = INFINITY};

    for (int s = 0; s < in->n_seq; s++) {
        const struct answer a = measure(in, s, &sums);
        const double r = real_exp(a.log_ratio);
        const bool below = r<1 - conf->epsilon, above = r> 1 + conf->epsilon_high;
        const double held = below ? 1 - conf->epsilon : above ? 1 + conf->epsilon_high : r;
        const bool flat = -a.A * held > -a.A * r;
        const double low = below && a.A < 0, high = above && a.A > 0;
        const double slope = flat ? 0 : -a.A * r * a.importance / in->normaliser;
        for (int t = a.from; t < a.to && out->dlogprob; t++)
            out->dlogprob[t] = in->learn[t] ? (float)slope : 0;
        for (int t = a.from; t < a.to && out->dentropy; t++)
            out->dentropy[t] = 0;
        sums.loss += fmax(-a.A * r, -a.A * held) * a.importance;
        sums.low += low;
        sums.high += high;
        sums.least = fmin(sums.least, low);
        sums.most = fmax(sums.most, high);
    }
    out->loss = sums.loss / in->normaliser;
    objective_metric(out, "entropy", sums.entropy, sums.tokens);
    objective_metric(out, "clip_ratio/low_mean", sums.low, in->n_seq);
    objective_metric(out, "clip_ratio/high_mean", sums.high, in->n_seq);
    objective_metric(out, "clip_ratio/region_mean", sums.low + sums.high, in->n_seq);
    objective_extreme(out, "clip_ratio/low_min", OBJECTIVE_LEAST, sums.least);
    objective_extreme(out, "clip_ratio/high_max", OBJECTIVE_MOST, sums.most);
}

const struct objective objective_rloo = {.name = "rloo",
                                         .logprob = true,
                                         .entropy = true,
                                         .group = 1,
                                         .count = objective_sequences,
                                         .run = run};

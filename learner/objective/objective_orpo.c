/* How it works: the odds of an answer are those of its mean log-probability, so slopes are
 * divided by its length; ln(1 - p) is logistic_log1mexp, for p is near 1 where a model is sure.
 * The likelihood of the chosen answer takes the prompt along (learn 2). Called for each
 * micro-batch. */
#include "learner/objective/objective_orpo.h"

#include "learner/objective/logistic.h"
#include "learner/objective/objective_pair.h"
#include "lm/kernel/real.h"

/* ln(p / (1 - p)) of p = exp(x), and its slope 1 / (1 - p). */
static double odds(double x, double *slope)
{
    const double rest = logistic_log1mexp(x);

    *slope = real_exp(-rest);
    return x - rest;
}

struct orpo_sums {
    double ratio, odds;
};

/* One pair: both ways with a soft label. d: slopes in the two means. */
static double pair_of(const struct objective_pair *pair, double *d, struct orpo_sums *sums)
{
    double slope_c, slope_r, slope;
    const double gap = odds(pair->chosen.logp, &slope_c) - odds(pair->rejected.logp, &slope_r);
    const double q = pair->soft;

    sums->ratio += logistic_log(gap);
    sums->odds += gap;
    slope = -q * logistic_sigmoid(-gap) + (1 - q) * logistic_sigmoid(gap);
    d[0] = slope * slope_c;
    d[1] = -slope * slope_r;
    return -q * logistic_log(gap) - (q < 1 ? (1 - q) * logistic_log(-gap) : 0);
}

/* The slopes of the means are divided by the lengths on their way to the tokens; the log has the
 * means, as TRL's. */
static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const double beta = ((const struct objective_orpo_conf *)conf)->beta;
    struct objective_pair_log log = {0};
    struct orpo_sums sums = {0};

    objective_begin(in, out);
    for (int i = 0; i < in->n_seq / 2; i++) {
        struct objective_pair pair;
        double d[2];
        objective_pair_read(&pair, in, i, 1);

        const double n_c = pair.chosen.length, n_r = pair.rejected.length;
        const double scale = beta * pair.weight / in->normaliser;
        pair.chosen.logp /= n_c;
        pair.rejected.logp /= n_r;
        out->loss += scale * pair_of(&pair, d, &sums);
        if (out->dlogprob)
            objective_pair_slopes(out->dlogprob, in, i, 1, scale * d[0] / n_c,
                                  scale * d[1] / n_r);
        objective_pair_note(&log, &pair, beta * pair.chosen.logp, beta * pair.rejected.logp);
    }
    objective_metric(out, "nll_loss", objective_pair_nll(in, out, 1),
                     objective_pair_tokens(in));
    objective_metric(out, "log_odds_ratio", sums.ratio, log.n);
    objective_metric(out, "log_odds_chosen", sums.odds, log.n);
    objective_pair_metrics(&log, in, out);
}

const struct objective objective_orpo = {.name = "orpo",
                                         .logprob = true,
                                         .entropy = true,
                                         .group = 2,
                                         .count = objective_pair_count,
                                         .count_tokens = objective_pair_tokens,
                                         .run = run};

#include "learner/objective/objective_simpo.h"

#include "learner/objective/logistic.h"
#include "learner/objective/objective_pair.h"

#include <string.h>

static double loss_of(const struct objective_simpo_conf *c, double gap, double *slope)
{
    const double z = c->beta * gap - c->gamma, e = c->label_smoothing;

    if (c->hinge) {
        *slope = z < 1 ? -c->beta : 0;
        return z < 1 ? 1 - z : 0;
    }
    *slope = c->beta * (-(1 - e) * logistic_sigmoid(-z) + e * logistic_sigmoid(z));
    return -(1 - e) * logistic_log(z) - e * logistic_log(-z);
}

/* One pair; a soft label counts the exchanged pair too, whose gap is -D. */
static double pair_of(const struct objective_simpo_conf *c, double gap, double soft,
                      double *slope)
{
    double there, back = 0, loss = loss_of(c, gap, &there);

    if (soft < 1)
        loss = soft * loss + (1 - soft) * loss_of(c, -gap, &back);
    *slope = soft * there - (1 - soft) * back;
    return loss;
}

static double least_one(int n)
{
    return n > 1 ? n : 1;
}

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const struct objective_simpo_conf *c = conf;
    struct objective_pair_log log = {0};

    out->loss = 0;
    out->metrics = 0;
    if (out->dlogprob)
        memset(out->dlogprob, 0, (size_t)in->n * sizeof(*out->dlogprob));
    for (int i = 0; i < in->n_seq / 2; i++) {
        struct objective_pair pair;
        double slope;
        objective_pair_read(&pair, in, i, 1);

        const double n_c = least_one(pair.chosen.n), n_r = least_one(pair.rejected.n);
        const double scale = pair.weight / in->normaliser;
        pair.chosen.logp /= n_c;
        pair.rejected.logp /= n_r;
        out->loss +=
            scale * pair_of(c, pair.chosen.logp - pair.rejected.logp, pair.soft, &slope);
        if (out->dlogprob)
            objective_pair_slopes(out->dlogprob, in, i, 1, scale * slope / n_c,
                                  -scale * slope / n_r);
        objective_pair_note(&log, &pair, c->beta * pair.chosen.logp,
                            c->beta * pair.rejected.logp);
    }
    if (c->likelihood != 0)
        objective_metric(out, "nll_loss", objective_pair_nll(in, out, c->likelihood), 1);
    objective_pair_metrics(&log, in, out);
}

const struct objective objective_simpo = {.name = "simpo",
                                          .logprob = true,
                                          .entropy = true,
                                          .group = 2,
                                          .count = objective_pair_count,
                                          .count_tokens = objective_pair_tokens,
                                          .run = run};

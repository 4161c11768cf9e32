/* How it works: a pair at a time: sums or means of its two answers (objective_pair_read), the
 * bend of AlphaPO, the loss of z with its slope, and by the chain rule back to each answer's
 * tokens. The likelihood stands beside it and is over the step's tokens, not its pairs. Called
 * for each micro-batch; simpo's row is this one under other keys. */
#include "learner/objective/objective_cpo.h"

#include "learner/objective/logistic.h"
#include "learner/objective/objective_pair.h"
#include "lm/kernel/real.h"

struct
    cpo_term { /* what stands for an answer in the loss, and its slope in logp, a sum over n */
    double logp, n, value, slope;
};

/* ipo takes means whatever the keys say, as TRL's CPO does (its DPO takes them too, TRL's online
 * one does not: DPO_IPO_SUM). */
static struct cpo_term term_of(const struct objective_cpo_conf *c,
                               const struct objective_answer *a)
{
    const double n = c->mean || c->kind == CPO_IPO ? a->length : 1;
    struct cpo_term t = {a->logp / n, n, a->logp / n, 1};

    if (c->alpha != 0) {
        const double e = real_exp(-c->alpha * t.logp);
        t.value = (1 - e) / c->alpha;
        t.slope = e;
    }
    return t;
}

/* Loss of the gap D, *slope its derivative. */
static double loss_of(const struct objective_cpo_conf *c, double gap, double *slope)
{
    const double b = c->beta, e = c->label_smoothing;
    const double z = b * gap - c->gamma, miss = gap - 1 / (2 * b);

    switch (c->kind) {
    case CPO_HINGE:
        *slope = z < 1 ? -b : 0;
        return z < 1 ? 1 - z : 0;
    case CPO_IPO:
        *slope = 2 * miss;
        return miss * miss;
    default:
        *slope = b * (-(1 - e) * logistic_sigmoid(-z) + e * logistic_sigmoid(z));
        return -(1 - e) * logistic_log(z) - e * logistic_log(-z);
    }
}

/* One pair; a soft label counts the exchanged pair too, whose gap is -D. */
static double pair_of(const struct objective_cpo_conf *c, double gap, double soft,
                      double *slope)
{
    double there, back = 0, loss = loss_of(c, gap, &there);

    if (soft < 1)
        loss = soft * loss + (1 - soft) * loss_of(c, -gap, &back);
    *slope = soft * there - (1 - soft) * back;
    return loss;
}

/* The pair is noted after its slopes: the log shows logps as they entered the loss, means where
 * means did. */
void objective_cpo_pairs(const struct objective_cpo_conf *c, const struct objective_in *in,
                         struct objective_out *out)
{
    struct objective_pair_log log = {0};

    objective_begin(in, out);
    for (int i = 0; i < in->n_seq / 2; i++) {
        struct objective_pair pair;
        double slope;
        objective_pair_read(&pair, in, i, 1);

        const struct cpo_term chosen = term_of(c, &pair.chosen);
        const struct cpo_term rejected = term_of(c, &pair.rejected);
        const double scale = pair.weight / in->normaliser;
        out->loss += scale * pair_of(c, chosen.value - rejected.value, pair.soft, &slope);
        if (out->dlogprob)
            objective_pair_slopes(out->dlogprob, in, i, 1,
                                  scale * slope * chosen.slope / chosen.n,
                                  -scale * slope * rejected.slope / rejected.n);
        pair.chosen.logp = chosen.logp;
        pair.rejected.logp = rejected.logp;
        objective_pair_note(&log, &pair, c->beta * chosen.value, c->beta * rejected.value);
    }
    if (c->likelihood != 0)
        objective_metric(out, "nll_loss", objective_pair_nll(in, out, c->likelihood),
                         objective_pair_tokens(in));
    objective_pair_metrics(&log, in, out);
}

/* TRL logs nll_loss in any case. */
static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const struct objective_cpo_conf *c = conf;

    objective_cpo_pairs(c, in, out);
    if (c->likelihood == 0)
        objective_metric(out, "nll_loss", 0, 1);
}

const struct objective objective_cpo = {.name = "cpo",
                                        .logprob = true,
                                        .entropy = true,
                                        .group = 2,
                                        .count = objective_pair_count,
                                        .count_tokens = objective_pair_tokens,
                                        .run = run};

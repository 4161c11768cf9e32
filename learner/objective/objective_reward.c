/* How it works: a sequence's score is the head's number at its last token, whatever is masked;
 * so only that position has a slope. Pairs are chosen, rejected. Called for each micro-batch. */
#include "learner/objective/objective_reward.h"

#include "learner/objective/logistic.h"
#include "lm/text/reading.h"

#include <math.h>

double objective_reward_bt(double x)
{
    return -logistic_log(x);
}

static double pairs(const struct objective_in *in)
{
    return in->n_seq / 2;
}

/* The margin of a pair shifts what the score has to reach; centring has a slope on both sides. */
static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const double center = ((const struct objective_reward_conf *)conf)->center;
    double least = INFINITY, most = -INFINITY, sum = 0, wins = 0, margin = 0;
    const int n = in->n_seq / 2;

    objective_begin(in, out);
    for (int i = 0; i < n; i++) {
        const int at_c = reading_at(in->seq, 2 * i), at_r = reading_at(in->seq, 2 * i + 1);
        const double c = (double)in->value[at_c], r = (double)in->value[at_r];
        const double x = c - r - (in->seq_margin ? (double)in->seq_margin[2 * i] : 0);
        const double slope = -logistic_sigmoid(-x), middle = 2 * center * (c + r);
        out->loss += objective_reward_bt(x) + center * (c + r) * (c + r);
        if (out->dvalue) {
            out->dvalue[at_c] = (float)((slope + middle) / in->normaliser);
            out->dvalue[at_r] = (float)((-slope + middle) / in->normaliser);
        }
        wins += c > r;
        margin += c - r;
        sum += c + r;
        least = fmin(least, fmin(c, r));
        most = fmax(most, fmax(c, r));
    }
    out->loss /= in->normaliser;
    objective_extreme(out, "min_reward", OBJECTIVE_LEAST, least);
    objective_metric(out, "mean_reward", sum, 2 * n);
    objective_extreme(out, "max_reward", OBJECTIVE_MOST, most);
    objective_metric(out, "accuracy", wins, n);
    objective_metric(out, "margin", margin, n);
}

const struct objective objective_reward = {
    .name = "reward", .value = true, .group = 2, .count = pairs, .run = run};

/* How it works: metrics are rows of a name, a sum and a weight, never a mean, so that micro-batches
 * of any size add up to the figure of the whole step; who adds them up is learner/step/metrics.h. */
#include "learner/objective/objective.h"

#include <assert.h>
#include <string.h>

void objective_begin(const struct objective_in *in, struct objective_out *out)
{
    float *const slope[] = {out->dlogprob, out->dvalue, out->dentropy};

    out->loss = 0;
    out->metrics = 0;
    for (int k = 0; k < 3; k++)
        if (slope[k])
            memset(slope[k], 0, (size_t)in->n * sizeof(*slope[k]));
}

void objective_metric(struct objective_out *out, const char *name, double sum, double weight)
{
    assert(out->metrics < OBJECTIVE_METRICS);
    out->metric[out->metrics++] = (struct objective_metric){name, sum, weight, OBJECTIVE_MEAN};
}

void objective_extreme(struct objective_out *out, const char *name, enum objective_kind kind,
                       double value)
{
    objective_metric(out, name, value, 1);
    out->metric[out->metrics - 1].kind = kind;
}

double objective_tokens(const struct objective_in *in)
{
    double n = 0;

    for (int t = 0; t < in->n; t++)
        n += in->learn[t];
    return n;
}

double objective_sequences(const struct objective_in *in)
{
    return in->n_seq;
}

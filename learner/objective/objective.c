/* How it works: metrics are rows by name, few enough to be looked for one by one. A row adds its
 * sums and weights and never a mean, so that micro-batches of any size add up to the figure of
 * the whole step. */
#include "learner/objective/objective.h"

#include <assert.h>
#include <math.h>
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

double objective_sum(const struct objective_out *out, const char *name)
{
    for (int i = 0; i < out->metrics; i++)
        if (!strcmp(name, out->metric[i].name))
            return out->metric[i].sum;
    return 0;
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

/* Extremes stay extremes; a row that `to` has not begins with what is neutral to its kind. */
void objective_gather(struct objective_out *to, const struct objective_out *from)
{
    for (int i = 0; i < from->metrics; i++) {
        const struct objective_metric *const m = &from->metric[i];
        int k = 0;
        while (k < to->metrics && strcmp(to->metric[k].name, m->name) != 0)
            k++;
        if (k == to->metrics) {
            objective_metric(to, m->name, m->kind == OBJECTIVE_MEAN ? 0 : m->sum,
                             m->kind == OBJECTIVE_MEAN ? 0 : 1);
            to->metric[k].kind = m->kind;
        }
        if (m->kind == OBJECTIVE_LEAST)
            to->metric[k].sum = fmin(to->metric[k].sum, m->sum);
        else if (m->kind == OBJECTIVE_MOST)
            to->metric[k].sum = fmax(to->metric[k].sum, m->sum);
        else {
            to->metric[k].sum += m->sum;
            to->metric[k].weight += m->weight;
        }
    }
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

/* One row of logits, two passes: isa->mass sums what all three uses need (the log-probability of a
 * token, the entropy, the sum of squares), and probabilities are made only where a gradient or a draw
 * asks for them. forward.c scores with it, lm_head.c trains, sample.c draws: l * rate, never l / T, in
 * all of them, or their last bits would differ. */

#include "lm/kernel/softmax.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/real.h"

float softmax_rate(float temperature)
{
    return 1.0f / temperature;
}

void softmax_row(struct softmax *out, const float *logit, int n, float rate)
{
    struct isa_mass mass;

    isa_current()->mass(&mass, logit, n, rate);
    out->rate = rate;
    out->max = mass.max;
    out->sum = mass.sum;
    out->log_sum = (float)real_log((double)mass.sum);
    out->entropy = out->log_sum - mass.slope / mass.sum;
    out->square = mass.square / mass.sum / mass.sum;
}

float softmax_logprob(const struct softmax *row, float logit)
{
    return (logit * row->rate - row->max) - row->log_sum;
}

void softmax_probability(float *p, const float *logit, int n, const struct softmax *row)
{
    isa_current()->spread(p, logit, n, row->rate, row->max);
    isa_current()->scale(p, 1.0f / row->sum, n);
}

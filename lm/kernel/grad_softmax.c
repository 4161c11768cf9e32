/* Of a row that softmax_row has seen whole, pieces become their gradient by themselves: every element
 * reads its own logit and the row's sums alone, so no cut changes a bit. lm_head.c calls it, a piece of
 * the vocabulary after the other. */

#include "lm/kernel/grad_softmax.h"

#include "lm/kernel/softmax.h"

enum { PIECE = 512 };

/* Only with an entropy bonus, which needs log p of every token:
 * logit becomes p, then the gradient; z = log p is kept aside while p is made. */
static void with_entropy(float *logit, int n, const struct softmax *row, float dlogprob,
                         float dentropy)
{
    const float all = row->max + row->log_sum, entropy = row->entropy, rate = row->rate;
    float z[PIECE];

#pragma omp simd
    for (int j = 0; j < n; j++)
        z[j] = logit[j] * rate - all;
    softmax_probability(logit, logit, n, row);
#pragma omp simd
    for (int j = 0; j < n; j++) {
        const float term = logit[j] * (dlogprob + dentropy * (z[j] + entropy));
        logit[j] = logit[j] > 0.0f ? -rate * term : 0.0f;
    }
}

static void without_entropy(float *logit, int n, const struct softmax *row, float dlogprob)
{
    const float by = -row->rate * dlogprob;

    softmax_probability(logit, logit, n, row);
#pragma omp simd
    for (int j = 0; j < n; j++)
        logit[j] *= by;
}

void grad_softmax(float *logit, int n, const struct softmax *row, int target, float dlogprob,
                  float dentropy)
{
    for (int j = 0; j < n; j += PIECE) {
        const int some = n - j < PIECE ? n - j : PIECE;

        if (dentropy != 0.0f)
            with_entropy(logit + j, some, row, dlogprob, dentropy);
        else
            without_entropy(logit + j, some, row, dlogprob);
    }
    if (target >= 0 && target < n)
        logit[target] += row->rate * dlogprob;
}

/* How it works: one walk for the answer's sum of log ratios, one for the weights. Called when an
 * iteration begins (or, with an interpolated proximal policy, with each micro-batch). Tokens
 * that are not learnt weigh 1, so that a product with them changes nothing. */
#include "learner/objective/importance.h"

#include "lm/kernel/real.h"

#include <stddef.h>

const char *const importance_names[] = {
    "none",          "plain", "token_truncate", "token_mask", "sequence_truncate",
    "sequence_mask", NULL};

/* Masked is left out, truncated is kept at the bound. */
static double bounded(double w, const struct importance_conf *conf)
{
    const bool mask =
        conf->mode == IMPORTANCE_TOKEN_MASK || conf->mode == IMPORTANCE_SEQUENCE_MASK;

    if (w < conf->low)
        return mask ? 0 : conf->low;
    if (w > conf->high)
        return mask ? 0 : conf->high;
    return w;
}

void importance_weigh(float *weight, const float *behaviour, const float *proximal,
                      const uint8_t *learn, int n, const struct importance_conf *conf)
{
    const bool whole =
        conf->mode == IMPORTANCE_SEQUENCE_TRUNCATE || conf->mode == IMPORTANCE_SEQUENCE_MASK;
    double sum = 0;

    for (int t = 0; t < n; t++)
        if (learn[t])
            sum += (double)proximal[t] - (double)behaviour[t];
    for (int t = 0; t < n; t++) {
        const double x = whole ? sum : (double)proximal[t] - (double)behaviour[t];
        weight[t] = 1;
        if (learn[t] && conf->mode != IMPORTANCE_NONE && conf->mode != IMPORTANCE_PLAIN)
            weight[t] = (float)bounded(real_exp(x), conf);
    }
}

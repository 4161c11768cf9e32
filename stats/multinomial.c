/* How: kind by kind, each a binomial of what is left. A binomial of small mean by inversion; else
 * by transformed rejection, BTRS (Hörmann 1993, J. Statistical Computation and Simulation 46:101),
 * which takes two uniforms nearly always, whatever the mean. */

#include "stats/multinomial.h"

#include "base/rng.h"

#include <math.h>

/* Uniforms one after the other. */
struct multinomial_stream {
    uint64_t seed, at;
    uint32_t number, word[4];
    int left;
};

static double uniform(struct multinomial_stream *s)
{
    if (!s->left) {
        rng_words(s->word, s->seed, RNG_RESAMPLE, s->at++, s->number, 1);
        s->left = 4;
    }
    return (s->word[--s->left] + 0.5) / 4294967296.;
}

/* n p below 10: count through the distribution from 0. */
static double by_inversion(struct multinomial_stream *s, double n, double p)
{
    const double odds = p / (1 - p);
    double chance = exp(n * log1p(-p)), u = uniform(s), k = 0;

    while (u > chance && k < n) {
        u -= chance;
        k++;
        chance *= odds * (n - k + 1) / k;
    }
    return k;
}

/* n p at least 10, p at most 1/2. The names are the paper's. */
static double by_rejection(struct multinomial_stream *s, double n, double p)
{
    const double spq = sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * spq;
    const double a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5, v_r = 0.92 - 4.2 / b;
    const double alpha = (2.83 + 5.1 / b) * spq, lpq = log(p / (1 - p)), m = floor((n + 1) * p);
    const double h = lgamma(m + 1) + lgamma(n - m + 1);

    for (;;) {
        const double u = uniform(s) - 0.5, v = uniform(s), us = 0.5 - fabs(u);
        const double k = floor((2 * a / us + b) * u + c);
        if (us >= 0.07 && v <= v_r)
            return k;
        if (k >= 0 && k <= n &&
            log(v * alpha / (a / (us * us) + b)) <=
                h - lgamma(k + 1) - lgamma(n - k + 1) + (k - m) * lpq)
            return k;
    }
}

static double binomial(struct multinomial_stream *s, double n, double p)
{
    if (n <= 0 || p <= 0)
        return 0;
    if (p >= 1)
        return n;
    if (p > 0.5)
        return n - binomial(s, n, 1 - p);
    return n * p < 10 ? by_inversion(s, n, p) : by_rejection(s, n, p);
}

void multinomial_draw(uint32_t *drawn, const uint32_t *seen, size_t kinds, uint64_t seed,
                      uint32_t number)
{
    struct multinomial_stream s = {.seed = seed, .number = number};
    double rest = 0, left = 0;

    for (size_t k = 0; k < kinds; k++)
        rest += seen[k];
    left = rest;
    for (size_t k = 0; k < kinds; k++) {
        const double got = seen[k] ? binomial(&s, left, seen[k] / rest) : 0;
        drawn[k] = (uint32_t)got;
        left -= got;
        rest -= seen[k];
    }
}

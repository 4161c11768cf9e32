/* choosing: which pairs are worth a person's time: of a pool, those whose verdict would teach a
 * Bradley-Terry head (margin.h) most.
 *
 *   random        none before another: what every figure is compared with
 *   uncertainty   the chance is nearest to 1/2 (Lewis and Gale 1994)
 *   disagreement  heads fitted to bootstrap draws of the rows say different things: the variance of
 *                 their chances (query by committee: Seung, Opper and Sompolinsky 1992)
 *   information   nats that the verdict is expected to tell about the weights (BALD: Houlsby et
 *                 al. 2011, arXiv 1112.5745), under Laplace
 *   determinant   ln of the growth of the curvature's determinant (D-optimal design)
 *   prediction    nats that it is expected to tell about the verdicts on the pool, not about the
 *                 weights (EPIG: Bickford Smith et al. 2023, arXiv 2304.08151), to first order
 *
 * A batch is not the best rows one by one, which are alike: after each one its curvature is added,
 * and what the others would still tell falls where they are like it.
 *
 * With chance epsilon a place goes to a row drawn evenly from what is left. Each place's chance is
 * kept, so that estimates from rows chosen so can be made unbiased (choosing_levelled). */

#ifndef STATS_CHOOSING_H
#define STATS_CHOOSING_H

#include "stats/margin.h"

#include <stdbool.h>
#include <stdint.h>

enum choosing {
    CHOOSING_RANDOM,
    CHOOSING_UNCERTAINTY,
    CHOOSING_DISAGREEMENT,
    CHOOSING_INFORMATION,
    CHOOSING_DETERMINANT,
    CHOOSING_PREDICTION,
    CHOOSING_WAYS,
};
extern const char *const choosing_words[CHOOSING_WAYS + 1];

enum {
    CHOOSING_HEADS_MAX = 64,
    CHOOSING_DIRECTIONS =
        64, /* of a pool's features (principal.h): a head of some hundred verdicts
                                 is no better with more, and a choice takes its square */
};

struct choosing_conf {
    enum choosing way;
    double penalty;
    double epsilon; /* [0,1] */
    int heads;      /* disagreement: 2.. */
    uint64_t seed;
    uint32_t round; /* batches with other numbers draw other rows */
};

struct choosing_pool {
    const double *x; /* [n,d] features of the first - of the second */
    size_t n;
    int d;
    const bool *taken; /* [n] not to be chosen, or NULL */
};

struct choosing_one {
    size_t row;
    double score; /* what it was expected to tell when it was chosen */
    double
        chance; /* with which this place was this row's, given the places before; 1 / rows left
                    * where the way is random */
    bool drawn; /* by epsilon */
};

/* At most `batch` rows of the pool into out [batch]; *chosen: how many, fewer where no more are
 * left. rows: what people have said so far, which may be nothing. Of rows that are worth the same
 * the lowest is taken. Errors: margin_fit's; ERR_RANGE (epsilon, heads). */
enum err choosing_batch(struct choosing_one *out, size_t batch, size_t *chosen,
                        const struct choosing_pool *pool, const struct margin_rows *rows,
                        const struct choosing_conf *conf) MUST_CHECK;

/* Nats that the verdict tells about a log-odds that is normal with this mean and variance. */
double choosing_information(double mean, double variance);

/* The weight of the place-th (from 1) of `places` choices out of `n` rows, chosen with `chance`:
 * the mean of weight x value over the places is then an unbiased estimate of the mean over all n
 * rows (Farquhar, Gal and Rainforth 2021, arXiv 2101.11665, R_LURE). */
double choosing_levelled(size_t place, size_t places, size_t n, double chance);

#endif

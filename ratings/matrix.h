/* matrix: each two annotators on the items that both judged.
 *
 * Cohen's kappa is unweighted; at levels with an order the linear and the quadratic one stand
 * beside it, by the place of a value among those that were given. Of pairs each item counts
 * half under each of its two ways round. */

#ifndef RATINGS_MATRIX_H
#define RATINGS_MATRIX_H

#include "ratings/agreement.h"

enum {
    MATRIX_SEEN_MAX = 16 << 20, /* pairs of judgements in all */
    MATRIX_WORK = 1000000000,   /* cells of all tables */
};

struct matrix_cell {
    uint32_t a, b; /* annotators, a < b */
    size_t items, prompts;
    struct agreement_figure percent, kappa;
    double linear, quadratic; /* NAN: not at this level */
};

struct matrix {
    struct matrix_cell *cell; /* [n], of those who share an item */
    size_t n;
    double mean;     /* of the kappas there are, weighed by items: Light's; NAN */
    const char *why; /* NULL, or why there is none */
};

/* Planned judgements, as agreement.h. Errors: those of stats/kappa.h. Free with matrix_fini. */
enum err matrix_run(struct matrix *out, const struct judgements *all,
                    const struct agreement_conf *conf) MUST_CHECK;
void matrix_fini(struct matrix *matrix);

/* {"mean", "pairs": [{"a", "b", "items", "percent", "kappa"}], "why"} */
json_t *matrix_json(const struct matrix *matrix, const struct judgements *all);
void matrix_say(FILE *to, const struct matrix *matrix, const struct judgements *all);

#endif

/* dawid_skene: what is true, and how reliable each annotator is, from judgements alone.
 *
 * Dawid and Skene 1979 (Applied Statistics 28:20): an item has one true value, an annotator
 * says each value with a chance that depends on the true one (his confusion), independently of
 * the others. Maximum likelihood by EM from the shares of votes. Where it says that those who
 * agree are right, it assumes it: few judgements an item, or most annotators wrong in the same
 * way, and it is sure of what is false. */

#ifndef STATS_DAWID_SKENE_H
#define STATS_DAWID_SKENE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DAWID_SKENE_VALUES_MAX = 64,
    DAWID_SKENE_CELLS_MAX = 64 << 20, /* of confusions and of posteriors: 512 MiB each */
    DAWID_SKENE_STEPS = 5000,
    DAWID_SKENE_WORK = 200000000, /* rows x values x steps: some seconds */
};
#define DAWID_SKENE_OVERLAP 3.0 /* annotators an item, on average: below, it is a vote */

struct dawid_skene_row {
    uint32_t item, annotator, value;
};

struct dawid_skene {
    size_t items, annotators, values;
    double *posterior;   /* [items, values]; of items without a row the prior */
    double *prior;       /* [values] */
    double *confusion;   /* [annotators, true value, said value]; 0 of values he never said */
    double *reliability; /* [annotators] chance to say what is true, of values by prior */
    double loglik;
    int steps;
    bool converged; /* else `steps` were not enough */
};

/* Errors: ERR_RANGE (no row; a number out of range; fewer than DAWID_SKENE_OVERLAP rows an item
 * on average, of items that have one; too many values or cells). Free with dawid_skene_fini. */
enum err dawid_skene_fit(struct dawid_skene *out, const struct dawid_skene_row *row, size_t n,
                         size_t items, size_t annotators, size_t values) MUST_CHECK;

/* mirror [values]: each value's other name; every row then counts under both, as that of a
 * second item would which is the same the other way round. */
enum err dawid_skene_fit_mirrored(struct dawid_skene *out, const struct dawid_skene_row *row,
                                  size_t n, size_t items, size_t annotators, size_t values,
                                  const uint32_t *mirror) MUST_CHECK;
void dawid_skene_fini(struct dawid_skene *fit);

#endif

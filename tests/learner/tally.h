/* tally: one figure a seed of everything that was run: means with intervals, and differences.
 */

#ifndef TESTS_LEARNER_TALLY_H
#define TESTS_LEARNER_TALLY_H

#include <stdbool.h>

enum { TALLY_SEEDS = 21, TALLY_ROWS = 40 };

struct tally {
    struct tally_row {
        const char *name; /* a constant */
        int n, good;
        double value[TALLY_SEEDS];
    } row[TALLY_ROWS];
    int rows;
};

/* The figure of one seed; seeds come in the same order for every name. `good`: as it should be.
 */
void tally_put(struct tally *tally, const char *name, double value, bool good);

/* A line a name: each seed's figure, their mean and its 95 % interval (Student's t; from two
 * seeds on). Returns how many names were good in fewer than four of five seeds. */
int tally_tell(const struct tally *tally);

/* A line: the mean of a - b, seed by seed, with its interval. Nothing where one is missing. */
void tally_between(const struct tally *tally, const char *a, const char *b);

#endif

/* filter: which records are kept, by their scores: those above a bound, the best of each
 * prompt. Pure. */

#ifndef EVAL_SIEVE_H
#define EVAL_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filter_fate {
    FILTER_REFUSED, /* has no score: nobody could read it */
    FILTER_KEPT,
    FILTER_BELOW,
    FILTER_NOT_BEST,
    FILTER_NO_VERDICT, /* its score is not a number */
    FILTER_FATES
};

struct filter_record {
    double score;
    uint64_t prompt; /* hash */
    uint8_t fate;    /* enum filter_fate */
    bool pair;
};

struct filter {
    struct filter_record *record; /* [n] */
    size_t n, room;
    size_t count[FILTER_FATES]; /* after filter_decide */
};

/* A record more, in the data's order; FILTER_REFUSED until it is put. Returns its number. */
size_t filter_add(struct filter *filter);
void filter_put(struct filter *filter, size_t at, uint64_t prompt, double score, bool pair);

/* above (NAN: unset): scores not above it go; 0 for pairs when unset. top (NAN or 0: unset): of
 * each prompt the best `top` stay, or below 1 that share of those scored, rounded up; of equals
 * the earlier. Both: what passes both. */
void filter_decide(struct filter *filter, double above, double top);

/* Of all scores: the least (0) to the greatest (1), by nearest rank; NAN without any. */
double filter_quantile(const struct filter *filter, double q);

void filter_free(struct filter *filter);

#endif

/* sieve: which records are kept, by their scores: those above a bound, the best of each prompt.
 * Pure. */

#ifndef EVAL_SIEVE_H
#define EVAL_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sieve_fate {
    SIEVE_REFUSED, /* has no score: nobody could read it */
    SIEVE_KEPT,
    SIEVE_BELOW,
    SIEVE_NOT_BEST,
    SIEVE_NO_VERDICT, /* its score is not a number */
    SIEVE_FATES
};

struct sieve_record {
    double score;
    uint64_t prompt; /* hash */
    uint8_t fate;    /* enum sieve_fate */
    bool pair;
};

struct sieve {
    struct sieve_record *record; /* [n] */
    size_t n, room;
    size_t count[SIEVE_FATES]; /* after sieve_decide */
};

/* A record more, in the data's order; SIEVE_REFUSED until it is put. Returns its number. */
size_t sieve_add(struct sieve *sieve);
void sieve_put(struct sieve *sieve, size_t at, uint64_t prompt, double score, bool pair);

/* above (NAN: unset): scores not above it go; 0 for pairs when unset. top (NAN or 0: unset): of
 * each prompt the best `top` stay, or below 1 that share of those scored, rounded up; of equals
 * the earlier. Both: what passes both. */
void sieve_decide(struct sieve *sieve, double above, double top);

/* Of all scores: the least (0) to the greatest (1), by nearest rank; NAN without any. */
double sieve_quantile(const struct sieve *sieve, double q);

void sieve_free(struct sieve *sieve);

#endif

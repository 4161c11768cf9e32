/* votes: which of two models gave the better answer, or in which order several came, in memory.
 *
 * A row is one vote of one person or judge on one prompt. It may come from a file (votes_read.h) or
 * from a store, whose reader calls votes_add. votes_end then numbers the models by name, so that no
 * figure depends on the order of the rows (but Elo's, which is about the order). */

#ifndef RATINGS_VOTES_H
#define RATINGS_VOTES_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VOTES_MAX = 16 << 20,    /* rows */
    VOTES_MODELS_MAX = 1000, /* BRADLEY_ITEMS_MAX: a dense matrix of them */
    VOTES_RANKED_MAX = 256,  /* models of one ranking */
    VOTES_NAME_MAX = 512,    /* bytes of a model's name */
    VOTES_X_MAX = 16,        /* BRADLEY_EFFECTS_MAX */
};
#define VOTES_NONE UINT32_MAX /* no prompt, no judge */

enum votes_winner { WINNER_A, WINNER_B, WINNER_TIE, WINNER_BOTH_BAD, WINNERS };

struct vote {
    uint32_t a, b;
    enum votes_winner winner;
    uint32_t prompt, judge; /* numbers by first sight; VOTES_NONE */
    double weight;
};

/* Places from `at` of `placed`, n of them; a place that is shared has its later ones marked. */
struct votes_ranking {
    size_t at;
    int n;
    uint32_t prompt, judge;
    double weight;
};

struct votes_placed {
    uint32_t model;
    bool with_last; /* shares the place of the one before */
};

struct votes {
    char **model;
    int models;
    struct vote *vote;
    double *x; /* [n, covariates]: a less b */
    size_t n;
    struct votes_ranking *ranking;
    struct votes_placed *placed;
    size_t rankings, places;
    char *covariate[VOTES_X_MAX];
    int covariates;
    size_t unheard; /* rows without a verdict: left out */
    size_t itself;  /* of a file's rows, a model against itself: left out */
    uint32_t prompts, judges;
    json_t *ignored;         /* {key: 1} of a file's rows that nobody asks for */
    struct votes_open *open; /* while rows come in */
};

/* One vote as it is said; strings are borrowed. */
struct votes_said {
    const char *a, *b;
    enum votes_winner winner;
    const json_t *prompt; /* any JSON; NULL: none */
    const char *judge;    /* NULL: nobody says */
    double weight;        /* 1e-9 to 1e9 */
    const double *x;      /* [covariates], within 1e6 of 0 */
};

struct votes *votes_new(void) __attribute__((returns_nonnull));
void votes_free(struct votes *votes); /* NULL is fine */

/* Errors: ERR_PARSE (no name, or one too long; a weight or an x out of its range), ERR_RANGE (too many rows or models). The row is then not in. */
enum err votes_add(struct votes *votes, const struct votes_said *said) MUST_CHECK;
/* ranking: a list of names, and of lists of names that share a place. Errors: as above; ERR_PARSE:
 * not such a list, a name twice, fewer than two. */
enum err votes_add_ranking(struct votes *votes, const json_t *ranking, const json_t *prompt,
                           const char *judge, double weight) MUST_CHECK;
/* Once, behind the last row. Errors: ERR_RANGE: no vote at all. */
enum err votes_end(struct votes *votes) MUST_CHECK;

#endif

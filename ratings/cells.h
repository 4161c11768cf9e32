/* cells: votes that say the same, counted.
 *
 * A cell is two models, x and a weight: its votes differ in the outcome alone. A million votes on a
 * hundred models are some fifteen thousand outcomes, so that fitting and drawing again cost as
 * little as those. Inside the fit a cell's models are numbers of places, best first: cells, and
 * groups of votes that belong together, are then in an order in which neither the order of the rows
 * nor the names of the models have any part, and the same draws follow. */

#ifndef RATINGS_CELLS_H
#define RATINGS_CELLS_H

#include "ratings/votes.h"
#include "stats/bradley.h"

enum { CELLS_OUTCOMES = 3 }; /* enum paired_outcome */

struct votes_cell {
    struct bradley_row row; /* the votes by weight, first < second as they are numbered */
    double weight;
    uint32_t count[CELLS_OUTCOMES];
};

/* One vote: which cell and outcome, as cell * CELLS_OUTCOMES + outcome. */
struct cells {
    struct votes_cell *cell;
    size_t n;
    uint32_t *kind; /* [votes] group by group */
    size_t votes;
    size_t *begins; /* [groups + 1] */
    size_t groups;  /* 0: every vote is its own, and kind and begins are not there */
};

enum cells_group { GROUP_ROW, GROUP_PROMPT, GROUP_JUDGE };

/* place [models]: the number that a model bears here. With `group`, kind and begins too: a vote
 * without a prompt (or judge) is a group of its own. Errors: ERR_NOMEM. */
enum err cells_build(struct cells *out, const struct votes *votes, const int *place,
                     enum cells_group group) MUST_CHECK;
void cells_fini(struct cells *cells);

/* The cells' rows from counts of kinds [n * CELLS_OUTCOMES]; row [n] out. */
void cells_rows(struct bradley_row *row, const struct cells *cells, const uint32_t *count);

#endif

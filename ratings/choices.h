/* choices: rankings, and votes as rankings of two, as the choices that plackett.h reads.
 *
 * As in cells.h models bear numbers of places and groups are sorted by what is in them, so that
 * neither rows nor names have an order that matters. */

#ifndef RATINGS_CHOICES_H
#define RATINGS_CHOICES_H

#include "ratings/cells.h"
#include "stats/plackett.h"

struct choices {
    struct plackett_choice *choice; /* group by group */
    size_t n;
    size_t *begins; /* [groups + 1] into choice */
    size_t groups;
    int *item; /* what the choices point into */
};

/* place [models]: the number that a model bears here. GROUP_ROW: every ranking is a group.
 * ERR_NOMEM. */
enum err choices_build(struct choices *out, const struct votes *votes, const int *place,
                       enum cells_group group) MUST_CHECK;
void choices_fini(struct choices *choices);

#endif

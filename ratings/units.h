/* units: the judgements that a figure is about, by item, in an order that no name decides.
 *
 * Agreement is about a random item and the planned judgements of it: never those that were
 * asked for because people disagreed, nor gold questions, repeats, adjudications, undone rows.
 * What a strategy chose is a set of its own. */

#ifndef RATINGS_UNITS_H
#define RATINGS_UNITS_H

#include "ratings/judgements.h"

/* Judgements of unit u: start[u] .. start[u + 1] - 1 of value and annotator. */
struct units {
    size_t *start;   /* [n + 1] */
    uint32_t *value; /* numbers of struct judgements */
    uint32_t *annotator;
    uint32_t *item;    /* [n] */
    bool *turned;      /* [n] of pairs: stands the other way round than its item */
    uint32_t *cluster; /* [n] below `clusters`: the prompt's, or the item's own */
    size_t n, clusters, values;
    size_t asked;   /* items that somebody was asked about */
    size_t open;    /* judgements that were asked for and did not come */
    size_t extra;   /* planned judgements behind the first `overlap` */
    size_t overlap; /* judgements that an item should have: given, or the most that one has */
    size_t unfinished; /* items with fewer */
    size_t judgements;
};

/* Of WHY_PLAN, or of WHY_ACTIVE by `strategy` (JUDGEMENTS_NONE: plan). overlap 0: all that
 * were planned. Units have at least `least` judgements; they are sorted by what they hold,
 * clusters by what their units hold, so that renaming or permuting gives the same; of pairs
 * each unit may be turned round for that. Free with units_fini. */
void units_take(struct units *out, const struct judgements *all, uint32_t strategy,
                size_t overlap, size_t least);
void units_fini(struct units *units);

/* The value by its other name: of pairs a and b change places. */
extern const uint32_t units_mirror[CHOICES];

#endif

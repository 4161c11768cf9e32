/* connected: do the votes connect the models, and in words what is missing.
 *
 * Ford's condition (stats/components.h) on votes: a win is an edge, a tie an edge both ways, and so
 * are places of a ranking. */

#ifndef RATINGS_CONNECTED_H
#define RATINGS_CONNECTED_H

#include "ratings/votes.h"

/* group [models] out: nobody has won against one of a smaller number. Returns how many. */
int connected_groups(int *group, const struct votes *votes);

/* Why there is no ranking, and what would make one. Freed with free(). */
char *connected_words(const int *group, int groups, const struct votes *votes);

#endif

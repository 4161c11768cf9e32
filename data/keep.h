/* keep: of the rows that a data set has read, those that a configuration wants. */

#ifndef DATA_KEEP_H
#define DATA_KEEP_H

#include "data/dataset_row.h"
#include "data/slice.h"

#include <stdint.h>

/* All of `n` rows, and how many stay. Of so many parts, which begin at start[i], the first
 * keep[i] each. */
void keep_shares(struct dataset_row *row, size_t *n, const size_t *start, const size_t *keep,
                 size_t parts);

/* Of the rows from `start` on a seeded choice of so large a share. */
void keep_weight(struct dataset_row *row, size_t *n, size_t start, double weight,
                 uint64_t seed);

/* Of the rows from `start` on those of the slice. */
void keep_slice(struct dataset_row *row, size_t *n, size_t start, const struct slice *slice);

#endif

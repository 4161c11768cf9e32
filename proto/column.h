/* column: what must be true of each element of a long column, looked at several at a time. */

#ifndef PROTO_COLUMN_H
#define PROTO_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

/* Is every element 0 .. last? `last` is at least 0. */
bool column_within(const int32_t *value, uint32_t n, int32_t last);
/* Is there such an element? */
bool column_has(const int32_t *value, uint32_t n, int32_t one);
/* Is none of them infinite, or no number? */
bool column_finite(const float *value, uint32_t n);

#endif

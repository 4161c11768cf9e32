/* order: in which order an epoch walks its records: fixed by (seed, epoch) alone. */

#ifndef DATA_ORDER_H
#define DATA_ORDER_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum order { ORDER_RANDOM, ORDER_SEQUENTIAL, ORDER_BY_LENGTH };

/* train_sampling_strategy: random, sequential, group_by_length. Errors: ERR_RANGE. */
enum err order_named(enum order *out, const char *name) MUST_CHECK;

/* order [n] out. ORDER_BY_LENGTH: random blocks of at most 50 batches, each sorted by falling
 * length, the longest record first of all (transformers' LengthGroupedSampler); `length` [n]
 * may be NULL otherwise. */
void order_epoch(uint32_t *order, size_t n, enum order kind, const uint32_t *length,
                 size_t batch, uint64_t seed, uint64_t epoch);

#endif

/* delta: Parquet's DELTA_BINARY_PACKED: whole numbers as differences, in blocks. */

#ifndef DATA_COLUMNS_DELTA_H
#define DATA_COLUMNS_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct delta {
    const uint8_t *at, *end;
    uint64_t left;         /* numbers not yet given */
    uint64_t value;        /* the next one */
    uint64_t block, minis; /* numbers of a block; its miniblocks */
    uint64_t least;        /* smallest difference of the block */
    const uint8_t *width;  /* [minis] bits of each miniblock's differences */
    uint64_t mini;         /* the miniblock that is being read */
    uint64_t in_mini;      /* numbers of it not yet taken */
    int bit;               /* bits of *at that are taken */
    bool bad;              /* zeros from then on */
};

void delta_begin(struct delta *d, const uint8_t *at, size_t n);
uint64_t delta_next(struct delta *d); /* modulo 2^64; bad when there is none left */

/* Where the encoding ends, all numbers passed over; NULL if it is damaged. The state itself is
 * not moved. */
const uint8_t *delta_end(const struct delta *d);

#endif

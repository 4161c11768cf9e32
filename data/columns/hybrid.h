/* hybrid: Parquet's runs and packed bits in turn, one number at a time; of levels, dictionary
 * places and truth values. */

#ifndef DATA_COLUMNS_HYBRID_H
#define DATA_COLUMNS_HYBRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hybrid {
    const uint8_t *at, *end;
    int width;       /* bits of a number, at most 32 */
    uint64_t run;    /* numbers left of a run of `value` */
    uint32_t value;  /* the run's */
    uint64_t packed; /* numbers left of those that are packed in bits */
    int bit;         /* bits of *at that are taken */
    bool bad;        /* ended, or not as it must be: zeros from then on */
};

void hybrid_begin(struct hybrid *h, const uint8_t *at, size_t n, int width);
uint32_t hybrid_next(struct hybrid *h);

#endif

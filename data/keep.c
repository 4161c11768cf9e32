/* Rows are taken out of a set's list and their order stays; their text stays where it is,
 * which is not worth a second pass over the file. */
#include "data/keep.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdlib.h>

void keep_shares(struct dataset_row *row, size_t *n, const size_t *start, const size_t *keep,
                 size_t parts)
{
    size_t to = 0;

    for (size_t i = 0; i < parts; i++) {
        /* The first ones, in the files' order: no draw decides which. */
        const size_t end = i + 1 < parts ? start[i + 1] : *n;
        for (size_t k = start[i]; k < end; k++)
            if (k - start[i] < keep[i])
                row[to++] = row[k];
    }
    *n = to;
}

void keep_weight(struct dataset_row *row, size_t *n, size_t start, double weight, uint64_t seed)
{
    const size_t part = *n - start, keep = (size_t)(weight * (double)part);
    uint32_t *order = mem_new(part + 1, sizeof(*order));
    bool *kept = mem_new(part + 1, sizeof(*kept));

    /* An epoch of its own, as a held-out choice has one. */
    rng_shuffle(order, part, seed, RNG_ORDER, UINT64_MAX - 1);
    for (size_t i = 0; i < keep; i++)
        kept[order[i]] = true;
    *n = start;
    for (size_t i = 0; i < part; i++) /* in the files' order */
        if (kept[i])
            row[(*n)++] = row[start + i];
    free(order);
    free(kept);
}

void keep_slice(struct dataset_row *row, size_t *n, size_t start, const struct slice *slice)
{
    size_t from, to;

    slice_of(slice, *n - start, &from, &to);
    for (size_t i = from; i < to; i++)
        row[start + i - from] = row[start + i];
    *n = start + to - from;
}

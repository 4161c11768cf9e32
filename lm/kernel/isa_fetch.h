/* isa_fetch: rows are multiplied in tiles, each of which reads a panel of weights whole; meanwhile the
 * first two ask for a half each of the panel that comes next, so that memory has as long as the products
 * take. Where there is one tile, of a few rows, memory is what limits: then the processor guesses lines
 * of a stream best alone. */

#ifndef LM_KERNEL_ISA_FETCH_H
#define LM_KERNEL_ISA_FETCH_H

#include <stddef.h>

/* At each row of a panel a tile asks for the line `at`, and goes on by `step`: 0 where nothing is wanted. */
struct isa_fetch {
    const char *at;
    size_t step;
};

enum { ISA_FETCH_FEW = 5, ISA_FETCH_LINE = 64 };

/* How many tiles of at most `most` rows m rows take. */
static inline int isa_fetch_parts(int m, int most)
{
    const int parts = (m + most - 1) / most;

    return parts == 1 && m > ISA_FETCH_FEW ? 2 : parts;
}

/* For one of `parts` tiles over panels of `bytes` bytes; `next` may be NULL, `here` is the panel itself. */
static inline struct isa_fetch isa_fetch(const void *next, const void *here, size_t bytes,
                                         int part, int parts)
{
    if (!next || parts == 1 || part > 1)
        return (struct isa_fetch){here, 0};
    return (struct isa_fetch){(const char *)next + (size_t)part * (bytes / 2), ISA_FETCH_LINE};
}

#endif

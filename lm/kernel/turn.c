/* Four by four in registers, whose width every CPU of a kind has; what is left over word by word. Bits
 * are moved, never read as numbers. product.c turns operands with it, pairs.c blocks of pairs. */

#include "lm/kernel/turn.h"

#include <stdint.h>

enum { AHEAD = 16, LINE = 16 };

typedef uint32_t four __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint32_t word __attribute__((may_alias));

static inline void turn_four(word *dst, size_t to, const word *src, size_t from)
{
    const four a = *(const four *)src, b = *(const four *)(src + from);
    const four c = *(const four *)(src + 2 * from), d = *(const four *)(src + 3 * from);
    const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const four ba = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const four dc = __builtin_shufflevector(c, d, 2, 6, 3, 7);

    *(four *)dst = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four *)(dst + to) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(four *)(dst + 2 * to) = __builtin_shufflevector(ba, dc, 0, 1, 4, 5);
    *(four *)(dst + 3 * to) = __builtin_shufflevector(ba, dc, 2, 3, 6, 7);
}

/* Rows that will be read soon: they lie apart, and the CPU does not guess so short pieces of them. */
static inline void ahead(const word *src, size_t from, int i, int rows, int columns)
{
    for (int r = i + AHEAD; r < i + AHEAD + 4 && r < rows; r++)
        for (int j = 0; j < columns; j += LINE)
            __builtin_prefetch(src + (size_t)r * from + j);
}

void turn_words(void *dst, size_t to, const void *src, size_t from, int rows, int columns)
{
    word *const out = dst;
    const word *const in = src;
    int i = 0;

    for (; i + 4 <= rows; i += 4) {
        int j = 0;

        ahead(in, from, i, rows, columns);
        for (; j + 4 <= columns; j += 4)
            turn_four(out + (size_t)j * to + i, to, in + (size_t)i * from + j, from);
        for (; j < columns; j++)
            for (int r = i; r < i + 4; r++)
                out[(size_t)j * to + (size_t)r] = in[(size_t)r * from + (size_t)j];
    }
    for (; i < rows; i++)
        for (int j = 0; j < columns; j++)
            out[(size_t)j * to + (size_t)i] = in[(size_t)i * from + (size_t)j];
}

#include "lm/kernel/attention.h"

#include "lm/kernel/isa.h"

#include <string.h>

/* Enough rows to fill two of the largest register tiles. */
int attention_rows(int group)
{
    return group >= 24 ? 1 : 24 / group;
}

static size_t blocks(int length)
{
    return ((size_t)length + ATTENTION_BLOCK - 1) / ATTENTION_BLOCK;
}

size_t attention_keys(int head_dim, int length)
{
    return blocks(length) * ATTENTION_BLOCK * (size_t)head_dim;
}

size_t attention_scratch(int rows, int group, int head_dim, int length)
{
    return (size_t)rows * (size_t)group *
           (blocks(length) * ATTENTION_BLOCK + 2 * (size_t)head_dim);
}

void attention_put_key(float *keys, const float *key, int t, int head_dim)
{
    float *to = keys + (size_t)(t / ATTENTION_BLOCK) * ATTENTION_BLOCK * (size_t)head_dim +
                t % ATTENTION_BLOCK;

    for (int d = 0; d < head_dim; d++)
        to[d * ATTENTION_BLOCK] = key[d];
}

/* The value chain, p [m][lds] times values from token t0 on, n of them, onto out [m][dim]. */
static void values(const struct isa *isa, const struct attention *a, float *out, const float *p,
                   size_t lds, int m, int t0, int n)
{
    const size_t dim = (size_t)a->head_dim;

    for (int d = 0; d < a->head_dim; d += 32)
        isa->panel(out + d, dim, p + t0, lds, a->values + (size_t)t0 * a->ldv + d, a->ldv, m,
                   a->head_dim - d < 32 ? 16 : 32, n, t0 > 0);
}

void attention_run(const struct attention *a)
{
    const struct isa *isa = isa_current();
    const int m = a->rows * a->group, longest = a->pos + a->rows;
    const size_t dim = (size_t)a->head_dim, many = blocks(longest);
    const size_t lds = many * ATTENTION_BLOCK, wide = (size_t)a->group * dim;
    float *q = a->scratch, *out = q + (size_t)m * dim, *p = out + (size_t)m * dim;

    for (int i = 0; i < a->rows; i++)
        memcpy(q + (size_t)i * wide, a->q + (size_t)i * a->ldq, wide * sizeof *q);
    for (size_t b = 0; b < many; b++)
        isa->panel(p + b * ATTENTION_BLOCK, lds, q, dim, a->keys + b * ATTENTION_BLOCK * dim,
                   ATTENTION_BLOCK, m, ATTENTION_BLOCK, a->head_dim, false);
    for (int r = 0; r < m; r++) {
        float max;
        const float sum = isa->softmax(p + (size_t)r * lds, a->pos + r / a->group + 1, &max);

        q[r] = 1.0f / sum; /* the queries are used up */
        if (a->max)
            a->max[r] = max;
        if (a->sum)
            a->sum[r] = sum;
    }
    values(isa, a, out, p, lds, m, 0, a->pos + 1);
    for (int i = 1; i < a->rows; i++) /* the keys that only later rows see */
        values(isa, a, out + (size_t)i * wide, p + (size_t)i * (size_t)a->group * lds, lds,
               a->group, a->pos + 1, i);
    for (int r = 0; r < m; r++)
        isa->scale(out + (size_t)r * dim, q[r], a->head_dim);
    for (int i = 0; i < a->rows; i++)
        memcpy(a->out + (size_t)i * a->ldo, out + (size_t)i * wide, wide * sizeof *out);
}

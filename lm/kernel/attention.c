/* One job: some query rows of one sequence, all heads of one kv head. Three steps: scores as panels
 * of 32 keys (the same register tiles as every other product), softmax of each row over the keys
 * that it sees, and the value chain; then each row is multiplied by 1 / sum. Rows are taken
 * together only to fill the tiles: a row's scores, lanes and chain are those it has alone.
 * 
 * What makes that true: keys lie in whole blocks from position 0 on, and the scores of a job begin
 * at a block's edge, so a key's lane is its position mod 16; keys before a row's window, or in the
 * first block before it, get p = 0, which leaves a chain that starts at +0 as it is; and keys that
 * only later rows see are added by these rows alone. key_store.c spreads jobs over threads. */

#include "lm/kernel/attention.h"

#include "lm/kernel/isa.h"

#include <math.h>
#include <stdbool.h>
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

int attention_first(int pos, int window)
{
    return window && pos >= window ? pos - window + 1 : 0;
}

enum { FEW_ROWS = 24, FEW_KEYS = 64 };

/* A pass over the queries of one job. Its keys begin at a block's edge, so that a key's lane in
 * a sum is its position's, whichever rows are taken together. */
struct attending {
    const struct attention *a;
    const struct isa *isa;
    int start; /* the first key of the scores: of row 0, down to a block */
    float *p;  /* [rows*group][lds] scores, then what exp makes of them */
    float *out;
    size_t lds;
};

/* Columns from d on, fewer than a vector: values go through a small block of their own, so that
 * nothing is written beside them. The chain is cut there, which changes no bit. */
static void few_columns(const struct attending *w, float *out, const float *p, int m,
                        const float *value, int n, int columns, bool add)
{
    const struct attention *a = w->a;
    float few[FEW_KEYS * 16] = {0.0f}, sum[FEW_ROWS * 16];

    for (int r = 0; r < m; r += FEW_ROWS) {
        const int rows = m - r < FEW_ROWS ? m - r : FEW_ROWS;
        float *to = out + (size_t)r * (size_t)a->head_dim;

        memset(sum, 0, sizeof sum);
        for (int i = 0; add && i < rows; i++)
            memcpy(sum + i * 16, to + i * a->head_dim, (size_t)columns * sizeof *sum);
        for (int t = 0; t < n; t += FEW_KEYS) {
            const int keys = n - t < FEW_KEYS ? n - t : FEW_KEYS;

            for (int k = 0; k < keys; k++)
                memcpy(few + k * 16, value + (size_t)(t + k) * a->ldv,
                       (size_t)columns * sizeof *few);
            w->isa->panel(sum, 16, p + (size_t)r * w->lds + t, w->lds, few, 16, rows, 16, keys,
                          add || t > 0);
        }
        for (int i = 0; i < rows; i++)
            memcpy(to + i * a->head_dim, sum + i * 16, (size_t)columns * sizeof *sum);
    }
}

/* The value chain of `m` (row, head)s from r on, over n keys from `t0` on. Keys before a row's
 * window have p = 0 and leave its chain at +0. */
static void values(const struct attending *w, int r, int m, int t0, int n)
{
    const struct attention *a = w->a;
    const size_t dim = (size_t)a->head_dim;
    float *out = w->out + (size_t)r * dim;
    const float *p = w->p + (size_t)r * w->lds + (t0 - w->start);

    for (int d = 0; d < a->head_dim; d += 32) {
        const float *value = a->values + (size_t)t0 * a->ldv + d;
        const int left = a->head_dim - d < 32 ? a->head_dim - d : 32;

        if (left >= 16)
            w->isa->panel(out + d, dim, p, w->lds, value, a->ldv, m, left < 32 ? 16 : 32, n,
                          t0 > w->start);
        if (left % 16)
            few_columns(w, out + d + left / 16 * 16, p, m, value + left / 16 * 16, n, left % 16,
                        t0 > w->start);
    }
}

/* Scores to exp(s - max), for each (row, head) over the keys that it sees; 1 / sum into rate.
 */
static void weigh(const struct attending *w, float *rate)
{
    const struct attention *a = w->a;

    for (int r = 0; r < a->rows * a->group; r++) {
        const int pos = a->pos + r / a->group, first = attention_first(pos, a->window);
        float *p = w->p + (size_t)r * w->lds, max;

        if (a->cap > 0.0f)
            w->isa->cap(p, a->cap, pos + 1 - w->start);
        for (int t = w->start; t < first; t++)
            p[t - w->start] = -INFINITY;
        rate[r] = 1.0f / w->isa->softmax(p, pos + 1 - w->start, &max);
    }
}

void attention_run(const struct attention *a)
{
    const struct isa *isa = isa_current();
    const int m = a->rows * a->group, longest = a->pos + a->rows;
    const int block = attention_first(a->pos, a->window) / ATTENTION_BLOCK;
    const size_t dim = (size_t)a->head_dim, wide = (size_t)a->group * dim;
    const size_t many = blocks(longest) - (size_t)block;
    float *q = a->scratch, *out = q + (size_t)m * dim, *p = out + (size_t)m * dim;
    const struct attending w = {a, isa, block * ATTENTION_BLOCK,
                                p, out, many * ATTENTION_BLOCK};

    for (int i = 0; i < a->rows; i++)
        memcpy(q + (size_t)i * wide, a->q + (size_t)i * a->ldq, wide * sizeof *q);
    for (size_t b = 0; b < many; b++)
        isa->panel(p + b * ATTENTION_BLOCK, w.lds, q, dim,
                   a->keys + ((size_t)block + b) * ATTENTION_BLOCK * dim, ATTENTION_BLOCK, m,
                   ATTENTION_BLOCK, a->head_dim, false);
    weigh(&w, q); /* the queries are used up */
    values(&w, 0, m, w.start, a->pos + 1 - w.start);
    for (int i = 1; i < a->rows; i++) /* the keys that only later rows see */
        values(&w, i * a->group, a->group, a->pos + 1, i);
    for (int r = 0; r < m; r++)
        isa->scale(out + (size_t)r * dim, q[r], a->head_dim);
    for (int i = 0; i < a->rows; i++)
        memcpy(a->out + (size_t)i * a->ldo, out + (size_t)i * wide, wide * sizeof *out);
}

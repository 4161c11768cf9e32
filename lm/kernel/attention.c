/* One job: some query rows, all heads of one kv head. Three steps: scores as panels of 32 keys (the same
 * register tiles as every other product), softmax of each row over the keys that it sees, and the
 * value chain; then each row is multiplied by 1 / sum. Rows are taken together only to fill the
 * tiles, those of one sequence or of several that begin with the same blocks: a row's scores, lanes and
 * chain are those it has alone.
 *
 * What makes that true: keys lie in whole blocks from position 0 on, and the scores of a job begin
 * at a block's edge, so a key's lane is its position mod 16; keys before a row's window, or in the
 * first block before it, get p = 0, which leaves a chain that starts at +0 as it is; keys that only
 * one strand has follow in its chains alone, and keys that only later rows of a strand see are added by
 * these alone, from copies of their own values, where a chain may begin anywhere. key_store.c spreads jobs
 * over threads. */

#include "lm/kernel/attention.h"

#include "lm/kernel/isa.h"

#include <math.h>
#include <string.h>

enum { TOKENS = KV_BLOCK_TOKENS };

/* Enough rows to fill two of the largest register tiles. */
int attention_rows(int group)
{
    return group >= 24 ? 1 : 24 / group;
}

size_t attention_scratch(int rows, int group, int head_dim, int length)
{
    const struct kv_block_form form = {.head_dim = head_dim};

    return (size_t)rows * (size_t)group *
               (kv_block_count(length) * TOKENS + (size_t)head_dim + kv_block_columns(&form)) +
           (size_t)rows * kv_block_columns(&form);
}

int attention_first(int pos, int window)
{
    return window && pos >= window ? pos - window + 1 : 0;
}

/* A pass over the queries of one job. Its keys begin at a block's edge, so that a key's lane in
 * a sum is its position's, whichever rows are taken together. */
struct attending {
    const struct attention *a;
    const struct isa *isa;
    int rows;       /* of all strands */
    int start;      /* the first key of the scores: of row 0, down to a block */
    size_t columns; /* floats of a row of out */
    size_t lds;     /* floats of a row of p */
    float *q, *out,
        *p;       /* [rows*group]: queries, sums of values, scores and what exp makes of them */
    float *value; /* [rows,columns] the rows' own */
};

static const void *block_of(const struct attending *w, const struct attention_strand *s, int b)
{
    return s->block[b] + w->a->at;
}

/* Scores of `rows` rows from `row` on against the blocks from..to-1 of a strand. */
static void scores(const struct attending *w, const struct attention_strand *s, int row,
                   int rows, int from, int to)
{
    const size_t r = (size_t)row * (size_t)w->a->group;
    float *p = w->p + r * w->lds - w->start;

    for (int b = from; b < to; b++)
        kv_block_scores(&w->a->form, block_of(w, s, b), p + b * TOKENS, w->lds,
                        w->q + r * (size_t)w->a->form.head_dim, rows * w->a->group);
}

/* Their value chains, over the keys from..to-1 of a strand; from is a block's edge. */
static void values(const struct attending *w, const struct attention_strand *s, int row,
                   int rows, int from, int to)
{
    const size_t r = (size_t)row * (size_t)w->a->group;

    for (int t = from; t < to; t += TOKENS)
        kv_block_values(&w->a->form, block_of(w, s, t / TOKENS), w->out + r * w->columns,
                        w->p + r * w->lds + (t - w->start), w->lds, rows * w->a->group,
                        to - t < TOKENS ? to - t : TOKENS, t > w->start);
}

/* What row i of a strand sees of the rows behind the first, itself included. */
static void own(const struct attending *w, const struct attention_strand *s, int row, int i)
{
    const size_t r = (size_t)(row + i) * (size_t)w->a->group;
    const float *value = w->value + (size_t)(row + 1) * w->columns;

    for (size_t d = 0; d < w->columns; d += 32)
        w->isa->panel(w->out + r * w->columns + d, w->columns,
                      w->p + r * w->lds + (s->pos + 1 - w->start), w->lds, value + d,
                      w->columns, w->a->group, w->columns - d < 32 ? 16 : 32, i, true);
}

/* Scores to exp(s - max), for each (row, head) of a strand over the keys that it sees; 1 / sum into
 * rate. */
static void weigh(const struct attending *w, const struct attention_strand *s, int row,
                  float *rate)
{
    const struct attention *a = w->a;

    for (int i = 0; i < s->rows * a->group; i++) {
        const int r = row * a->group + i, pos = s->pos + i / a->group;
        float *p = w->p + (size_t)r * w->lds, max;

        if (a->cap > 0.0f)
            w->isa->cap(p, a->cap, pos + 1 - w->start);
        for (int t = w->start; t < attention_first(pos, a->window); t++)
            p[t - w->start] = -INFINITY;
        rate[r] = 1.0f / w->isa->softmax(p, pos + 1 - w->start, &max);
    }
}

/* All strands, whose keys begin at the same block. What all see of the same blocks goes by together. */
static void attend(const struct attending *w)
{
    const struct attention *a = w->a;
    const struct attention_strand *const first = a->strand, *const end = first + a->strands;
    const bool alone = a->strands == 1;
    const int keys = alone ? first->pos + 1 : a->common;
    const int blocks = (int)kv_block_count(alone ? first->pos + first->rows : keys);
    int row = 0;

    scores(w, first, 0, w->rows, w->start / TOKENS, blocks);
    for (const struct attention_strand *s = first; s < end; row += s++->rows)
        scores(w, s, row, s->rows, blocks, (int)kv_block_count(s->pos + s->rows));
    row = 0;
    for (const struct attention_strand *s = first; s < end; row += s++->rows)
        weigh(w, s, row, w->q); /* the queries are used up */
    values(w, first, 0, w->rows, w->start, keys);
    row = 0;
    for (const struct attention_strand *s = first; s < end; row += s++->rows) {
        values(w, s, row, s->rows, alone ? s->pos + 1 : keys, s->pos + 1);
        for (int i = 1; i < s->rows; i++)
            own(w, s, row, i);
    }
}

/* Queries and values of the job's rows come dense, and results go back. */
static void run(const struct attention *a)
{
    const size_t dim = (size_t)a->form.head_dim, wide = (size_t)a->group * dim;
    struct attending w = {.a = a, .isa = isa_current(), .columns = kv_block_columns(&a->form)};
    int longest = 0;
    size_t m;

    for (int s = 0; s < a->strands; s++) {
        const int length = a->strand[s].pos + a->strand[s].rows;

        w.rows += a->strand[s].rows;
        longest = length > longest ? length : longest;
    }
    m = (size_t)w.rows * (size_t)a->group;
    w.start = attention_first(a->strand->pos, a->window) / TOKENS * TOKENS;
    w.lds = kv_block_count(longest) * TOKENS - (size_t)w.start;
    w.q = a->scratch;
    w.out = w.q + m * dim;
    w.value = w.out + m * w.columns;
    w.p = w.value + (size_t)w.rows * w.columns;
    for (size_t i = 0; i < (size_t)w.rows; i++) {
        memcpy(w.q + i * wide, a->q + i * a->ldq, wide * sizeof *w.q);
        memcpy(w.value + i * w.columns, a->values + i * a->ldv, dim * sizeof *w.value);
    }
    attend(&w);
    for (size_t r = 0; r < m; r++) {
        float *const to = a->out + r / (size_t)a->group * a->ldo + r % (size_t)a->group * dim;

        w.isa->scale(w.out + r * w.columns, w.q[r], a->form.head_dim);
        memcpy(to, w.out + r * w.columns, dim * sizeof *to);
    }
}

void attention_run(const struct attention *a)
{
    struct attention one = *a;

    if (!a->window || a->strands == 1) {
        run(a);
        return;
    }
    one.strands = 1; /* where strands stand apart, so do the first keys that they see */
    for (int s = 0; s < a->strands; s++, one.strand++) {
        const size_t rows = (size_t)one.strand->rows;

        run(&one);
        one.q += rows * a->ldq;
        one.values += rows * a->ldv;
        one.out += rows * a->ldo;
    }
}

/* Tiles of queries of one (sequence, kv head), in order; within a tile seven products, of which those
 * that make dk and dv add to rows that other tiles add to. So a sequence's tiles are one task, and a
 * sequence and those that go on behind its prefix are one task together: they add to the same keys.
 * Tasks are spread over threads, and every product inside is serial. Scratch holds the tile's
 * probabilities and their slopes; where a prefix stands apart, its keys are gathered first and their
 * slopes taken apart again at the end. */

#include "lm/kernel/grad_attention.h"

#include "lm/kernel/attention.h"
#include "lm/kernel/grad.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/product.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { TILE = 96, LANES = 16 };

/* Queries of a tile: with all heads of their group about TILE rows. */
static int tile_rows(const struct rows_heads *heads)
{
    const int group = heads->heads / heads->kv_heads;

    return group < TILE ? TILE / group : 1;
}

static size_t up(size_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

size_t grad_attention_scratch(const struct rows_heads *heads, int length, bool prefixes,
                              bool capped)
{
    const size_t group = (size_t)(heads->heads / heads->kv_heads);
    const size_t rows = (size_t)tile_rows(heads) * group, dim = (size_t)heads->head_dim;

    return rows * ((capped ? 3 : 2) * up((size_t)length) + 3 * dim) +
           (prefixes ? 4 * (size_t)length * dim : 0) + product_room(heads->head_dim, (int)rows);
}

/* One (sequence, kv head), and the tile of queries in it. Key 0 is the sequence's first, prefix
 * included; a tile looks at `keys` of them, from `low` on. */
struct tile {
    const struct grad_attention *job;
    int start, kv;        /* first row of the sequence, kv head */
    int prefix;           /* keys before the sequence's own */
    int from, queries;    /* queries from .. from + queries of the sequence */
    int group, dim;       /* query heads of the kv head; head_dim */
    int low, keys;        /* low + keys = prefix + from + queries */
    const float *k, *v;   /* of key 0, a key each `ldk` floats... */
    float *dk, *dv;       /* ...and their slopes */
    size_t ldk;           /* floats between keys */
    size_t width, owidth; /* floats of a row of qkv, of out */
    float *p, *dp, *s;    /* rows are (query, head): [queries*group][ldp]; s: capped scores */
    float *q, *o, *dq;    /* [queries*group][dim] */
    size_t ldp;
    struct product_scratch scratch;
};

/* Of row r of the tile: how many of its keys it sees, from the `first` on. */
static int sees(const struct tile *t, int r, int *first)
{
    const int pos = t->prefix + t->from + r / t->group;

    *first = attention_first(pos, t->job->window) - t->low;
    return pos + 1 - t->low;
}

static void turn(const struct tile *t, float *c, size_t ldc, const float *a, size_t lda,
                 const float *b, size_t ldb, int m, int n, int k, int kind)
{
    const struct product product = {
        .c = c,
        .ldc = ldc,
        .a = a,
        .lda = lda,
        .b = b,
        .ldb = ldb,
        .m = m,
        .n = n,
        .k = k,
        .a_turned = kind == 2,
        .b_turned = kind == 1,
        .into = kind == 2 ? PRODUCT_ON : PRODUCT_SET,
        .scratch = t->scratch,
    };
    product_run(&product);
}

static void gather(const struct tile *t)
{
    const size_t wide = (size_t)t->group * (size_t)t->dim;

    for (int i = 0; i < t->queries; i++) {
        const size_t row = (size_t)(t->start + t->from + i);
        const size_t head = (size_t)t->kv * wide;

        memcpy(t->q + (size_t)i * wide, t->job->qkv + row * t->width + head,
               wide * sizeof(float));
        memcpy(t->o + (size_t)i * wide, t->job->dout + row * t->owidth + head,
               wide * sizeof(float));
    }
}

/* Scores to probabilities; what a query must not see becomes 0. */
static void probabilities(const struct tile *t, const struct isa *isa)
{
    for (int r = 0; r < t->queries * t->group; r++) {
        float *row = t->p + (size_t)r * t->ldp, max, sum;
        int first;
        const int n = sees(t, r, &first);

        if (t->s) {
            isa->cap(row, t->job->cap, n);
            memcpy(t->s + (size_t)r * t->ldp, row, (size_t)n * sizeof *row);
        }
        for (int k = 0; k < first; k++)
            row[k] = -INFINITY;
        sum = isa->softmax(row, n, &max);
        isa->scale(row, 1.0f / sum, n);
        memset(row + n, 0, (t->ldp - (size_t)n) * sizeof *row);
    }
}

/* dp becomes ds. */
static void slopes(const struct tile *t, const struct isa *isa)
{
    for (int r = 0; r < t->queries * t->group; r++) {
        const size_t at = (size_t)(t->start + t->from + r / t->group) * t->owidth +
                          (size_t)(t->kv * t->group + r % t->group) * (size_t)t->dim;
        const float mean = isa->dot(t->job->dout + at, t->job->out + at, t->dim);
        const float *p = t->p + (size_t)r * t->ldp;
        float *ds = t->dp + (size_t)r * t->ldp;
        int first;
        const int n = sees(t, r, &first);

#pragma omp simd
        for (int k = 0; k < n; k++)
            ds[k] = p[k] * (ds[k] - mean);
        if (t->s)
            grad_cap(ds, t->s + (size_t)r * t->ldp, t->job->cap, n);
        memset(ds + n, 0, (size_t)(t->keys - n) * sizeof *ds);
    }
}

static void tile(const struct tile *t, const struct isa *isa)
{
    const size_t dim = (size_t)t->dim, wide = (size_t)t->group * dim;
    const size_t low = (size_t)t->low * t->ldk;
    const int rows = t->queries * t->group;

    gather(t);
    turn(t, t->p, t->ldp, t->q, dim, t->k + low, t->ldk, rows, t->keys, t->dim, 1);
    probabilities(t, isa);
    turn(t, t->dv + low, t->ldk, t->p, t->ldp, t->o, dim, t->keys, t->dim, rows, 2);
    turn(t, t->dp, t->ldp, t->o, dim, t->v + low, t->ldk, rows, t->keys, t->dim, 1);
    slopes(t, isa);
    turn(t, t->dk + low, t->ldk, t->dp, t->ldp, t->q, dim, t->keys, t->dim, rows, 2);
    turn(t, t->dq, dim, t->dp, t->ldp, t->k + low, t->ldk, rows, t->dim, t->keys, 0);
    for (int i = 0; i < t->queries; i++)
        memcpy(t->job->dqkv + (size_t)(t->start + t->from + i) * t->width +
                   (size_t)t->kv * wide,
               t->dq + (size_t)i * wide, wide * sizeof(float));
}

static void tiles(struct tile *t, int length, float *scratch)
{
    const struct isa *isa = isa_current();
    const int most = tile_rows(&t->job->heads);
    const size_t rows = (size_t)most * (size_t)t->group, dim = (size_t)t->dim;

    for (t->from = 0; t->from < length; t->from += most) {
        t->queries = length - t->from < most ? length - t->from : most;
        t->low = attention_first(t->prefix + t->from, t->job->window);
        t->keys = t->prefix + t->from + t->queries - t->low;
        t->ldp = up((size_t)t->keys);
        t->p = scratch;
        t->dp = t->p + rows * t->ldp;
        t->q = t->dp + rows * t->ldp;
        t->o = t->q + rows * dim;
        t->dq = t->o + rows * dim;
        t->s = t->job->cap > 0.0f ? t->dq + rows * dim : NULL;
        t->scratch.at = (t->s ? t->s + rows * t->ldp : t->dq + rows * dim);
        t->scratch.floats = product_room(t->dim, (int)rows);
        tile(t, isa);
    }
}

/* A sequence that goes on from another: keys and values put together, slopes taken apart
 * again. `trunk` is the first row of the other. */
static void grafted(struct tile *t, int trunk, int length, float *scratch)
{
    const struct rows_heads *heads = &t->job->heads;
    const size_t dim = (size_t)t->dim, all = (size_t)(t->prefix + length) * dim;
    const size_t k_at = (size_t)(heads->heads + t->kv) * dim;
    const size_t v_at = k_at + (size_t)heads->kv_heads * dim;
    float *k = scratch, *v = k + all, *dk = v + all, *dv = dk + all;

    memset(dk, 0, 2 * all * sizeof *dk);
    for (int j = 0; j < t->prefix + length; j++) {
        const int row = j < t->prefix ? trunk + j : t->start + j - t->prefix;
        const float *from = t->job->qkv + (size_t)row * t->width;

        memcpy(k + (size_t)j * dim, from + k_at, dim * sizeof *k);
        memcpy(v + (size_t)j * dim, from + v_at, dim * sizeof *v);
    }
    t->k = k;
    t->v = v;
    t->dk = dk;
    t->dv = dv;
    t->ldk = dim;
    tiles(t, length, scratch + 4 * all);
    for (int j = 0; j < t->prefix + length; j++) {
        const int row = j < t->prefix ? trunk + j : t->start + j - t->prefix;
        float *to = t->job->dqkv + (size_t)row * t->width;

        for (size_t d = 0; d < dim; d++) {
            to[k_at + d] += dk[(size_t)j * dim + d];
            to[v_at + d] += dv[(size_t)j * dim + d];
        }
    }
}

static int prefix_of(const struct grad_attention *job, int s)
{
    return job->n_prefix ? job->n_prefix[s] : 0;
}

static void sequence(const struct grad_attention *job, int s, int trunk, int kv, float *scratch)
{
    const struct rows_heads *heads = &job->heads;
    const int length = job->seq[s + 1] - job->seq[s];
    struct tile t = {
        .job = job,
        .start = job->seq[s],
        .kv = kv,
        .prefix = prefix_of(job, s),
        .group = heads->heads / heads->kv_heads,
        .dim = heads->head_dim,
        .width = (size_t)(heads->heads + 2 * heads->kv_heads) * (size_t)heads->head_dim,
        .owidth = (size_t)heads->heads * (size_t)heads->head_dim,
    };
    const size_t k_at = (size_t)t.start * t.width + (size_t)(heads->heads + kv) * (size_t)t.dim;
    const size_t v_at = k_at + (size_t)heads->kv_heads * (size_t)t.dim;

    if (t.prefix) {
        grafted(&t, job->seq[trunk], length, scratch);
        return;
    }
    t.k = job->qkv + k_at;
    t.v = job->qkv + v_at;
    t.dk = job->dqkv + k_at;
    t.dv = job->dqkv + v_at;
    t.ldk = t.width;
    tiles(&t, length, scratch);
}

/* A sequence and those that go on from it, one after another: they add to the same rows. */
static void family(const struct grad_attention *job, int trunk, int kv, float *scratch)
{
    int s = trunk;

    do
        sequence(job, s, trunk, kv, scratch);
    while (++s < job->n_seq && prefix_of(job, s));
}

void grad_attention(const struct grad_attention *job)
{
    const int kv = job->heads.kv_heads, tasks = job->n_seq * kv;
    const size_t width = (size_t)(job->heads.heads + 2 * kv) * (size_t)job->heads.head_dim;
    const size_t rows = (size_t)job->seq[job->n_seq];
    size_t each = 0;

    for (int s = 0; s < job->n_seq; s++) {
        const int length = prefix_of(job, s) + job->seq[s + 1] - job->seq[s];
        const size_t need =
            grad_attention_scratch(&job->heads, length, job->n_prefix, job->cap > 0.0f);
        each = need > each ? need : each;
    }
    memset(job->dqkv, 0, rows * width * sizeof(float));
#pragma omp parallel for schedule(dynamic) num_threads(job->threads)
    for (int i = 0; i < tasks; i++)
        if (!prefix_of(job, i / kv))
            family(job, i / kv, i % kv, job->scratch + (size_t)omp_get_thread_num() * each);
}

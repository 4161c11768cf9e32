/* A piece of B, as many of its columns and as much of its depth as the scratch holds, is copied into
 * panels of 32 columns, once, by all threads; then C's rows go by in blocks, one task each, which
 * copy their slice of A (turned where A is) and stream the panels through isa->panel, as gemm.c
 * does. So each operand is copied about once, and what a task reads again and again lies dense. A
 * chain that has to begin at +0 and end in an addition runs in a square of the task's own, over
 * the whole depth: such a piece is as deep as the product. Elsewhere chains go on from piece to
 * piece through C. A chain may be cut anywhere, so no size here changes a bit. Called by
 * backward.c, lora_branch.c and, inside a parallel region, by grad_attention.c. */

#include "lm/kernel/product.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"
#include "lm/kernel/turn.h"

#include <assert.h>
#include <omp.h>
#include <string.h>

/* Rows of a block, columns and depth of a piece, by measurement (bench_gemm): a block's copies
 * and its square fit a second-level cache of 1 MB beside the panel that streams by. STRIDE, of
 * both, keeps rows off the same cache sets. FEW_ROWS are not worth a copy of A, nor is a single panel. */
enum {
    ROWS = 48,
    COLUMNS = 1024,
    DEPTH = 1024,
    STRIDE = 1024 + 16,
    PANEL = 32,
    FEW_ROWS = 12,
    OPERAND = STRIDE * sizeof(float), /* bytes between operand rows, with bf16 */
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* How many of `each` hold all. */
static int parts(int all, int each)
{
    return (all + each - 1) / each;
}

/* The depth of a block of pairs is 32, whatever is in it. */
static int filled(int k)
{
    return parts(k, PAIRS_DEPTH) * PAIRS_DEPTH;
}

size_t product_room(int n, int k)
{
    const int columns = least(parts(n, PANEL) * PANEL, COLUMNS);

    return (size_t)(k > DEPTH ? filled(k) : DEPTH) * (size_t)columns;
}

/* B's columns j.. and its depth from k on: what the scratch holds, panel after panel. */
struct piece {
    const struct product *p;
    const struct isa *isa;
    int j, n, k, depth;
};

/* Columns at.. of the piece; B lies turned. */
static void pack_panel(const struct piece *b, int at)
{
    const struct product *p = b->p;
    const int wide = least(PANEL, b->n - at);
    float *to = p->scratch.at + (size_t)at * (size_t)b->depth;

    if (wide < PANEL)
        memset(to, 0, (size_t)b->depth * PANEL * sizeof *to);
    turn_words(to, PANEL, p->b + (size_t)(b->j + at) * p->ldb + (size_t)b->k, p->ldb, wide,
               b->depth);
}

/* Row d of the piece; B lies as it is, and its rows are read as memory likes it. */
static void pack_row(const struct piece *b, int d)
{
    const struct product *p = b->p;
    const int whole = b->n / PANEL * PANEL, rest = b->n - whole;
    const float *from = p->b + (size_t)(b->k + d) * p->ldb + (size_t)b->j;
    float *to = p->scratch.at + (size_t)d * PANEL;

    for (int at = 0; at < whole; at += PANEL, to += (size_t)b->depth * PANEL)
        memcpy(to, from + at, PANEL * sizeof *to);
    if (rest) {
        memcpy(to, from + whole, (size_t)rest * sizeof *to);
        memset(to + rest, 0, (size_t)(PANEL - rest) * sizeof *to);
    }
}

/* With bf16: 32 rows of the piece from row d on, rounded, or turned out of the image, whose panels are
 * its matrix's rows and whose depth our columns. */
static void pack_block(const struct piece *b, int d)
{
    const struct product *p = b->p;
    const int row = b->k + d;
    const size_t each = (size_t)filled(b->depth) * PANEL;
    uint16_t *to = (uint16_t *)p->scratch.at + (size_t)d * PANEL;

    if (!p->pairs) {
        pairs_round(to, each, p->b + (size_t)row * p->ldb + (size_t)b->j, p->ldb,
                    least(PAIRS_DEPTH, b->depth - d), b->n);
        return;
    }
    for (int at = 0; at < b->n; at += PANEL, to += each)
        pairs_turn(to,
                   p->pairs + pairs_size(p->from + row, p->n) + (size_t)(b->j + at) * PANEL);
}

/* Moving a float costs about as much as a few multiply-adds. */
static void pack(const struct piece *b)
{
    const bool worth = share_worth(8 * (size_t)b->n * (size_t)b->depth);

    if (b->p->bf16) {
#pragma omp parallel for schedule(static) if (worth)
        for (int d = 0; d < b->depth; d += PAIRS_DEPTH)
            pack_block(b, d);
    } else if (b->p->b_turned) {
#pragma omp parallel for schedule(static) if (worth)
        for (int at = 0; at < b->n; at += PANEL)
            pack_panel(b, at);
    } else {
#pragma omp parallel for schedule(static) if (worth)
        for (int d = 0; d < b->depth; d++)
            pack_row(b, d);
    }
}

/* A task: rows i.. of C, columns from..to-1 of the piece. A thread goes from one to the next with what it
 * copied of A. */
struct block {
    const struct piece *b;
    int i, m, from, to;
    int rounded; /* the first of the rows in `operand`; -1: of none */
    float left[ROWS * STRIDE] __attribute__((aligned(64)));
    char operand[ROWS * OPERAND] __attribute__((aligned(64))); /* with bf16 */
    float sum[ROWS * STRIDE] __attribute__((aligned(64)));
};

/* Of the piece's depth; `on`: chains go on from what is there. */
struct product_slice {
    int k, depth;
    bool on;
};

/* A's slice that begins at k: where it is, and its stride; with bf16 it is in `operand`. */
static const float *left_slice(struct block *t, int k, int depth, size_t *stride)
{
    const struct product *p = t->b->p;
    const float *a = p->a_turned ? p->a + (size_t)k * p->lda + (size_t)t->i
                                 : p->a + (size_t)t->i * p->lda + (size_t)k;

    *stride = STRIDE;
    if (p->bf16) {
        if (t->rounded == t->i)
            return NULL;
        t->rounded = t->b->depth <= DEPTH ? t->i : -1; /* else other depths follow */
        if (p->a_turned)
            t->b->isa->bf16_columns(t->operand, OPERAND, a, p->lda, depth, t->m);
        for (int r = 0; !p->a_turned && r < t->m; r++)
            t->b->isa->bf16_row(t->operand + (size_t)r * OPERAND, a + (size_t)r * p->lda,
                                depth);
        return NULL;
    }
    if (p->a_turned) {
        turn_words(t->left, STRIDE, a, p->lda, depth, t->m);
        return t->left;
    }
    if (t->m <= FEW_ROWS || t->to - t->from <= PANEL) {
        *stride = p->lda;
        return a;
    }
    for (int r = 0; r < t->m; r++)
        memcpy(t->left + r * STRIDE, a + (size_t)r * p->lda, (size_t)depth * sizeof *a);
    return t->left;
}

/* Row r of C at the piece's column `at`. */
static float *place(const struct block *t, int r, int at)
{
    const struct product *p = t->b->p;

    return p->c + (size_t)(t->i + r) * p->ldc + (size_t)(t->b->j + at);
}

/* Panels from `at` on cannot be written where they belong: all of them, where chains of several slices, or
 * of floats, are added at the end, or the last, where it is narrower than a panel. */
static int apart_from(const struct block *t)
{
    const struct product *p = t->b->p;
    const bool added = p->into == PRODUCT_ADD && !(p->bf16 && p->k <= DEPTH);

    return added ? t->from : t->from + (t->to - t->from) / PANEL * PANEL;
}

/* Those panels, before the chains (`ends` false) and after them. */
static void apart(struct block *t, bool ends)
{
    const bool add = t->b->p->into == PRODUCT_ADD;
    const int at = apart_from(t), wide = t->to - at;

    for (int r = 0; r < t->m && wide; r++) {
        float *sum = t->sum + r * STRIDE + (at - t->from), *c = place(t, r, at);

        if (ends && add)
            t->b->isa->add(c, sum, wide);
        else if (ends)
            memcpy(c, sum, (size_t)wide * sizeof *c);
        else if (!add) {
            memset(sum, 0, PANEL * sizeof *sum);
            memcpy(sum, c, (size_t)wide * sizeof *c);
        }
    }
}

/* The block's rows of one slice against all its panels; `on`: chains go on from C, or from the square. */
/* With bf16 a tile keeps its sums beside it and adds them to C at its end, having asked for C at its
 * beginning: so no square is written and read again, and memory works while products are made. */
static void slice(struct block *t, const struct product_slice *s, int own)
{
    const struct piece *b = t->b;
    const struct product *p = b->p;
    const uint16_t *pairs = (const void *)p->scratch.at;
    const size_t deep = (size_t)(p->bf16 ? filled(b->depth) : b->depth);
    size_t stride;
    const float *left = left_slice(t, b->k + s->k, s->depth, &stride);

    for (int at = t->from; at < t->to; at += PANEL) {
        const bool here = at < own;
        const enum isa_into into = s->on                            ? ISA_ON
                                   : here && p->into == PRODUCT_ADD ? ISA_ADD
                                                                    : ISA_SET;
        float *c = here ? place(t, 0, at) : t->sum + (at - t->from);
        const size_t ldc = here ? p->ldc : STRIDE,
                     first = (size_t)at * deep + (size_t)s->k * PANEL;
        const int wide = t->to - at > PANEL / 2 ? PANEL : PANEL / 2;

        if (p->bf16)
            b->isa->bf16(c, ldc, t->operand, OPERAND, pairs + first, t->m, wide, s->depth, into,
                         at + PANEL < t->to ? pairs + first + deep * PANEL : NULL);
        else
            b->isa->panel(c, ldc, left, stride, p->scratch.at + first, PANEL, t->m, wide,
                          s->depth, s->on);
    }
}

static void compute(struct block *t)
{
    const struct piece *b = t->b;
    const enum product_into into = b->p->into;
    const int own = apart_from(t);

    if (own < t->to)
        apart(t, false);
    for (int k = 0; k < b->depth; k += DEPTH) {
        const struct product_slice s = {
            k, least(DEPTH, b->depth - k),
            k > 0 || (into != PRODUCT_ADD && (b->k > 0 || into == PRODUCT_ON))};

        slice(t, &s, own);
    }
    if (own < t->to)
        apart(t, true);
}

/* One thread's tasks; those of the same rows come one after the other. */
static void work(const struct piece *b, int down, int across)
{
    const int columns = parts(b->n, PANEL);
    struct block t;

    t.b = b;
    t.rounded = -1;
#pragma omp for schedule(dynamic) collapse(2) nowait
    for (int i = 0; i < down; i++)
        for (int j = 0; j < across; j++) {
            const int end = (int)((long)b->p->m * (i + 1) / down);

            t.i = (int)((long)b->p->m * i / down);
            t.m = end - t.i;
            t.from = columns * j / across * PANEL;
            t.to = least(b->n, columns * (j + 1) / across * PANEL);
            compute(&t);
        }
}

/* About four tasks a thread, so that one that is late holds nobody up for long. */
static void multiply(const struct piece *b)
{
    const int down = parts(b->p->m, ROWS);
    const bool worth =
        share_worth((size_t)b->p->m * (size_t)b->n * (size_t)b->depth) && !omp_in_parallel();
    const int wanted = worth ? 4 * omp_get_max_threads() / down : 1;
    const int across = wanted < 1 ? 1 : least(wanted, parts(b->n, PANEL));

#pragma omp parallel if (worth)
    work(b, down, across);
}

void product_run(const struct product *p)
{
    struct piece b = {.p = p, .isa = isa_current()};
    const int deep = p->into == PRODUCT_ADD ? p->k : least(DEPTH, p->k);
    int wide;

    if (p->m <= 0 || p->n <= 0)
        return;
    for (int i = 0; p->k <= 0 && p->into == PRODUCT_SET && i < p->m; i++)
        memset(p->c + (size_t)i * p->ldc, 0, (size_t)p->n * sizeof *p->c);
    if (p->k <= 0)
        return;
    assert(!(p->bf16 && p->b_turned) && (p->bf16 || !p->pairs) && DEPTH % PAIRS_DEPTH == 0);
    assert(p->scratch.floats >= (size_t)filled(deep) * PANEL);
    wide = (int)(p->scratch.floats / ((size_t)filled(deep) * PANEL));
    wide = least(COLUMNS / PANEL, wide);
    wide = parts(parts(p->n, PANEL), parts(parts(p->n, PANEL), wide)) * PANEL; /* evenly */
    for (b.j = 0; b.j < p->n; b.j += b.n) {
        b.n = least(wide, p->n - b.j);
        for (b.k = 0; b.k < p->k; b.k += b.depth) {
            b.depth = least(deep, p->k - b.k);
            pack(&b);
            multiply(&b);
        }
    }
}

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
#include "lm/kernel/share.h"

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
};

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
typedef int places __attribute__((vector_size(16)));

/* Four rows of four become columns. */
static inline void turn_four(float *dst, size_t to, const float *src, size_t from)
{
    const four a = *(const four *)src, b = *(const four *)(src + from);
    const four c = *(const four *)(src + 2 * from), d = *(const four *)(src + 3 * from);
    const four ab = __builtin_shuffle(a, b, (places){0, 4, 1, 5});
    const four cd = __builtin_shuffle(c, d, (places){0, 4, 1, 5});
    const four ba = __builtin_shuffle(a, b, (places){2, 6, 3, 7});
    const four dc = __builtin_shuffle(c, d, (places){2, 6, 3, 7});

    *(four *)dst = __builtin_shuffle(ab, cd, (places){0, 1, 4, 5});
    *(four *)(dst + to) = __builtin_shuffle(ab, cd, (places){2, 3, 6, 7});
    *(four *)(dst + 2 * to) = __builtin_shuffle(ba, dc, (places){0, 1, 4, 5});
    *(four *)(dst + 3 * to) = __builtin_shuffle(ba, dc, (places){2, 3, 6, 7});
}

/* dst [columns][rows] = src [rows][columns] turned. */
static void turn(float *dst, size_t to, const float *src, size_t from, int rows, int columns)
{
    int i = 0;

    for (; i + 4 <= rows; i += 4) {
        int j = 0;

        for (; j + 4 <= columns; j += 4)
            turn_four(dst + (size_t)j * to + i, to, src + (size_t)i * from + j, from);
        for (; j < columns; j++)
            for (int r = i; r < i + 4; r++)
                dst[(size_t)j * to + (size_t)r] = src[(size_t)r * from + (size_t)j];
    }
    for (; i < rows; i++)
        for (int j = 0; j < columns; j++)
            dst[(size_t)j * to + (size_t)i] = src[(size_t)i * from + (size_t)j];
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* How many of `each` hold all. */
static int parts(int all, int each)
{
    return (all + each - 1) / each;
}

size_t product_room(int n, int k)
{
    const int columns = least(parts(n, PANEL) * PANEL, COLUMNS);

    return (size_t)(k > DEPTH ? k : DEPTH) * (size_t)columns;
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
    turn(to, PANEL, p->b + (size_t)(b->j + at) * p->ldb + (size_t)b->k, p->ldb, wide, b->depth);
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

/* Moving a float costs about as much as a few multiply-adds. */
static void pack(const struct piece *b)
{
    const bool worth = share_worth(8 * (size_t)b->n * (size_t)b->depth);

    if (b->p->b_turned) {
#pragma omp parallel for schedule(static) if (worth)
        for (int at = 0; at < b->n; at += PANEL)
            pack_panel(b, at);
    } else {
#pragma omp parallel for schedule(static) if (worth)
        for (int d = 0; d < b->depth; d++)
            pack_row(b, d);
    }
}

/* A task: rows i.. of C, columns from..to-1 of the piece. */
struct block {
    const struct piece *b;
    int i, m, from, to;
    float left[ROWS * STRIDE] __attribute__((aligned(64)));
    float sum[ROWS * STRIDE] __attribute__((aligned(64)));
};

/* A's slice that begins at k: where it is, and its stride. */
static const float *left_slice(struct block *t, int k, int depth, size_t *stride)
{
    const struct product *p = t->b->p;
    const float *a = p->a_turned ? p->a + (size_t)k * p->lda + (size_t)t->i
                                 : p->a + (size_t)t->i * p->lda + (size_t)k;

    *stride = STRIDE;
    if (p->a_turned) {
        turn(t->left, STRIDE, a, p->lda, depth, t->m);
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

/* Panels from `at` on cannot be written where they belong: all of them, where chains are added at
 * the end, or the last, where it is narrower than a panel. */
static int apart_from(const struct block *t)
{
    const int n = t->to - t->from;

    return t->b->p->into == PRODUCT_ADD ? t->from : t->from + n / PANEL * PANEL;
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

static void compute(struct block *t)
{
    const struct piece *b = t->b;
    const enum product_into into = b->p->into;
    const int own = apart_from(t);

    if (own < t->to)
        apart(t, false);
    for (int k = 0, depth; k < b->depth; k += depth) {
        const bool on = k > 0 || (into != PRODUCT_ADD && (b->k > 0 || into == PRODUCT_ON));
        const float *left, *panel = b->p->scratch.at + (size_t)k * PANEL;
        size_t stride;

        depth = least(DEPTH, b->depth - k);
        left = left_slice(t, b->k + k, depth, &stride);
        for (int at = t->from; at < t->to; at += PANEL) {
            float *c = at < own ? place(t, 0, at) : t->sum + (at - t->from);

            b->isa->panel(c, at < own ? b->p->ldc : STRIDE, left, stride,
                          panel + (size_t)at * (size_t)b->depth, PANEL, t->m,
                          t->to - at > PANEL / 2 ? PANEL : PANEL / 2, depth, on);
        }
    }
    if (own < t->to)
        apart(t, true);
}

/* About four tasks a thread, so that one that is late holds nobody up for long. */
static void multiply(const struct piece *b)
{
    const int m = b->p->m, down = parts(m, ROWS), columns = parts(b->n, PANEL);
    const size_t work = (size_t)m * (size_t)b->n * (size_t)b->depth;
    const bool worth = share_worth(work) && !omp_in_parallel();
    const int wanted = worth ? 4 * omp_get_max_threads() / down : 1;
    const int across = wanted < 1 ? 1 : least(wanted, columns);

#pragma omp parallel for schedule(dynamic) collapse(2) if (worth)
    for (int i = 0; i < down; i++)
        for (int j = 0; j < across; j++) {
            struct block t;
            const int end = (int)((long)m * (i + 1) / down);

            t.b = b;
            t.i = (int)((long)m * i / down);
            t.m = end - t.i;
            t.from = columns * j / across * PANEL;
            t.to = least(b->n, columns * (j + 1) / across * PANEL);
            compute(&t);
        }
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
    assert(p->scratch.floats >= (size_t)deep * PANEL);
    wide = least(COLUMNS / PANEL, (int)(p->scratch.floats / ((size_t)deep * PANEL)));
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

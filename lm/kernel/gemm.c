/* y = x W^T on weights that were packed once. A product is cut into blocks of rows times groups of
 * panels, one task each; a block copies its slice of A so that the copy stays in cache while all its
 * panels stream by, and cuts k only where a copy would not fit: a chain goes on from what C holds,
 * so the cut changes no bit. Decoding (a few rows) skips the copy, as weights are what it waits for.
 * Every forward product of lm/model comes here (block_forward.c, model.c), and lora.c's B A. */

#include "lm/kernel/gemm.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"

#include <omp.h>
#include <string.h>

/* Blocks of A and slices of k that stay in the second-level cache (measured by bench_gemm: long
 * slices keep the stream of a panel whole). With few rows a copy is worth nothing, unless they
 * lie so that they fall on the same cache sets. */
enum {
    BLOCK_ROWS = 96,
    BLOCK_K = 640,
    FEW_ROWS = 24,
    BAD_ROWS = 4,
    BAD_STRIDE = 1024,
    STRIDE = BLOCK_K + 16,
};

size_t gemm_packed_size(int n, int k)
{
    return (size_t)((n + GEMM_PANEL - 1) / GEMM_PANEL) * (size_t)k * GEMM_PANEL;
}

static size_t place(int column, int k)
{
    return (size_t)(column / GEMM_PANEL) * (size_t)k * GEMM_PANEL +
           (size_t)(column % GEMM_PANEL);
}

void gemm_pack(float *panels, int at, const float *w, size_t ldw, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j++) {
        const float *from = w + (size_t)j * ldw;
        float *to = panels + place(at + j, k);

        for (int i = 0; i < k; i++)
            to[(size_t)i * GEMM_PANEL] = from[i];
    }
}

void gemm_unpack_row(float *w, const float *panels, int at, int k)
{
    const float *from = panels + place(at, k);

    for (int i = 0; i < k; i++)
        w[i] = from[(size_t)i * GEMM_PANEL];
}

void gemm_unpack(float *w, size_t ldw, const float *panels, int at, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j++)
        gemm_unpack_row(w + (size_t)j * ldw, panels, at + j, k);
}

void gemm_pack_plain(float *panels, const float *b, size_t ldb, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j += GEMM_PANEL) {
        float *to = panels + place(j, k);
        const int columns = n - j < GEMM_PANEL ? n - j : GEMM_PANEL;

        for (int i = 0; i < k; i++, to += GEMM_PANEL) {
            memcpy(to, b + (size_t)i * ldb + j, (size_t)columns * sizeof *to);
            memset(to + columns, 0, (size_t)(GEMM_PANEL - columns) * sizeof *to);
        }
    }
}

_Static_assert((int)PAIRS_PANEL == (int)GEMM_PANEL,
               "one panel's columns, however it is stored");

struct gemm_job {
    float *c;
    size_t ldc;
    const float *a;
    size_t lda;
    const float *panels;   /* NULL: pairs are there */
    const uint16_t *pairs; /* of bfloat16 */
    bool rounds;           /* A too, which then is always copied: R10 */
    int m, n, k;
    bool add;
};

/* One panel's product from depth k0 on, with the kernel for what the panels hold. */
static void panel_at(const struct isa *isa, const struct gemm_job *job, int p, int k0, float *c,
                     size_t ldc, const float *a, size_t lda, int m, int n, int k, bool add)
{
    const size_t deep = (size_t)(job->k + PAIRS_DEPTH - 1) / PAIRS_DEPTH * PAIRS_DEPTH;
    const uint16_t *pairs =
        job->pairs ? job->pairs + ((size_t)p * deep + (size_t)k0) * GEMM_PANEL : NULL;

    if (job->rounds)
        isa->bf16(c, ldc, a, lda * sizeof *a, pairs, m, n, k, add);
    else if (job->pairs)
        isa->pairs(c, ldc, a, lda, pairs, m, n, k, add);
    else
        isa->panel(c, ldc, a, lda,
                   job->panels + ((size_t)p * (size_t)job->k + (size_t)k0) * GEMM_PANEL,
                   GEMM_PANEL, m, n, k, add);
}

/* Fewer columns than a vector pair: the tile goes through a small square, so that nothing
 * beyond column n of C is touched. */
static void narrow_panel(const struct isa *isa, const struct gemm_job *job, int p, int k0,
                         float *c, const float *a, size_t lda, int m, int k, bool add)
{
    const int columns = job->n - p * GEMM_PANEL;
    const size_t ldc = job->ldc;
    float square[FEW_ROWS][GEMM_PANEL] = {{0}};

    for (int i = 0; i < m; i += FEW_ROWS) {
        const int rows = m - i < FEW_ROWS ? m - i : FEW_ROWS;

        for (int r = 0; add && r < rows; r++)
            memcpy(square[r], c + (size_t)(i + r) * ldc, (size_t)columns * sizeof *c);
        panel_at(isa, job, p, k0, square[0], GEMM_PANEL, a + (size_t)i * lda, lda, rows,
                 columns > 16 ? 32 : 16, k, add);
        for (int r = 0; r < rows; r++)
            memcpy(c + (size_t)(i + r) * ldc, square[r], (size_t)columns * sizeof *c);
    }
}

/* Rows m0.. of C in the panels from..to-1, over the slice of k that starts at k0. `a` is the
 * slice of A. */
static void slice(const struct isa *isa, const struct gemm_job *job, const float *a, size_t lda,
                  int m0, int m, int k0, int k, int from, int to)
{
    const bool add = job->add || k0 > 0;

    for (int p = from; p < to; p++) {
        float *c = job->c + (size_t)m0 * job->ldc + (size_t)p * GEMM_PANEL;

        /* Only the last panel of a matrix is narrower, as the vocabulary's often is. */
        if (job->n - p * GEMM_PANEL >= GEMM_PANEL)
            panel_at(isa, job, p, k0, c, job->ldc, a, lda, m, GEMM_PANEL, k, add);
        else
            narrow_panel(isa, job, p, k0, c, a, lda, m, k, add);
    }
}

static void block(const struct isa *isa, const struct gemm_job *job, int m0, int m, int from,
                  int to)
{
    float copy[BLOCK_ROWS * STRIDE];
    const int slices = (job->k + BLOCK_K - 1) / BLOCK_K;

    if (job->k == 0 || (!job->rounds && m <= (job->lda % BAD_STRIDE ? FEW_ROWS : BAD_ROWS))) {
        slice(isa, job, job->a + (size_t)m0 * job->lda, job->lda, m0, m, 0, job->k, from, to);
        return;
    }
    for (int s = 0, k0 = 0; s < slices; s++) {
        int k = job->k / slices + (s < job->k % slices);

        if (job->pairs) /* a slice of pairs begins where a block does: BLOCK_K is a multiple */
            k = job->k - k0 < BLOCK_K ? job->k - k0 : BLOCK_K;

        for (int i = 0; i < m; i++) {
            const float *row = job->a + (size_t)(m0 + i) * job->lda + k0;

            if (job->rounds)
                isa->bf16_row(copy + i * STRIDE, row, k);
            else
                memcpy(copy + i * STRIDE, row, (size_t)k * sizeof *copy);
        }
        slice(isa, job, copy, STRIDE, m0, m, k0, k, from, to);
        k0 += k;
    }
}

static void run(const struct gemm_job *job)
{
    const struct isa *isa = isa_current();
    const int m = job->m, columns = (job->n + GEMM_PANEL - 1) / GEMM_PANEL;
    const int blocks = (m + BLOCK_ROWS - 1) / BLOCK_ROWS;
    const size_t work = (size_t)m * (size_t)job->n * (size_t)job->k;
    /* About four tasks a thread, so that one that is late holds nobody up for long. */
    int groups = blocks ? 4 * omp_get_max_threads() / blocks : 0;

    if (!share_worth(work))
        groups = 1;
    groups = groups < 1 ? 1 : groups > columns ? columns : groups;
#pragma omp parallel for schedule(dynamic) collapse(2) if (share_worth(work))
    for (int b = 0; b < blocks; b++)
        for (int g = 0; g < groups; g++) {
            const int m0 = (int)((long)m * b / blocks);
            const int m1 = (int)((long)m * (b + 1) / blocks);

            block(isa, job, m0, m1 - m0, (int)((long)columns * g / groups),
                  (int)((long)columns * (g + 1) / groups));
        }
}

void gemm_packed(float *c, size_t ldc, const float *a, size_t lda, const float *panels, int m,
                 int n, int k, bool add)
{
    run(&(struct gemm_job){.c = c,
                           .ldc = ldc,
                           .a = a,
                           .lda = lda,
                           .panels = panels,
                           .m = m,
                           .n = n,
                           .k = k,
                           .add = add});
}

void gemm_pairs(float *c, size_t ldc, const float *a, size_t lda, const uint16_t *pairs, int m,
                int n, int k, bool add)
{
    run(&(struct gemm_job){.c = c,
                           .ldc = ldc,
                           .a = a,
                           .lda = lda,
                           .pairs = pairs,
                           .m = m,
                           .n = n,
                           .k = k,
                           .add = add});
}

void gemm_bf16(float *c, size_t ldc, const float *a, size_t lda, const uint16_t *pairs, int m,
               int n, int k, bool add)
{
    run(&(struct gemm_job){.c = c,
                           .ldc = ldc,
                           .a = a,
                           .lda = lda,
                           .pairs = pairs,
                           .rounds = true,
                           .m = m,
                           .n = n,
                           .k = k,
                           .add = add});
}

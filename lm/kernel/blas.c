/* The products of backward, either way. OpenBLAS is the fast one; its bits hold for one kind of CPU.
 * The portable one cuts C into tiles, copies what is turned or narrow, and runs isa->panel, so each
 * element is one chain over k on any CPU. Called by backward.c, lora_branch.c and, inside a parallel
 * region and therefore serial, by grad_attention.c. blas_check must have said yes before. */

#include "lm/kernel/blas.h"

#include "lm/kernel/isa.h"

#include <cblas.h>
#include <string.h>

enum { ROWS = 96, COLUMNS = 128, DEPTH = 256, PANEL = 32 };

enum err blas_check(void)
{
    if (openblas_get_parallel() == OPENBLAS_OPENMP)
        return OK;
    return err_set(ERR_STATE,
                   "OpenBLAS was loaded in a flavour without OpenMP (%s): install "
                   "libopenblas0-openmp, or set reproducible: portable",
                   openblas_get_config());
}

const char *blas_core(void)
{
    return openblas_get_corename();
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* dst [rows][columns] (stride `to`) = src read as it stands, or turned. */
static void copy_block(float *dst, int to, const float *src, size_t ld, bool turned, int rows,
                       int columns)
{
    if (turned) {
        for (int j = 0; j < columns; j++)
            for (int i = 0; i < rows; i++)
                dst[i * to + j] = src[(size_t)j * ld + (size_t)i];
        return;
    }
    for (int i = 0; i < rows; i++)
        memcpy(dst + i * to, src + (size_t)i * ld, (size_t)columns * sizeof *dst);
}

/* Columns [j, j + wide) of a tile, `wide` below a panel's 32: by way of zero-filled copies. */
static void edge(const struct isa *isa, float *c, size_t ldc, const float *a, size_t lda,
                 const float *b, int m, int wide, int depth, bool add)
{
    float out[ROWS * PANEL];

    for (int i = 0; add && i < m; i++)
        memcpy(out + i * PANEL, c + (size_t)i * ldc, (size_t)wide * sizeof *c);
    for (int i = 0; add && i < m; i++)
        for (int j = wide; j < PANEL; j++)
            out[i * PANEL + j] = 0.0f;
    isa->panel(out, PANEL, a, lda, b, PANEL, m, PANEL, depth, add);
    for (int i = 0; i < m; i++)
        memcpy(c + (size_t)i * ldc, out + i * PANEL, (size_t)wide * sizeof *c);
}

/* One tile of C: rows i.., columns j..; the chain over k is cut into DEPTH pieces. */
static void tile(const struct isa *isa, const struct blas_product *p, int i, int j)
{
    /* Copies stay on the stack: a tile is one thread's, and together they fit the second-level
     * cache with what panel reads. */
    float left[ROWS * DEPTH], right[DEPTH * PANEL];
    const int m = least(ROWS, p->m - i), n = least(COLUMNS, p->n - j);

    for (int k = 0; k < p->k; k += DEPTH) {
        const int depth = least(DEPTH, p->k - k);
        const float *a = p->a + (size_t)i * p->lda + (size_t)k;
        size_t lda = p->lda;

        if (p->a_turned) {
            a = p->a + (size_t)k * p->lda + (size_t)i;
            copy_block(left, DEPTH, a, p->lda, true, m, depth);
            a = left;
            lda = DEPTH;
        }
        for (int at = 0; at < n; at += PANEL) {
            const int wide = least(PANEL, n - at);
            const float *b = p->b_turned ? p->b + (size_t)(j + at) * p->ldb + (size_t)k
                                         : p->b + (size_t)k * p->ldb + (size_t)(j + at);
            float *c = p->c + (size_t)i * p->ldc + (size_t)(j + at);
            const bool add = p->add || k > 0;

            if (wide < PANEL)
                memset(right, 0, sizeof right);
            copy_block(right, PANEL, b, p->ldb, p->b_turned, depth, wide);
            if (wide == PANEL)
                isa->panel(c, p->ldc, a, lda, right, PANEL, m, PANEL, depth, add);
            else
                edge(isa, c, p->ldc, a, lda, right, m, wide, depth, add);
        }
    }
}

static void product_portable(const struct blas_product *p)
{
    const struct isa *isa = isa_current();
    const int down = (p->m + ROWS - 1) / ROWS, across = (p->n + COLUMNS - 1) / COLUMNS;

#pragma omp parallel for schedule(dynamic) collapse(2)
    for (int i = 0; i < down; i++)
        for (int j = 0; j < across; j++)
            tile(isa, p, i * ROWS, j * COLUMNS);
}

void blas_product(const struct blas_product *p)
{
    if (p->m <= 0 || p->n <= 0)
        return;
    if (p->k <= 0) { /* an empty sum is 0; OpenBLAS would leave C as it is */
        for (int i = 0; i < p->m && !p->add; i++)
            memset(p->c + (size_t)i * p->ldc, 0, (size_t)p->n * sizeof *p->c);
        return;
    }
    if (p->portable) {
        product_portable(p);
        return;
    }
    cblas_sgemm(CblasRowMajor, p->a_turned ? CblasTrans : CblasNoTrans,
                p->b_turned ? CblasTrans : CblasNoTrans, p->m, p->n, p->k, 1.0f, p->a,
                (blasint)p->lda, p->b, (blasint)p->ldb, p->add ? 1.0f : 0.0f, p->c,
                (blasint)p->ldc);
}

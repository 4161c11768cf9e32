/* Each kind has 100 MB of the same matrix: products take them in turn, so that each comes from memory. */

#include "bench/gemm_point.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/int8.h"
#include "lm/kernel/pairs.h"

#include <stdlib.h>
#include <string.h>

enum { APART = 100 << 20 };

/* One product with one of the copies. */
static void multiply(const struct gemm_point *p, enum peak_kind kind, size_t copy)
{
    const size_t n = (size_t)p->n, k = (size_t)p->k;
    const void *b = p->b[kind] + copy * p->bytes[kind];

    if (kind == PEAK_FLOAT)
        gemm_packed(p->c, n, p->a, k, b, p->m, p->n, p->k, false);
    else if (kind == PEAK_BF16)
        gemm_bf16(p->c, n, p->a, k, b, p->m, p->n, p->k, false);
    else
        gemm_int8(p->c, n, p->a, k, b, p->m, p->n, p->k);
}

/* Everything at once: what is timed allocates nothing. */
static enum err room(struct gemm_point *p)
{
    const size_t n = (size_t)p->n, k = (size_t)p->k, m = (size_t)p->m;
    const size_t bytes[] = {gemm_packed_size(p->n, p->k) * sizeof(float),
                            pairs_size(p->n, p->k) * 2, int8_size(p->n, p->k)};

    if (mem_big(&p->a, m * k, sizeof(float), "a") ||
        mem_big(&p->w, n * k, sizeof(float), "w") || mem_big(&p->c, m * n, sizeof(float), "c"))
        return ERR_NOMEM;
    for (int kind = 0; kind < PEAK_KINDS; kind++) {
        p->bytes[kind] = bytes[kind];
        p->copies[kind] = APART / bytes[kind] + 1;
        if (mem_big(&p->b[kind], p->copies[kind], bytes[kind], "b"))
            return ERR_NOMEM;
    }
    return OK;
}

enum err gemm_point_open(struct gemm_point *p, int m, int n, int k)
{
    enum err err;

    *p = (struct gemm_point){.m = m, .n = n, .k = k};
    err = room(p);
    if (err)
        return err;
    for (size_t i = 0; i < (size_t)m * (size_t)k; i++)
        p->a[i] = (float)(i % 1013) * 1e-3f;
    for (size_t i = 0; i < (size_t)n * (size_t)k; i++)
        p->w[i] = (float)(int)(i % 251) * 0x1p-7f - 1.0f;
    gemm_pack((void *)p->b[PEAK_FLOAT], 0, p->w, (size_t)k, n, k);
    pairs_pack((void *)p->b[PEAK_BF16], 0, p->w, (size_t)k, n, k);
    int8_pack((void *)p->b[PEAK_INT8], 0, p->w, (size_t)k, n, k);
    for (int kind = 0; kind < PEAK_KINDS; kind++)
        for (size_t i = 1; i < p->copies[kind]; i++)
            memcpy(p->b[kind] + i * p->bytes[kind], p->b[kind], p->bytes[kind]);
    return OK;
}

void gemm_point_close(struct gemm_point *p)
{
    for (int kind = 0; kind < PEAK_KINDS; kind++)
        free(p->b[kind]);
    free(p->a);
    free(p->w);
    free(p->c);
}

double gemm_point_rate(const struct gemm_point *p, enum peak_kind kind, double seconds)
{
    const int64_t start = clock_mono_ns();
    size_t n = 0;

    while ((double)(clock_mono_ns() - start) < seconds * 1e9)
        multiply(p, kind, n++ % p->copies[kind]);
    return 2e9 * p->m * p->n * p->k * (double)n / (double)(clock_mono_ns() - start);
}

double gemm_point_read(const struct gemm_point *p, enum peak_kind kind, double seconds)
{
    return peak_bytes(p->b[kind], p->copies[kind] * p->bytes[kind], p->bytes[kind], seconds);
}

/* isa: the serial kernels, written once and compiled for each instruction set.
 *
 * Every member gives the same bits on every instruction set (docs/MATH.md §1, rules R1..R11): a vector
 * is sixteen virtual lanes, element i in lane i mod 16; sums start at +0 and end in one tree
 * +8 +4 +2 +1; division and square root are IEEE; fused multiply-adds only where the formula
 * here says fma(). No member starts threads: gemm.h, rows.h and attention.h do. Arrays need no
 * alignment, and never overlap unless a line says so. */

#ifndef LM_KERNEL_ISA_H
#define LM_KERNEL_ISA_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a row of logits l[n], scaled by `rate`, is as a distribution. With z = l * rate:
 *   max = max z, sum = S = sum e, e = exp(z - max), slope = sum e * (z - max),
 *   square = sum e * e; each in sixteen lanes. softmax.h makes numbers for people of it. */
struct isa_mass {
    float max, sum, slope, square;
};

/* How many tables there are, and of how many the kernels of floats are other code; see isa_at. */
enum { ISA_TABLES = 5, ISA_VECTORS = 3 };

/* What becomes of c: chains begin at +0, or at what c holds, or begin at +0 and their ends are added to c. */
enum isa_into { ISA_SET, ISA_ON, ISA_ADD };

struct isa {
    const char *name; /* "scalar", "avx2", "avx512", "avx512vnni", "avx512bf16" */

    /* c[i,j] = fma chain over kk = 0..k-1 of a[i*lda + kk] * b[kk*ldb + j], from +0, or from
     * c[i,j] with `add` (so a chain may be cut anywhere). i < m, j < n; n is 16 or 32. */
    void (*panel)(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb,
                  int m, int n, int k, bool add);

    /* The same on weights of bfloat16, widened: b is a panel of pairs (pairs.h) from a multiple of
     * 32 of the depth on; n = 16 takes its first columns. */
    void (*pairs)(float *c, size_t ldc, const float *a, size_t lda, const uint16_t *b, int m,
                  int n, int k, bool add);

    /* y[i] = x[i] rounded to bfloat16 (bf16.h), as a float; n any; y may be x. */
    void (*bf16_round)(float *y, const float *x, int n);

    /* A row x[k] of the left side, rounded, as `bf16` takes it: k is filled up with +0 to a multiple
     * of 32, each 32 takes bf16_bytes (at most those of 32 floats), at any address. */
    size_t bf16_bytes;
    void (*bf16_row)(void *operand, const float *x, int k);

    /* The same of m rows that lie as columns: row r is x[d * ldx + r], d < k. Operands are `apart` bytes
     * apart. */
    void (*bf16_columns)(void *operand, size_t apart, const float *x, size_t ldx, int k, int m);

    /* pairs_round and pairs_turn (pairs.h) by the table's own means, or NULL. */
    void (*pairs_round)(uint16_t *block, size_t apart, const float *b, size_t ldb, int rows,
                        int columns);
    void (*pairs_turn)(uint16_t *block, const uint16_t *from);

    /* c[i,j] = products of bfloat16, in the order of R10, as `into` says: a's rows are operands, `lda`
     * bytes apart, b is as for pairs. A k that is no multiple of 32 is rounded up to one. `next`, or NULL:
     * a panel that will be read next, fetched meanwhile. */
    void (*bf16)(float *c, size_t ldc, const void *a, size_t lda, const uint16_t *b, int m,
                 int n, int k, enum isa_into into, const void *next);

    /* A row x[k] of the left side, quantised (int8.h), as `int8` takes it, at any address: int8_bytes (at
     * most those of 32 floats) for each group, the last filled up. */
    size_t int8_bytes;
    void (*int8_row)(void *operand, const float *x, int k);

    /* Products of whole numbers on one panel of 32 columns, R11: c[i,j] = chain over groups, from +0 or from
     * c[i,j] with `add`: so the depth may be cut between groups. b: the panel's bytes at the slice's depth.
     * `next` as in bf16. */
    void (*int8)(float *c, size_t ldc, const void *a, size_t lda, const uint8_t *b, int m,
                 int k, bool add, const void *next);

    /* y[i] = (x[i] * r) * (plus + w[i]), r = 1 / sqrt(sum x^2 / n + eps); returns r. n any;
     * y may be x. Zhang & Sennrich 2019, arXiv:1910.07467, eq. 4; Gemma's plus
     * is 1. */
    float (*norm)(float *y, const float *x, const float *w, float plus, int n, float eps);

    /* y[i] = ((x[i] - m) * r) * (plus + w[i]) + b[i], m = sum x / n, r = 1 / sqrt(sum (x - m)^2 / n +
     * eps); returns r. n any; y may be x. Ba et al. 2016, arXiv:1607.06450, eq. 4.
     */
    float (*layer)(float *y, float *mean, const float *x, const float *w, float plus,
                   const float *b, int n, float eps);

    /* x[i] += y[i]; n any. */
    void (*add)(float *x, const float *y, int n);

    /* x[i] *= by; n any. */
    void (*scale)(float *x, float by, int n);

    /* y[i] = g[i] / (1 + exp(-g[i])) * u[i]; n any; y may be g or u. */
    void (*silu)(float *y, const float *g, const float *u, int n);

    /* y[i] = g[i] / (1 + exp(-2 z)) * u[i], z = sqrt(2/pi) (g + 0.044715 g^3): the tanh form of
     * GELU (Hendrycks & Gimpel 2016, arXiv:1606.08415). u NULL: 1. n any; y may be g or u. */
    void (*gelu)(float *y, const float *g, const float *u, int n);

    /* x[i] = limit * tanh(x[i] / limit); n any. Gemma 2's soft cap (arXiv:2408.00118, 2). */
    void (*cap)(float *x, float limit, int n);

    /* Rotates pairs (x[i], x[i + half]): a' = fma(a, c, 0 - b*s), b' = fma(b, c, a*s), with
     * c = cos[i], s = sin[i], i < half. Su et al. 2021, arXiv:2104.09864, as Hugging Face
     * pairs them. half any. */
    void (*rope)(float *x, const float *cos, const float *sin, int half);

    /* p[t] = exp(p[t] - max) for t < n, not yet divided; returns their sum, *max the maximum.
     * Room for n rounded up to 16 must be there; what lies beyond n is overwritten. */
    float (*softmax)(float *p, int n, float *max);

    /* See struct isa_mass; n any, at least 1. */
    void (*mass)(struct isa_mass *mass, const float *logit, int n, float rate);

    /* e[i] = exp(l[i] * rate - max); n any; e may be l. */
    void (*spread)(float *e, const float *l, int n, float rate, float max);

    /* sum of e[i] 2^44, each cut to a whole number, 0 <= e <= 1; n below 2^19. */
    uint64_t (*whole)(const float *e, int n);

    /* y[i] = exp(x[i]): +0 below -87, exp(88) above 88; n any; y may be x. */
    void (*exp)(float *y, const float *x, int n);

    /* sum a[i] * b[i]: lanes by fma, then the tree; n any. */
    float (*dot)(const float *a, const float *b, int n);
};

/* Whether this machine computes by the rules (no flush to zero, rounding to nearest) and
 * DROVER_ISA, when set, names an instruction set that it has. Call before the first kernel;
 * model_new does. Errors: ERR_RANGE. */
enum err isa_check(void) MUST_CHECK;

/* The best instruction set of this CPU, or the one that DROVER_ISA forced. */
const struct isa *isa_current(void);

/* For tests: from now on `name`. Errors: ERR_RANGE (unknown, or this CPU lacks it). */
enum err isa_force(const char *name) MUST_CHECK;

/* By index: scalar, avx2, avx512; avx512vnni, which is avx512 with products of whole numbers by the
 * processor's instruction; avx512bf16, which is that with products of bfloat16 by one. NULL where the CPU
 * or the build lacks it, or where the last was tried and is not the definition's (isa_proof.c; logged
 * once as event isa). */
const struct isa *isa_at(int index);

#endif

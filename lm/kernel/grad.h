/* grad: backward of the kernels in rows.h.
 *
 * Rows of one sequence or of many, one after another: t below. Every sum runs in an order that
 * neither threads nor the instruction set can change. A weight's gradient, where this says +=, gets
 * the call's whole sum, which begins at +0: docs/MATH.md §3. */

#ifndef LM_KERNEL_GRAD_H
#define LM_KERNEL_GRAD_H

#include "lm/kernel/rows.h"

#include <stddef.h>

/* rows_norm. ROWS_RMS: y[t,c] = x[t,c] r[t] w[c]. With s[t] = sum_c dy[t,c] w[c] x[t,c]:
 *
 *   dx[t,c] += r[t] dy[t,c] w[c] - x[t,c] r[t]^3 s[t] / C
 *   dw[c]   += sum_t dy[t,c] x[t,c] r[t]
 *
 * ..._PLUS: the same with 1 + w for w in dx. ROWS_LAYER: y = z w + b, z = (x - mean) r.
 *
 *   dx[t,c] += r[t] (g[t,c] - mean_c g[t,c] - z[t,c] mean_c (g z)[t,c]),   g = dy w
 *   dw[c]   += sum_t dy[t,c] z[t,c],   db[c] += sum_t dy[t,c]
 *
 *   dx [n,width] in/out; dw, db [width] in/out, NULL: not wanted; dy, x [n,width];
 *   factor as rows_norm gives it. dx is not dy. */
struct grad_norm {
    float *dx, *dw, *db;
    const float *dy, *x, *factor;
    int n;
};
void grad_norm(const struct grad_norm *job, const struct rows_norm *norm);

/* rows_head_norm, of heads or whole, in place: slopes of (normalised q and k, v) to those of the raw ones, each
 * head as ROWS_RMS above. dq_w, dk_w [head_dim] in/out, NULL: not wanted; raw as it was before;
 * factor as rows_head_norm gives it. */
struct grad_head_norm {
    float *dqkv, *dq_w, *dk_w;
    const float *raw, *factor;
    int n;
};
void grad_head_norm(const struct grad_head_norm *job, const struct rows_heads *heads,
                    const struct rows_head_norm *norm);

/* rows_gate. ROWS_SILU: y = g sigma(g) u with sigma = 1 / (1 + exp(-g)).
 *
 *   dg = dy u sigma (1 + g (1 - sigma)),   du = dy g sigma
 *
 * ROWS_GELU: y = g sigma(2 z) u with z = k (g + a g^3), sigma of 2 z, and
 *
 *   dg = dy u (sigma + g sigma (1 - sigma) 2 k (1 + 3 a g^2)),   du = dy g sigma
 *
 * ROWS_GELU_EXACT_PLAIN: dg = dy (Phi(g) + g phi(g)); ROWS_RELU_PLAIN: dy where g > 0;
 * ROWS_RELU2_PLAIN: dy 2 max(g, 0); ROWS_SILU_PLAIN: as ROWS_SILU with u = 1.
 *
 *   y [n,ffn] out: the forward value once more (the next matrix needs it)
 *   dgu like gu, out; dy [n,ffn], may be y; gu as rows_gate had it, may be dgu. */
void grad_gate(float *y, float *dgu, const float *dy, const float *gu, int n, int ffn,
               enum rows_gate gate);

/* isa->cap: y = limit tanh(x / limit).   dy[i] *= 1 - (y[i] / limit)^2,   i < n. */
void grad_cap(float *dy, const float *y, float limit, int n);

/* rows_qkv, in place: turns d loss / d (rotated, scaled q, rotated k, v) into that before it.
 * cos, sin [n,rotary/2] as rows_angles gave them; NULL: no rotation. */
void grad_qkv(float *dqkv, const float *cos, const float *sin, int n,
              const struct rows_heads *heads);

/* db [width] += sum_t dy[t,c]; dy [n,width] with row stride ld. */
void grad_columns(float *db, const float *dy, size_t ld, int n, int width);

/* dtable [rows,width]: row r += the sum of dx[t] over token[t] = r, t ascending. */
void grad_embed(float *dtable, const float *dx, const int *token, int n, int width);

/* rows_dot: value[t] = x[t] . w.   dx[t] = dv[t] w,   dw += sum_t dv[t] x[t]. */
void grad_dot(float *dx, float *dw, const float *dv, const float *x, const float *w, int n,
              int width);

#endif

/* rows: the serial kernels of isa.h over many rows, with threads. A row's bits do not depend on
 * the others. */

#ifndef LM_KERNEL_ROWS_H
#define LM_KERNEL_ROWS_H

/* y [n,width] = norm of x [n,width] with weights w [width]; rms [n] out, may be NULL: the
 * factor r that norm's backward needs. y may be x. */
void rows_norm(float *y, float *rms, const float *x, const float *w, int n, int width,
               float eps);

/* x [n,width] += y [n,width]. */
void rows_add(float *x, const float *y, int n, int width);

/* y [n,ffn] = silu(g) * u of gu [n, 2 ffn] = (gate, up). y must not overlap gu. */
void rows_silu(float *y, const float *gu, int n, int ffn);

/* freq [half] are a model's rotary frequencies, pos [n] positions:
 * cos, sin [n,half] of (float)pos * freq, each product rounded to float as transformers does.
 */
void rows_angles(float *cos, float *sin, const int *pos, const float *freq, int n, int half);

/* One projected row (q heads, then k heads, then v heads), in place, with threads over n rows:
 * adds bias [heads + 2 kv_heads][head_dim] (NULL: none), rotates q and k, scales q by
 * 1 / sqrt(head_dim) (R7). */
struct rows_heads {
    int heads, kv_heads, head_dim;
};
void rows_qkv(float *qkv, const float *bias, const float *cos, const float *sin, int n,
              const struct rows_heads *heads);

/* y [n] = dot(x [n,width], w [width]). */
void rows_dot(float *y, const float *x, const float *w, int n, int width);

#endif

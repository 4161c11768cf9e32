/* rows: the serial kernels of isa.h over many rows, with threads. A row's bits do not depend on
 * the others. */

#ifndef LM_KERNEL_ROWS_H
#define LM_KERNEL_ROWS_H

#include <stdbool.h>

enum rows_kind {
    ROWS_RMS,        /* x r w */
    ROWS_RMS_PLUS,   /* x r (1 + w) */
    ROWS_LAYER,      /* (x - mean) r w + b */
    ROWS_LAYER_PLUS, /* (x - mean) r (1 + w) + b */
};
struct rows_norm {
    enum rows_kind kind;
    const float *w, *b; /* [width]; b: of those around the mean */
    int width;
    float eps;
};
static inline bool rows_centred(enum rows_kind kind)
{
    return kind == ROWS_LAYER || kind == ROWS_LAYER_PLUS;
}

/* What a norm adds to its weights. */
static inline float rows_plus(enum rows_kind kind)
{
    return kind == ROWS_RMS_PLUS || kind == ROWS_LAYER_PLUS ? 1.0f : 0.0f;
}

/* y [n,width] = norm of x [n,width]; factor out, may be NULL: what norm's backward needs, r [n]
 * and behind it, of those around the mean, the means [n]. y may be x. */
void rows_norm(float *y, float *factor, const float *x, int n, const struct rows_norm *norm);

/* x [n,width] += y [n,width]. */
void rows_add(float *x, const float *y, int n, int width);

/* x [n,width] += b [width], each row. */
void rows_bias(float *x, const float *b, int n, int width);

/* How an MLP's product becomes the next one's input. */
enum rows_gate {
    ROWS_SILU,             /* silu(g) u  (Shazeer 2020, arXiv:2002.05202) */
    ROWS_GELU,             /* gelu(g) u */
    ROWS_GELU_PLAIN,       /* gelu(g), in its tanh form as above; there is no u from here on */
    ROWS_GELU_EXACT_PLAIN, /* g Phi(g) (Hendrycks & Gimpel 2016, arXiv:1606.08415, eq. 1) */
    ROWS_RELU_PLAIN,       /* max(g, 0) */
    ROWS_RELU2_PLAIN,      /* max(g, 0)^2 (So et al. 2021, arXiv:2109.08668) */
    ROWS_SILU_PLAIN,       /* g / (1 + exp(-g)) */
};
/* Columns of what goes in, for ffn that come out: 2 ffn, or ffn. */
int rows_gate_width(enum rows_gate gate, int ffn);
/* y [n,ffn] of gu [n, width] = (gate, up). y must not overlap gu. */
void rows_gate(float *y, const float *gu, int n, int ffn, enum rows_gate gate);

/* freq [half] are a model's rotary frequencies, pos [n] positions: cos, sin [n,half] of
 * (float)pos * freq, each product rounded to float as transformers does; times `by`. */
void rows_angles(float *cos, float *sin, const int *pos, const float *freq, float by, int n,
                 int half);

/* A projected row is q heads, then k heads, then v heads, head_dim each. */
struct rows_heads {
    int heads, kv_heads, head_dim;
    float scale; /* of q: 1 / sqrt(head_dim) in most models */
    int rotary;  /* columns of a head that are rotated, the first; 0: all */
    bool
        pairs; /* columns 2i and 2i + 1 are rotated together (GPT-J), not i and i + rotary / 2 */
};

/* to [n,row] = from, its q and k heads normalised, each by itself, with q_w, k_w [head_dim]
 * (kind ROWS_RMS or ROWS_RMS_PLUS); factor [n, heads + kv_heads] out, may be NULL. to may be
 * from. whole: all heads of q as one, with q_w [heads head_dim], and of k; factor [n, 2]. */
struct rows_head_norm {
    enum rows_kind kind;
    const float *q_w, *k_w;
    float eps;
    bool whole;
};
void rows_head_norm(float *to, float *factor, const float *from, int n,
                    const struct rows_heads *heads, const struct rows_head_norm *norm);

/* In place: rotates q and k by cos, sin [n, rotary / 2] (NULL: does not), and scales q (R7). */
void rows_qkv(float *qkv, const float *cos, const float *sin, int n,
              const struct rows_heads *heads);

/* In place: keys and values are rounded to bfloat16 (bf16.h), as a model that computes in it has them. */
void rows_round_keys(float *qkv, int n, const struct rows_heads *heads);

/* What both directions need of a head: its columns behind the first `rotary` stay. */
int rows_rotary(const struct rows_heads *heads);
/* 2 half columns in pairs (2i, 2i + 1) to and from halves (i, i + half). */
void rows_halves(float *to, const float *from, int half);
void rows_pairs(float *to, const float *from, int half);

/* e [n], p [n] out of z [n]: exp(-z^2 / 2) and Phi(z), to about 1e-7 of each (Press et al. 1992,
 * Numerical Recipes, 6.2: erfc by Chebyshev). */
void rows_phi(float *e, float *p, const float *z, int n);

/* y [n] = dot(x [n,width], w [width]). */
void rows_dot(float *y, const float *x, const float *w, int n, int width);

#endif

/* Backward of rows.c. Two ways over the rows: slopes of inputs are a row's own affair and
 * go by rows; slopes of weights are sums over rows and go by strips of columns, in which one thread
 * adds the rows in order, from +0; the gradient gets the whole sum at once. So no number of threads
 * changes it, and a batch's share is the same whatever other batches there are. Plain C
 * that the compiler may vectorise: the build forbids it to contract or reorder (cmake/settings).
 * backward.c calls these in the reverse of the list that block_forward.c walked. */

#include "lm/kernel/grad.h"

#include "base/mem.h"
#include "lm/kernel/isa.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16, STRIP = 64, PIECE = 512, HEAD = 1024 };

/* One tree +8 +4 +2 +1, as in the forward kernels. */
static float tree(float *lane)
{
    for (int half = LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

/* A sum over a batch's rows joins the gradient. */
static void add(float *gradient, const float *sum, int n)
{
#pragma omp simd
    for (int j = 0; j < n; j++)
        gradient[j] += sum[j];
}

/* Adds to dx: see grad_norm. */
static void norm_row(float *restrict dx, const float *restrict dy, const float *restrict x,
                     const float *restrict w, float plus, float r, int width)
{
    const int whole = width / LANES * LANES;
    float lane[LANES] = {0.0f};
    float by;

    for (int c = 0; c < whole; c += LANES)
#pragma omp simd
        for (int j = 0; j < LANES; j++)
            lane[j] += dy[c + j] * (plus + w[c + j]) * x[c + j];
    for (int c = whole; c < width; c++)
        lane[c - whole] += dy[c] * (plus + w[c]) * x[c];
    by = r * r * r * (tree(lane) / (float)width);
#pragma omp simd
    for (int c = 0; c < width; c++)
        dx[c] += r * (dy[c] * (plus + w[c])) - x[c] * by;
}

/* The same around a mean: m and r of the row. */
static void layer_row(float *restrict dx, const float *restrict dy, const float *restrict x,
                      const float *restrict w, float plus, float m, float r, int width)
{
    const int whole = width / LANES * LANES;
    float lane[2][LANES] = {{0.0f}}; /* of g, and of g times z */
    float mean, by;

    for (int c = 0; c < whole; c += LANES)
#pragma omp simd
        for (int j = 0; j < LANES; j++) {
            const float g = dy[c + j] * (plus + w[c + j]);

            lane[0][j] += g;
            lane[1][j] += g * ((x[c + j] - m) * r);
        }
    for (int c = whole; c < width; c++) {
        const float g = dy[c] * (plus + w[c]);

        lane[0][c - whole] += g;
        lane[1][c - whole] += g * ((x[c] - m) * r);
    }
    mean = tree(lane[0]) / (float)width;
    by = tree(lane[1]) / (float)width;
#pragma omp simd
    for (int c = 0; c < width; c++)
        dx[c] += r * (dy[c] * (plus + w[c]) - mean - (x[c] - m) * r * by);
}

/* Columns c..c+wide of dw: rows ascending, of which the first mean is `m` (NULL: none). */
static void norm_strip(float *dw, const float *dy, const float *x, const float *r,
                       const float *m, int n, int width, int wide)
{
    float sum[STRIP] = {0.0f};

    for (int t = 0; t < n; t++) {
        const float *a = dy + (size_t)t * (size_t)width, *b = x + (size_t)t * (size_t)width;
        const float by = r[t], mean = m ? m[t] : 0.0f; /* x - 0 is x, bit for bit */
#pragma omp simd
        for (int j = 0; j < wide; j++)
            sum[j] += a[j] * ((b[j] - mean) * by);
    }
    add(dw, sum, wide);
}

void grad_norm(const struct grad_norm *job, const struct rows_norm *norm)
{
    const int n = job->n, width = norm->width, columns = job->dw ? width : 0;
    const bool layer = rows_centred(norm->kind); /* its means stand behind the factors */
    const float *mean = layer ? job->factor + n : NULL;
    const float plus = rows_plus(norm->kind);

#pragma omp parallel
    {
#pragma omp for schedule(static) nowait
        for (int t = 0; t < n; t++) {
            const size_t at = (size_t)t * (size_t)width;

            if (layer)
                layer_row(job->dx + at, job->dy + at, job->x + at, norm->w, plus, mean[t],
                          job->factor[t], width);
            else
                norm_row(job->dx + at, job->dy + at, job->x + at, norm->w, plus, job->factor[t],
                         width);
        }
#pragma omp for schedule(static)
        for (int c = 0; c < columns; c += STRIP)
            norm_strip(job->dw + c, job->dy + c, job->x + c, job->factor, mean, n, width,
                       width - c < STRIP ? width - c : STRIP);
    }
    if (job->db)
        grad_columns(job->db, job->dy, (size_t)width, n, width);
}

/* Columns c..c+LANES of the weight of `heads` heads that begin at `first`: rows ascending, then
 * heads. */
static void head_strip(float *dw, const struct grad_head_norm *job, size_t width, int all,
                       int first, int heads, int dim, int c)
{
    const int wide = dim - c < LANES ? dim - c : LANES;
    float sum[LANES] = {0.0f};

    for (int t = 0; t < job->n; t++)
        for (int h = first; h < first + heads; h++) {
            const size_t at = (size_t)t * width + (size_t)(h * dim + c);
            const float r = job->factor[(size_t)t * (size_t)all + (size_t)h];
#pragma omp simd
            for (int j = 0; j < wide; j++)
                sum[j] += job->dqkv[at + (size_t)j] * (job->raw[at + (size_t)j] * r);
        }
    add(dw + c, sum, wide);
}

/* Columns of the weight of `dim` heads' columns that begin at `first`, of which r is every second
 * factor: rows ascending. */
static void whole_strip(float *dw, const struct grad_head_norm *job, size_t width, int first,
                        int which, int c, int wide)
{
    float sum[LANES] = {0.0f};

    for (int t = 0; t < job->n; t++) {
        const size_t at = (size_t)t * width + (size_t)(first + c);
        const float r = job->factor[2 * t + which];
#pragma omp simd
        for (int j = 0; j < wide; j++)
            sum[j] += job->dqkv[at + (size_t)j] * (job->raw[at + (size_t)j] * r);
    }
    add(dw + c, sum, wide);
}

/* As norm_row, over dy. */
static void norm_over(float *dy, const float *x, const float *w, float r, int width)
{
    const int whole = width / LANES * LANES;
    float lane[LANES] = {0.0f};
    float by;

    for (int c = 0; c < whole; c += LANES)
#pragma omp simd
        for (int j = 0; j < LANES; j++)
            lane[j] += dy[c + j] * w[c + j] * x[c + j];
    for (int c = whole; c < width; c++)
        lane[c - whole] += dy[c] * w[c] * x[c];
    by = r * r * r * (tree(lane) / (float)width);
#pragma omp simd
    for (int c = 0; c < width; c++)
        dy[c] = r * (dy[c] * w[c]) - x[c] * by;
}

static void grad_whole_norm(const struct grad_head_norm *job, const struct rows_heads *heads,
                            const struct rows_head_norm *norm)
{
    const int q = heads->heads * heads->head_dim, k = heads->kv_heads * heads->head_dim;
    const size_t width = (size_t)(q + 2 * k);

#pragma omp parallel for schedule(static)
    for (int c = 0; c < q; c += LANES) {
        if (job->dq_w)
            whole_strip(job->dq_w, job, width, 0, 0, c, q - c < LANES ? q - c : LANES);
        if (job->dk_w && c < k) /* no more heads of k than of q */
            whole_strip(job->dk_w, job, width, q, 1, c, k - c < LANES ? k - c : LANES);
    }
#pragma omp parallel for schedule(static)
    for (int t = 0; t < job->n; t++) {
        float *dy = job->dqkv + (size_t)t * width;
        const float *x = job->raw + (size_t)t * width;

        norm_over(dy, x, norm->q_w, job->factor[2 * t], q);
        norm_over(dy + q, x + q, norm->k_w, job->factor[2 * t + 1], k);
    }
}

void grad_head_norm(const struct grad_head_norm *job, const struct rows_heads *heads,
                    const struct rows_head_norm *norm)
{
    const int q = heads->heads, k = heads->kv_heads, dim = heads->head_dim, all = q + k;
    const size_t width = (size_t)(all + k) * (size_t)dim;
    const float plus = rows_plus(norm->kind);

    if (norm->whole) {
        grad_whole_norm(job, heads, norm);
        return;
    }
    /* The weights first: what they need is overwritten then. */
#pragma omp parallel for schedule(static)
    for (int c = 0; c < dim; c += LANES) {
        if (job->dq_w)
            head_strip(job->dq_w, job, width, all, 0, q, dim, c);
        if (job->dk_w)
            head_strip(job->dk_w, job, width, all, q, k, dim, c);
    }
#pragma omp parallel for schedule(static)
    for (int t = 0; t < job->n; t++)
        for (int h = 0; h < all; h++) {
            const size_t at = (size_t)t * width + (size_t)(h * dim);
            float dx[HEAD]; /* norm_row adds; shape_check: head_dim <= 1024 */

            memset(dx, 0, (size_t)dim * sizeof *dx);
            norm_row(dx, job->dqkv + at, job->raw + at, h < q ? norm->q_w : norm->k_w, plus,
                     job->factor[(size_t)t * (size_t)all + (size_t)h], dim);
            memcpy(job->dqkv + at, dx, (size_t)dim * sizeof *dx);
        }
}

/* exp of PIECE elements at once is what makes this worth its own loop. A gate's output is made
 * once more on the way, for the matrix that reads it. */
static void silu_piece(const struct isa *isa, float *y, float *dg, float *du, const float *dy,
                       const float *g, const float *u, int n)
{
    float e[PIECE] = {0.0f};

    for (int i = 0; i < n; i++)
        e[i] = -g[i];
    isa->exp(e, e, n);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float gi = g[i], ui = u[i], d = dy[i];
        const float sigma = 1.0f / (1.0f + e[i]), silu = gi * sigma;

        y[i] = silu * ui;
        dg[i] = d * ui * (sigma * (1.0f + gi * (1.0f - sigma)));
        du[i] = d * silu;
    }
}

/* z's slope stands in for silu's 1; without u its column does not exist. */
static void gelu_piece(const struct isa *isa, float *y, float *dg, float *du, const float *dy,
                       const float *g, const float *u, int n)
{
    const float k = 1.59576912f, a = 0.044715f; /* 2 sqrt(2/pi) */
    float e[PIECE] = {0.0f};

    for (int i = 0; i < n; i++)
        e[i] = -(g[i] * k) * (g[i] * g[i] * a + 1.0f);
    isa->exp(e, e, n);
    for (int i = 0; i < n; i++) {
        const float gi = g[i], ui = u ? u[i] : 1.0f, d = dy[i];
        const float sigma = 1.0f / (1.0f + e[i]), gelu = gi * sigma;
        const float slope = k * (1.0f + 3.0f * a * gi * gi);

        y[i] = gelu * ui;
        dg[i] = d * ui * (sigma + gelu * (1.0f - sigma) * slope);
        if (u)
            du[i] = d * gelu;
    }
}

/* The kinds without a gate that rows.c has in plain C. */
static void plain_piece(const struct isa *isa, float *y, float *dg, const float *dy,
                        const float *g, int n, enum rows_gate gate)
{
    float e[PIECE] = {0.0f}, p[PIECE] = {0.0f};

    if (gate == ROWS_GELU_EXACT_PLAIN) {
        rows_phi(e, p, g, n);
    } else if (gate == ROWS_SILU_PLAIN) {
        for (int i = 0; i < n; i++)
            e[i] = -g[i];
        isa->exp(e, e, n);
    }
    for (int i = 0; i < n; i++) {
        const float gi = g[i], d = dy[i], over = gi < 0.0f ? 0.0f : gi;

        if (gate == ROWS_GELU_EXACT_PLAIN) {
            y[i] = gi * p[i];
            dg[i] = d * (p[i] + gi * 0.398942280f * e[i]);
        } else if (gate == ROWS_SILU_PLAIN) {
            const float sigma = 1.0f / (1.0f + e[i]);

            y[i] = gi / (1.0f + e[i]);
            dg[i] = d * (sigma * (1.0f + gi * (1.0f - sigma)));
        } else if (gate == ROWS_RELU2_PLAIN) {
            y[i] = over * over;
            dg[i] = d * 2.0f * over;
        } else {
            y[i] = over;
            dg[i] = gi > 0.0f ? d : 0.0f;
        }
    }
}

void grad_gate(float *y, float *dgu, const float *dy, const float *gu, int n, int ffn,
               enum rows_gate gate)
{
    const struct isa *isa = isa_current();
    const size_t f = (size_t)ffn, wide = (size_t)rows_gate_width(gate, ffn);

#pragma omp parallel for schedule(static)
    for (int t = 0; t < n; t++) {
        const size_t row = (size_t)t;
        for (size_t c = 0; c < f; c += PIECE) {
            const size_t g = row * wide + c, u = g + f, at = row * f + c;
            const int some = f - c < PIECE ? (int)(f - c) : PIECE;

            if (gate == ROWS_SILU)
                silu_piece(isa, y + at, dgu + g, dgu + u, dy + at, gu + g, gu + u, some);
            else if (gate == ROWS_GELU)
                gelu_piece(isa, y + at, dgu + g, dgu + u, dy + at, gu + g, gu + u, some);
            else if (gate == ROWS_GELU_PLAIN)
                gelu_piece(isa, y + at, dgu + g, NULL, dy + at, gu + g, NULL, some);
            else
                plain_piece(isa, y + at, dgu + g, dy + at, gu + g, some, gate);
        }
    }
}

void grad_cap(float *dy, const float *y, float limit, int n)
{
    const float rate = 1.0f / limit;

#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float t = y[i] * rate;

        dy[i] *= 1.0f - t * t;
    }
}

static void rotate_back(float *head, const float *c, const float *s, int half, bool pairs)
{
    float apart[HEAD];
    float *a = pairs ? apart : head, *b = a + half;

    if (pairs)
        rows_halves(apart, head, half);
#pragma omp simd
    for (int i = 0; i < half; i++) {
        const float ai = a[i], bi = b[i];
        a[i] = ai * c[i] + bi * s[i];
        b[i] = bi * c[i] - ai * s[i];
    }
    if (pairs)
        rows_pairs(head, apart, half);
}

void grad_qkv(float *dqkv, const float *cos, const float *sin, int n,
              const struct rows_heads *heads)
{
    const struct isa *isa = isa_current();
    const int half = rows_rotary(heads) / 2, turned = cos ? heads->heads + heads->kv_heads : 0;
    const size_t width = (size_t)(heads->heads + 2 * heads->kv_heads) * (size_t)heads->head_dim;

#pragma omp parallel for schedule(static)
    for (int t = 0; t < n; t++) {
        float *row = dqkv + (size_t)t * width;
        const size_t at = (size_t)t * (size_t)half;

        isa->scale(row, heads->scale, heads->heads * heads->head_dim);
        for (int h = 0; h < turned; h++) {
            float *head = row + (size_t)h * (size_t)heads->head_dim;

            rotate_back(head, cos + at, sin + at, half, heads->pairs);
        }
    }
}

static void columns_strip(float *db, const float *dy, size_t ld, int n, int wide)
{
    float sum[STRIP] = {0.0f};

    for (int t = 0; t < n; t++) {
        const float *a = dy + (size_t)t * ld;
#pragma omp simd
        for (int j = 0; j < wide; j++)
            sum[j] += a[j];
    }
    add(db, sum, wide);
}

void grad_columns(float *db, const float *dy, size_t ld, int n, int width)
{
#pragma omp parallel for schedule(static)
    for (int c = 0; c < width; c += STRIP)
        columns_strip(db + c, dy + c, ld, n, width - c < STRIP ? width - c : STRIP);
}

/* Some rows, ascending, that `row` names in its lower half. */
static void rows_strip(float *to, const float *dx, const uint64_t *row, int n, int width,
                       int wide)
{
    float sum[STRIP] = {0.0f};

    for (int t = 0; t < n; t++) {
        const float *d = dx + (size_t)(uint32_t)row[t] * (size_t)width;
#pragma omp simd
        for (int j = 0; j < wide; j++)
            sum[j] += d[j];
    }
    add(to, sum, wide);
}

/* A token's number above the row's, so that in ascending order each token's rows stand together. */
static int by_token(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The rows of one token, `n` of them. */
static void embed_row(float *to, const float *dx, const uint64_t *row, int n, int width)
{
    for (int c = 0; c < width; c += STRIP)
        rows_strip(to + c, dx + c, row, n, width, width - c < STRIP ? width - c : STRIP);
}

void grad_embed(float *dtable, const float *dx, const int *token, int n, int width)
{
    uint64_t *row = mem_new((size_t)n, sizeof *row);

    for (int t = 0; t < n; t++)
        row[t] = (uint64_t)token[t] << 32 | (uint64_t)t;
    qsort(row, (size_t)n, sizeof *row, by_token);
#pragma omp parallel for schedule(static)
    for (int t = 0; t < n; t++) {
        const uint64_t its = row[t] >> 32;
        int end = t + 1;

        if (t && row[t - 1] >> 32 == its) /* another's */
            continue;
        while (end < n && row[end] >> 32 == its)
            end++;
        embed_row(dtable + (size_t)its * (size_t)width, dx, row + t, end - t, width);
    }
    free(row);
}

static void dot_strip(float *dw, const float *dv, const float *x, int n, int width, int wide)
{
    float sum[STRIP] = {0.0f};

    for (int t = 0; t < n; t++) {
        const float *a = x + (size_t)t * (size_t)width;
#pragma omp simd
        for (int j = 0; j < wide; j++)
            sum[j] += dv[t] * a[j];
    }
    add(dw, sum, wide);
}

/* A head that gives values: its row's gradient is one more weighted sum over all tokens. */
void grad_dot(float *dx, float *dw, const float *dv, const float *x, const float *w, int n,
              int width)
{
#pragma omp parallel
    {
#pragma omp for schedule(static) nowait
        for (int t = 0; t < n; t++) {
            float *row = dx + (size_t)t * (size_t)width;
#pragma omp simd
            for (int c = 0; c < width; c++)
                row[c] = dv[t] * w[c];
        }
#pragma omp for schedule(static)
        for (int c = 0; c < width; c += STRIP)
            dot_strip(dw + c, dv, x + c, n, width, width - c < STRIP ? width - c : STRIP);
    }
}

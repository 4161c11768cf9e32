/* The image that forward reads holds W = W0 + s B A already, so without dropout the pass
 * forward needs nothing from here. With it the branch ought to see D x instead of x, D being
 * the mask: what is missing, s B A (D x - x), is added (lora_branch_forward).
 *
 * Backward never makes a full gradient of W: both pairs' gradients go through the thin [n, r]
 * product, which is computed again rather than kept. Masks are drawn anew from their counters
 * wherever they are needed, so nothing of them is kept either. block_forward and
 * backward_linear call these for each weight of a group that has a pair; train_forward has made
 * room (lora_branch_floats). */

#include "lm/model/lora_branch.h"

#include "base/rng.h"
#include "lm/kernel/product.h"
#include "lm/kernel/share.h"

#include <string.h>

size_t lora_branch_floats(const struct shape *s, const struct lora_conf *conf, int n)
{
    return (size_t)n * ((size_t)conf->r + (conf->dropout > 0 ? (size_t)shape_widest(s) : 0));
}

static float *thin(const struct activations *t) /* [n, r] */
{
    return t->branch;
}

static float *wide(const struct activations *t) /* [n, cols] */
{
    return t->branch + (size_t)t->n * (size_t)t->lora->conf.r;
}

/* ---- dropout */

/* What a kept and a dropped element are multiplied by. */
struct factors {
    float kept, dropped;
};

enum { CHANCES = 1 << 16, EACH = 8 }; /* a Philox block decides on eight elements */

/* Of CHANCES, how many drop an element. */
static uint32_t dropped(const struct lora_conf *conf)
{
    const uint32_t n = (uint32_t)(conf->dropout * CHANCES + 0.5);

    return n < CHANCES ? n : CHANCES - 1;
}

/* The counter is made of the step, the sequence's number in it, the position, module and
 * columns; not of the row in a batch: a mask is the same however a step is cut into batches. */
static void decide(bool drop[EACH], const struct activations *t, uint32_t limit, uint32_t seq,
                   uint32_t pos, uint32_t place)
{
    uint32_t word[4];

    rng_words(word, t->drop.seed, RNG_DROP,
              (uint64_t)t->drop.step << 32 | (t->drop.first + seq), pos, place);
    for (int k = 0; k < EACH; k++)
        drop[k] = (word[k / 2] >> (k % 2 * 16) & (CHANCES - 1)) < limit;
}

/* to[i, c] = from[i, c] times its factor, or += with `add`. Columns are a multiple of EACH. */
static void mask(const struct activations *t, const struct tensor *w, struct factors f,
                 const float *from, float *to, int n, bool add)
{
    const uint32_t limit = dropped(&t->lora->conf);
    const uint32_t module = (uint32_t)(w->layer * PART_STREAMS + w->row->stream);
    const size_t cols = (size_t)w->cols;

#pragma omp parallel for schedule(static) if (share_worth(8 * (size_t)n * cols))
    for (int i = 0; i < n; i++) {
        const struct batch *b = t->batch;
        const float *x = from + (size_t)i * cols;
        float *y = to + (size_t)i * cols;
        bool drop[EACH];
        int seq = 0;

        while (b->seq[seq + 1] <= i)
            seq++;
        for (size_t c = 0; c < cols; c += EACH) {
            decide(drop, t, limit, (uint32_t)seq, (uint32_t)(i - b->seq[seq]),
                   module << 16 | (uint32_t)(c / EACH));
            for (size_t k = 0; k < EACH; k++) {
                const float z = x[c + k] * (drop[k] ? f.dropped : f.kept);
                y[c + k] = add ? y[c + k] + z : z;
            }
        }
    }
}

static bool dropping(const struct activations *t)
{
    return t->drop.on && t->lora->conf.dropout > 0;
}

/* What keeps the mean: of the chance as it was rounded, so that it is exact. */
static float rest(const struct activations *t)
{
    return (float)CHANCES / (float)(CHANCES - dropped(&t->lora->conf));
}

/* ---- products */

/* On the thin side: r columns instead of the module's. */
static void scale(const struct activations *t, float *x, int n)
{
    const size_t count = (size_t)n * (size_t)t->lora->conf.r;
    const float by = t->lora->scale;

    for (size_t i = 0; i < count; i++)
        x[i] *= by;
}

/* thin = s x A^T */
static void down(const struct activations *t, const struct lora_site *site, const float *x,
                 int n)
{
    const struct lora *l = t->lora;
    const struct product product = {
        .c = thin(t),
        .ldc = (size_t)l->conf.r,
        .a = x,
        .lda = (size_t)site->a->cols,
        .b = l->weights->data + site->a->at,
        .ldb = (size_t)site->a->cols,
        .b_turned = true,
        .m = n,
        .n = l->conf.r,
        .k = site->a->cols,
        .scratch = t->product,
    };

    product_run(&product);
    scale(t, thin(t), n);
}

/* thin = s dy B */
static void up(const struct activations *t, const struct lora_site *site, const float *dy,
               size_t ldy, int n)
{
    const struct lora *l = t->lora;
    const struct product product = {
        .c = thin(t),
        .ldc = (size_t)l->conf.r,
        .a = dy,
        .lda = ldy,
        .b = l->weights->data + site->b->at,
        .ldb = (size_t)l->conf.r,
        .m = n,
        .n = l->conf.r,
        .k = site->b->rows,
        .scratch = t->product,
    };

    product_run(&product);
    scale(t, thin(t), n);
}

void lora_branch_forward(const struct activations *t, const struct tensor *w, const float *x,
                         float *y, size_t ldy)
{
    const struct lora *l = t->lora;
    const struct lora_site *site = lora_at(l, w);
    struct product product = {
        .c = y,
        .ldc = ldy,
        .a = thin(t),
        .lda = (size_t)l->conf.r,
        .ldb = (size_t)l->conf.r,
        .b_turned = true,
        .m = t->n,
        .n = w->rows,
        .k = l->conf.r,
        .into = PRODUCT_ON,
        .scratch = t->product,
    };

    if (!site->a || !dropping(t)) /* the packed weights hold W: there is nothing to add */
        return;
    mask(t, w, (struct factors){rest(t) - 1.0f, -1.0f}, x, wide(t), t->n, false);
    down(t, site, wide(t), t->n);
    product.b = l->weights->data + site->b->at;
    product_run(&product);
}

/* dX += D (s dy B) A. The mask is on the inputs' side, so the product stands apart until it has
 * been applied. */
void lora_branch_back(const struct activations *t, const struct tensor *w, const float *dy,
                      size_t ldy, int n, float *dx)
{
    const struct lora *l = t->lora;
    const struct lora_site *site = lora_at(l, w);
    const struct product product = {
        .c = dropping(t) ? wide(t) : dx,
        .ldc = (size_t)w->cols,
        .a = thin(t),
        .lda = (size_t)l->conf.r,
        .b = l->weights->data + site->a->at,
        .ldb = (size_t)w->cols,
        .m = n,
        .n = w->cols,
        .k = l->conf.r,
        .into = dropping(t) ? PRODUCT_SET : PRODUCT_ON,
        .scratch = t->product,
    };

    up(t, site, dy, ldy, n);
    product_run(&product);
    if (dropping(t))
        mask(t, w, (struct factors){rest(t), 0.0f}, wide(t), dx, n, true);
}

void lora_branch_grad(const struct activations *t, const struct tensor *w, const float *dy,
                      size_t ldy, int n, const float *x, float *grad)
{
    const struct lora *l = t->lora;
    const struct lora_site *site = lora_at(l, w);
    struct product product = {
        .ldc = (size_t)l->conf.r,
        .a = dy,
        .lda = ldy,
        .a_turned = true,
        .b = thin(t),
        .ldb = (size_t)l->conf.r,
        .m = w->rows,
        .n = l->conf.r,
        .k = n,
        .into = PRODUCT_ADD,
        .scratch = t->product,
    };
    const float *in = x;

    if (dropping(t)) {
        mask(t, w, (struct factors){rest(t), 0.0f}, x, wide(t), n, false);
        in = wide(t);
    }
    down(t, site, in, n);
    product.c = grad + site->b->at;
    product_run(&product); /* dB += dy^T (s x A^T) */
    /* thin holds the other product from here on */
    up(t, site, dy, ldy, n);
    product = (struct product){
        .c = grad + site->a->at,
        .ldc = (size_t)w->cols,
        .a = thin(t),
        .lda = (size_t)l->conf.r,
        .a_turned = true,
        .b = in,
        .ldb = (size_t)w->cols,
        .m = l->conf.r,
        .n = w->cols,
        .k = n,
        .into = PRODUCT_ADD,
        .scratch = t->product,
    };
    product_run(&product); /* dA += (s dy B)^T x */
}

/* An adapter is a list as long as the base's weights: what of each learns (lora_site). It is
 * made from words (a run's configuration) or from a file's tensors (lora_choice), and has its
 * own params, so that the optimizer, gradients and checkpoints need not know of it. W comes
 * out of lora_rows alone, some rows at a time, whoever asks: the packed weights of the next
 * version, a merged folder, a hash. So they hold the same bits. */

#include "lm/model/lora.h"

#include "base/mem.h"
#include "base/rng.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/share.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = LORA_WORDS_NAME };

/* ---- the list of what learns */

/* Names are PEFT's, so that its files are read and written without a table between. */
static const struct tensor *put(struct params *w, const struct tensor *of, const char *module,
                                const char *end, int rows, int cols)
{
    struct tensor *t = &w->tensor[w->n++];

    *t = (struct tensor){.row = of->row,
                         .part = of->part,
                         .layer = of->layer,
                         .rows = rows,
                         .cols = cols,
                         .at = w->count,
                         .decay = of->decay};
    snprintf(t->name, sizeof t->name, "base_model.model.%.48s%s", module, end);
    w->count += (size_t)rows * (size_t)cols;
    return t;
}

static enum err add(struct lora *l, int i, enum lora_kind kind, const char *module)
{
    const struct tensor *of = &l->base->tensor[i];
    struct lora_site *site = &l->site[i];

    if (kind == LORA_PAIR && !lora_words_linear(of))
        return err_set(ERR_RANGE, "a low-rank pair on %s is not supported", module);
    if (kind == LORA_WHOLE && lora_words_linear(of))
        return err_set(ERR_RANGE, "%s trained whole is not supported", module);
    if (kind == LORA_PAIR) {
        site->a = put(l->weights, of, module, ".lora_A.weight", l->conf.r, of->cols);
        site->b = put(l->weights, of, module, ".lora_B.weight", of->rows, l->conf.r);
    }
    if (kind == LORA_WHOLE)
        site->whole = put(l->weights, of, of->name, "", of->rows, of->cols);
    return OK;
}

static enum err list(struct lora *l, const struct lora_choice *choice)
{
    enum err err = choice ? OK : lora_words_check(l->base, &l->conf);
    bool pair = false;

    for (int i = 0; i < l->base->n && !err; i++) {
        char module[NAME];
        enum lora_kind kind;
        lora_words_module(module, &l->base->tensor[i]);
        kind = choice ? choice->of(choice->self, &l->base->tensor[i], module)
                      : lora_words_kind(&l->conf, &l->base->tensor[i], module);
        pair = pair || kind == LORA_PAIR;
        err = add(l, i, kind, module);
    }
    if (!err && !pair)
        err = err_set(ERR_RANGE, "no module carries an adapter");
    return err;
}

enum err lora_outline(struct lora **out, const struct params *base,
                      const struct lora_conf *conf, const struct lora_choice *choice)
{
    struct lora *l = mem_new(1, sizeof *l);
    enum err err = lora_words_numbers(conf);

    l->conf = *conf;
    l->base = base;
    l->site = mem_new((size_t)base->n, sizeof *l->site);
    l->weights = mem_new(1, sizeof *l->weights);
    l->weights->shape = base->shape;
    l->weights->tensor = mem_new(2 * (size_t)base->n, sizeof *l->weights->tensor);
    if (!err)
        err = list(l, choice);
    if (err) {
        lora_free(l);
        l = NULL;
    } else {
        /* In double, rounded once: PEFT's scaling is a python float. */
        l->scale = (float)(conf->alpha / (conf->rslora ? sqrt((double)conf->r) : conf->r));
    }
    *out = l;
    return err;
}

const float *lora_base_rows(const struct lora *l, const struct tensor *t, int row, int n,
                            float *room)
{
    if (l->base->data)
        return l->base->data + t->at + (size_t)row * (size_t)t->cols;
    packed_take(room, l->layout, t, row, n, l->image);
    return room;
}

/* What is trained whole starts as the base has it. */
static enum err fill(struct lora *l)
{
    enum err err = mem_big(&l->weights->data, l->weights->count, sizeof(float), "adapter");

    for (int i = 0; i < l->base->n && !err; i++) {
        const struct tensor *const to = l->site[i].whole;
        float *const at = to ? l->weights->data + to->at : NULL;
        const float *from;

        from = to ? lora_base_rows(l, &l->base->tensor[i], 0, to->rows, at) : NULL;
        if (from != at)
            memcpy(at, from, (size_t)to->rows * (size_t)to->cols * sizeof *at);
    }
    return err;
}

enum err lora_new(struct lora **out, const struct params *base, const struct lora_conf *conf,
                  const struct lora_choice *choice)
{
    enum err err = lora_outline(out, base, conf, choice);

    if (!err)
        err = fill(*out);
    if (err) {
        lora_free(*out);
        *out = NULL;
    }
    return err;
}

enum err lora_new_packed(struct lora **out, const struct params *base, const float *image,
                         const struct packed_layout *layout, const struct lora_conf *conf)
{
    enum err err = lora_outline(out, base, conf, NULL);

    if (err)
        return err;
    (*out)->image = image;
    (*out)->layout = layout;
    err = fill(*out);
    if (err) {
        lora_free(*out);
        *out = NULL;
    }
    return err;
}

void lora_free(struct lora *lora)
{
    if (!lora)
        return;
    params_free(lora->weights);
    free(lora->site);
    free(lora);
}

/* ---- first values */

/* A stream for each A, apart from those of params_init. */
static void uniform(float *data, const struct tensor *t, uint64_t seed)
{
    const double bound = 1 / sqrt((double)t->cols);
    const uint64_t stream = (uint64_t)(64 + t->row->stream) << 32 | (uint32_t)(t->layer + 1);
    const size_t n = (size_t)t->rows * (size_t)t->cols;

    for (size_t i = 0; i < n; i++)
        data[i] = (float)(bound * (2 * rng_uniform(seed, RNG_INIT, stream, (uint32_t)i,
                                                   (uint32_t)(i >> 32)) -
                                   1));
}

void lora_init(struct lora *l, uint64_t seed)
{
    for (int i = 0; i < l->base->n; i++) {
        const struct lora_site *s = &l->site[i];

        if (!s->a)
            continue;
        uniform(l->weights->data + s->a->at, s->a, seed);
        memset(l->weights->data + s->b->at, 0,
               (size_t)s->b->rows * (size_t)s->b->cols * sizeof(float));
    }
}

/* ---- W */

const struct lora_site *lora_at(const struct lora *lora, const struct tensor *tensor)
{
    return &lora->site[tensor - lora->base->tensor];
}

float *lora_panels(const struct lora *l, const struct lora_site *site)
{
    const int cols = site->a->cols;
    float *const panels = mem_new(gemm_packed_size(cols, l->conf.r), sizeof *panels);

    gemm_pack_plain(panels, l->weights->data + site->a->at, (size_t)cols, cols, l->conf.r);
    return panels;
}

void lora_rows(const struct lora *l, const struct lora_site *site, const float *panels, int row,
               int n, const float *from, float *to)
{
    const int r = l->conf.r, cols = site->a->cols;
    const size_t count = (size_t)n * (size_t)cols;
    const float scale = l->scale;

    gemm_packed(to, (size_t)cols, l->weights->data + site->b->at + (size_t)row * (size_t)r,
                (size_t)r, panels, n, cols, r, false);
#pragma omp parallel for simd schedule(static) if (share_worth(count))
    for (size_t i = 0; i < count; i++) {
        const float change = to[i] * scale; /* 0 leaves W0's bits, a -0.0 too */

        /* what nothing changes keeps its bits, a -0.0 too: a new adapter's model has the base's
         * hash */
        to[i] = change == 0.0f ? from[i] : from[i] + change;
    }
}

/* Hands W to `to`, some rows at a time. */
static void each(const struct lora *l, int i,
                 void (*to)(void *self, int row, int n, const float *rows), void *self)
{
    const struct tensor *t = &l->base->tensor[i];
    const struct lora_site *site = &l->site[i];
    float *panels, *rows, *room;

    if (site->whole)
        to(self, 0, t->rows, l->weights->data + site->whole->at);
    if (!site->a)
        return;
    panels = lora_panels(l, site);
    rows = mem_new(2 * (size_t)LORA_ROWS * (size_t)t->cols, sizeof *rows);
    room = rows + (size_t)LORA_ROWS * (size_t)t->cols;
    /* Some rows at a time: a whole W beside the base and the packed one would be a third copy.
     */
    for (int row = 0; row < t->rows; row += LORA_ROWS) {
        const int n = t->rows - row < LORA_ROWS ? t->rows - row : LORA_ROWS;

        lora_rows(l, site, panels, row, n, lora_base_rows(l, t, row, n, room), rows);
        to(self, row, n, rows);
    }
    free(panels);
    free(rows);
}

struct packing {
    const struct lora *lora;
    const struct tensor *tensor;
    float *image;
    const struct packed_layout *layout;
};

static void to_image(void *self, int row, int n, const float *rows)
{
    const struct packing *p = self;

    packed_put(p->image, p->layout, p->tensor, row, n, rows);
}

void lora_pack(const struct lora *l, float *image, const struct packed_layout *layout)
{
    for (int i = 0; i < l->base->n; i++) {
        struct packing p = {l, &l->base->tensor[i], image, layout};

        each(l, i, to_image, &p);
    }
}

void lora_pack_whole(const struct lora *l, float *image, const struct packed_layout *layout)
{
    for (int i = 0; i < l->base->n; i++)
        if (l->site[i].whole)
            packed_put(image, layout, &l->base->tensor[i], 0, l->base->tensor[i].rows,
                       l->weights->data + l->site[i].whole->at);
}

struct copying {
    float *to;
    size_t cols;
};

static void to_weights(void *self, int row, int n, const float *rows)
{
    const struct copying *c = self;

    memcpy(c->to + (size_t)row * c->cols, rows, (size_t)n * c->cols * sizeof *rows);
}

void lora_merge(const struct lora *l, struct params *params)
{
    for (int i = 0; i < l->base->n; i++) {
        const struct tensor *t = &l->base->tensor[i];
        struct copying c = {params->data + t->at, (size_t)t->cols};

        each(l, i, to_weights, &c);
    }
}

struct hashing {
    struct hash_sha256 state;
    size_t cols;
};

static void to_hash(void *self, int row, int n, const float *rows)
{
    struct hashing *h = self;

    (void)row;
    hash_sha256_add(&h->state, rows, (size_t)n * h->cols * sizeof *rows);
}

/* In pieces: a base that lies packed is nowhere whole. */
static void hash_base(struct hashing *h, const struct lora *l, const struct tensor *t)
{
    float *const room = mem_new((size_t)LORA_ROWS * (size_t)t->cols, sizeof *room);

    for (int row = 0; row < t->rows; row += LORA_ROWS) {
        const int n = t->rows - row < LORA_ROWS ? t->rows - row : LORA_ROWS;

        to_hash(h, row, n, lora_base_rows(l, t, row, n, room));
    }
    free(room);
}

/* In the order of names, as params_hash: an adapter merged elsewhere has the same hash. */
static struct hash hash_of_all(const struct lora *l, bool merged)
{
    const struct params *base = l->base;
    const struct tensor **order = mem_new((size_t)base->n, sizeof *order);
    struct hashing h;

    params_order(base, order);
    hash_sha256_init(&h.state);
    for (int i = 0; i < base->n; i++) {
        const struct lora_site *site = lora_at(l, order[i]);

        h.cols = (size_t)order[i]->cols;
        if (!merged && site->whole)
            continue;
        if (merged && (site->a || site->whole))
            each(l, (int)(order[i] - base->tensor), to_hash, &h);
        else
            hash_base(&h, l, order[i]);
    }
    free(order);
    return hash_sha256_end(&h.state);
}

struct hash lora_hash(const struct lora *l)
{
    return hash_of_all(l, true);
}

struct hash lora_base(const struct lora *l)
{
    return hash_of_all(l, false);
}

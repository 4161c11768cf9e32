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

enum { NAME = sizeof((struct tensor *)0)->name };

static bool is_linear(const struct tensor *tensor)
{
    return tensor->row->kind == KIND_LINEAR;
}

/* The module of a weight; of a matrix's bias "…q_proj.bias", which no word means. A norm's bias
 * goes with its norm. */
static void module_of(char out[NAME], const struct tensor *tensor)
{
    const enum part part = tensor->part;
    const bool norms = part == PART_NORM_ATTN_BIAS || part == PART_NORM_MLP_BIAS ||
                       part == PART_NORM_FINAL_BIAS;
    const char *end = norms ? ".bias" : ".weight";
    const size_t n = strlen(tensor->name), m = strlen(end);

    snprintf(out, NAME, "%s", tensor->name);
    if (n > m && !strcmp(out + n - m, end))
        out[n - m] = 0;
}

/* PEFT's rule: the whole name, or its end after a dot: "q_proj" means every layer's, and
 * "0.self_attn.q_proj" the first one's alone. */
static bool means(const char *word, const char *module)
{
    const size_t n = strlen(word), m = strlen(module);

    return !strcmp(word, module) ||
           (m > n && module[m - n - 1] == '.' && !strcmp(module + m - n, word));
}

/* ---- the words of a configuration */

/* Before any file is read: a run's keys are refused as early as they can be. */
static enum err check_numbers(const struct lora_conf *c)
{
    if (c->r < 1 || c->r > LORA_RANK)
        return err_set(ERR_RANGE, "lora_r %d: not in 1..%d", c->r, LORA_RANK);
    if (!(c->alpha > 0 && c->alpha <= 1e6))
        return err_set(ERR_RANGE, "lora_alpha %g: not in (0, 1e6]", c->alpha);
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_set(ERR_RANGE, "lora_dropout %g: not in [0, 1)", c->dropout);
    return OK;
}

/* "q_proj, k_proj, …": the last words of the modules that carry adapters. */
static const char *linears(const struct params *base, char *out, size_t size)
{
    size_t at = 0;

    out[0] = 0;
    for (int i = 0; i < base->n && base->tensor[i].layer < 1; i++) {
        char module[NAME];
        const char *last;

        if (!is_linear(&base->tensor[i]))
            continue;
        module_of(module, &base->tensor[i]);
        last = strrchr(module, '.') + 1;
        if (!strstr(out, last) && at + strlen(last) + 3 < size)
            at += (size_t)snprintf(out + at, size - at, at ? ", %s" : "%s", last);
    }
    return out;
}

/* A word that means nothing here is refused: with a slip in one name of several, half of what
 * was asked for would be trained. */
static enum err check_target(const struct params *base, const char *word)
{
    char known[200];
    bool found = false;

    if (!strcmp(word, "all-linear"))
        return OK;
    for (int i = 0; i < base->n; i++) {
        char module[NAME];
        module_of(module, &base->tensor[i]);
        if (!means(word, module))
            continue;
        if (!is_linear(&base->tensor[i])) {
            char *and;
            linears(base, known, sizeof known);
            and = strrchr(known, ',');
            return err_set(ERR_RANGE,
                           "lora_target_modules: %.60s: only %.*s%s%s carry adapters", word,
                           and? (int)(and-known) : (int)strlen(known), known, and? " and" : "",
                           and? and+1 : "");
        }
        found = true;
    }
    if (found)
        return OK;
    return err_set(ERR_RANGE,
                   "lora_target_modules: '%.60s': this model has %s (or say all-linear)", word,
                   linears(base, known, sizeof known));
}

/* Only what can stand beside a frozen base: a matrix that carries adapters may not be whole as
 * well. */
static enum err check_save(const struct params *base, const char *word)
{
    bool found = false;

    for (int i = 0; i < base->n; i++) {
        const enum part part = base->tensor[i].part;
        char module[NAME];
        module_of(module, &base->tensor[i]);
        if (!means(word, module))
            continue;
        if (part == PART_EMBED && base->shape.tied && base->shape.head == HEAD_LM)
            return err_set(ERR_RANGE,
                           "lora_modules_to_save: %s is tied to the head in this "
                           "model: training it alone would untie them",
                           word);
        if (is_linear(&base->tensor[i]))
            return err_set(ERR_RANGE,
                           "lora_modules_to_save: %.60s: only embed_tokens, lm_head, score and "
                           "norms are trained whole",
                           word);
        found = true;
    }
    if (found || !strcmp(word, "classifier")) /* PEFT adds it for every SEQ_CLS */
        return OK;
    return err_set(ERR_RANGE,
                   "lora_modules_to_save: '%.60s': no such module here: embed_tokens, %s and "
                   "norms may be trained whole",
                   word, base->shape.head == HEAD_LM ? "lm_head" : "score");
}

static enum err check_words(const struct params *base, const struct lora_conf *c)
{
    enum err err = OK;

    for (int i = 0; i < c->targets && !err; i++)
        err = check_target(base, c->target[i]);
    for (int i = 0; i < c->saves && !err; i++)
        err = check_save(base, c->save[i]);
    return err;
}

/* Without words, PEFT's choice for the family: part.c marks it. */
static bool is_target(const struct lora_conf *c, const struct tensor *t, const char *module)
{
    if (!c->targets)
        return t->row->usual;
    for (int i = 0; i < c->targets; i++)
        if (means(c->target[i], module) || !strcmp(c->target[i], "all-linear"))
            return true;
    return false;
}

/* A head that gives values always learns: it was not in the base that the adapter is for. */
static enum lora_kind by_words(const struct lora_conf *c, const struct tensor *t,
                               const char *module)
{
    if (is_linear(t))
        return is_target(c, t, module) ? LORA_PAIR : LORA_FROZEN;
    if (t->part == PART_SCORE || t->part == PART_SCORE_BIAS)
        return LORA_WHOLE;
    for (int i = 0; i < c->saves; i++)
        if (means(c->save[i], module))
            return LORA_WHOLE;
    return LORA_FROZEN;
}

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

    if (kind == LORA_PAIR && !is_linear(of))
        return err_set(ERR_RANGE, "a low-rank pair on %s is not supported", module);
    if (kind == LORA_WHOLE && is_linear(of))
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
    enum err err = choice ? OK : check_words(l->base, &l->conf);
    bool pair = false;

    for (int i = 0; i < l->base->n && !err; i++) {
        char module[NAME];
        enum lora_kind kind;
        module_of(module, &l->base->tensor[i]);
        kind = choice ? choice->of(choice->self, &l->base->tensor[i], module)
                      : by_words(&l->conf, &l->base->tensor[i], module);
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
    enum err err = check_numbers(conf);

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

/* What is trained whole starts as the base has it. */
static void copy_whole(struct lora *l)
{
    for (int i = 0; i < l->base->n; i++) {
        const struct tensor *from = &l->base->tensor[i], *to = l->site[i].whole;

        if (to)
            memcpy(l->weights->data + to->at, l->base->data + from->at,
                   (size_t)to->rows * (size_t)to->cols * sizeof(float));
    }
}

enum err lora_new(struct lora **out, const struct params *base, const struct lora_conf *conf,
                  const struct lora_choice *choice)
{
    struct lora *l;
    enum err err = lora_outline(&l, base, conf, choice);

    *out = NULL;
    if (err)
        return err;
    err = mem_big(&l->weights->data, l->weights->count, sizeof(float), "adapter");
    if (err) {
        lora_free(l);
        return err;
    }
    copy_whole(l);
    *out = l;
    return OK;
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
    float *panels, *rows;

    if (site->whole)
        to(self, 0, t->rows, l->weights->data + site->whole->at);
    if (!site->a)
        return;
    panels = lora_panels(l, site);
    rows = mem_new((size_t)LORA_ROWS * (size_t)t->cols, sizeof *rows);
    /* Some rows at a time: a whole W beside the base and the packed one would be a third copy.
     */
    for (int row = 0; row < t->rows; row += LORA_ROWS) {
        const int n = t->rows - row < LORA_ROWS ? t->rows - row : LORA_ROWS;

        lora_rows(l, site, panels, row, n,
                  l->base->data + t->at + (size_t)row * (size_t)t->cols, rows);
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
            to_hash(&h, 0, order[i]->rows, base->data + order[i]->at);
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

/* How it works: both models read the same tokens, ROWS at a time, each with a cache of its
 * own; of the hidden rows that predict a token of the answer, LOGIT_ROWS at a time become
 * logits, and each pair of rows adds to the four sums. So memory is two caches and a few rows
 * of the vocabulary, however long the answer is. Sums are double over float logits, with
 * libm: figures for people (docs/MATH.md), not bits that travel. */
#include "eval/divergence.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 128, LOGIT_ROWS = 8 };

/* One model's run over one sequence. */
struct divergence_side {
    const struct model *model;
    struct forward_work *work;
    struct cache *cache;
    float *hidden, *logit; /* [ROWS, width], [LOGIT_ROWS, vocab] */
};

/* NULLs are fine: side_init may have ended half way. */
static void side_fini(struct divergence_side *s)
{
    forward_work_free(s->work);
    cache_free(s->cache);
    free(s->hidden);
    free(s->logit);
}

/* A cache as long as the sequence, scratch for ROWS tokens. */
static enum err side_init(struct divergence_side *s, const struct model *model, int tokens)
{
    const struct shape *shape = model_shape(model);
    enum err err;

    *s = (struct divergence_side){.model = model};
    if (tokens > shape->context)
        return err_set(ERR_RANGE, "%d tokens do not fit a context of %d", tokens,
                       shape->context);
    err = forward_work_new(&s->work, shape, ROWS);
    if (!err)
        err = cache_new(&s->cache, shape, tokens, NULL);
    if (!err)
        err = mem_big(&s->hidden, (size_t)ROWS * (size_t)shape->width, sizeof(float), "hidden");
    if (!err)
        err = mem_big(&s->logit, (size_t)LOGIT_ROWS * (size_t)shape->vocab, sizeof(float),
                      "logits");
    return err;
}

/* Tokens from .. from + n of the sequence, behind what the cache has already. */
static void side_run(struct divergence_side *s, const int *token, int from, int n)
{
    struct forward_row row[ROWS];

    for (int i = 0; i < n; i++)
        row[i] = (struct forward_row){s->cache, token[from + i], from + i};
    forward_hidden(s->model, s->work, row, n, s->hidden);
}

/* ln of the sum of exp(logit / temperature). */
static double normaliser(const float *logit, int vocab, double temperature)
{
    double top = -INFINITY, sum = 0;

    for (int v = 0; v < vocab; v++)
        top = fmax(top, (double)logit[v] / temperature);
    for (int v = 0; v < vocab; v++)
        sum += exp((double)logit[v] / temperature - top);
    return top + log(sum);
}

/* Both distributions at one token; the vocabulary is summed in double. */
static void add_token(struct divergence *out, const float *p, const float *q, int vocab,
                      int token, double t)
{
    const double zp = normaliser(p, vocab, t), zq = normaliser(q, vocab, t);
    const double x = (double)p[token] / t - zp - ((double)q[token] / t - zq);

    for (int v = 0; v < vocab; v++) {
        const double lp = (double)p[v] / t - zp, lq = (double)q[v] / t - zq;
        out->kl += exp(lp) * (lp - lq);
        out->entropy -= exp(lp) * lp;
    }
    out->k1 += x;
    out->k3 += expm1(-x) + x;
}

/* Hidden rows of tokens from .. from + n are here: those that predict the answer count. */
static void add_rows(struct divergence *out, struct divergence_side side[2], const int *token,
                     int from, int n, int prompt, int end, double t)
{
    const int vocab = model_shape(side[0].model)->vocab;

    for (int at = from < prompt - 1 ? prompt - 1 : from; at < from + n; at += LOGIT_ROWS) {
        const int rows = from + n - at < LOGIT_ROWS ? from + n - at : LOGIT_ROWS;
        for (int k = 0; k < 2; k++) {
            const size_t width = (size_t)model_shape(side[k].model)->width;
            forward_logits(side[k].model, side[k].work,
                           side[k].hidden + (size_t)(at - from) * width, rows, side[k].logit);
        }
        for (int i = 0; i < rows && at + i + 1 < end; i++)
            add_token(out, side[0].logit + (size_t)i * (size_t)vocab,
                      side[1].logit + (size_t)i * (size_t)vocab, vocab, token[at + i + 1], t);
    }
}

/* The last token predicts nothing that is there: n - 1 rows are run. */
enum err divergence_of(struct divergence *out, const struct model *p, const struct model *q,
                       const int *token, int prompt, int answer, float temperature)
{
    const int n = prompt + answer;
    struct divergence_side side[2] = {{NULL, NULL, NULL, NULL, NULL}};
    enum err err = OK;

    *out = (struct divergence){0};
    if (model_shape(p)->vocab != model_shape(q)->vocab)
        err = err_set(ERR_RANGE, "the model has %d tokens, the reference %d",
                      model_shape(p)->vocab, model_shape(q)->vocab);
    if (!err)
        err = side_init(&side[0], p, n);
    if (!err)
        err = side_init(&side[1], q, n);
    for (int at = 0; at < n - 1 && !err; at += ROWS) {
        const int rows = n - 1 - at < ROWS ? n - 1 - at : ROWS;
        side_run(&side[0], token, at, rows);
        side_run(&side[1], token, at, rows);
        add_rows(out, side, token, at, rows, prompt, n,
                 temperature > 0 ? (double)temperature : 1);
    }
    side_fini(&side[0]);
    side_fini(&side[1]);
    return err;
}

/* One answer after another: two caches are the memory. */
enum err divergence_answers(struct divergence *out, const struct eval_conf *conf,
                            const struct eval_prompts *prompts,
                            const struct eval_answers *answers,
                            const struct open_model *reference)
{
    const struct open_model *own = &answers->loaded;
    enum err err = OK;

    if (!own->model || !reference->model)
        return err_set(ERR_STATE, "the divergence needs both models");
    for (size_t k = 0; k < answers->n && !err; k++) {
        const size_t i = k / (size_t)answers->samples;
        const struct eval_answer *a = &answers->answer[k];
        struct encoded ids;
        err = encode_prompt(&own->encode, prompts->prompt[i], NULL, &ids);
        if (!err) {
            ids.ids = mem_grow(ids.ids, (size_t)(ids.n + a->tokens + 1), sizeof *ids.ids);
            memcpy(ids.ids + ids.n, a->ids, (size_t)a->tokens * sizeof *ids.ids);
            err = divergence_of(&out[k], own->model, reference->model, ids.ids, ids.n,
                                a->tokens, (float)conf->sampling.temperature);
        }
        if (err)
            err = dataset_at(prompts->set, i);
        encoded_free(&ids);
    }
    return err;
}

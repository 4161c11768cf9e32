/* Whole sequences through the decoding pass, SCORE_ROWS rows at a time: a row for every token,
 * in order, so that a long sequence is cut anywhere and short ones go together. A sequence's
 * cache is made when its first row is gathered and freed after the pass that holds its last, so
 * a batch of any length needs few caches at once. Used by the rewarder's reward models and
 * reference, by judges and by eval: whoever needs numbers of given texts and no gradient. */

#include "lm/model/forward.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens that go through the model at once: enough for the products, few enough to stay in
 * cache. */
enum { SCORE_ROWS = 384 };

struct forward_score {
    const struct model *model;
    const int *token, *seq;
    float temperature, *logprob, *entropy, *value; /* outputs, may be NULL */
    float *last;                                   /* [n_seq,width] output, may be NULL */
    struct forward_work *work;
    struct cache_pool *pool; /* of the sequences that are open at once */
    struct cache **cache;    /* [n_seq], made when a sequence opens */
    float *hidden, *lp, *ent;
    struct forward_row *row;
    int *target, *at; /* [rows] next token; which token of the batch this row is */
    int ended;        /* sequences whose last row is through */
};

/* All of it before anything is computed, as texts come from outside. */
static enum err check(const struct forward_score *s, int n_seq)
{
    const struct shape *shape = model_shape(s->model);

    for (int q = 0; q < n_seq; q++) {
        const int n = s->seq[q + 1] - s->seq[q];

        if (n < 1 || n > shape->context)
            return err_set(ERR_RANGE, "sequence %d has %d tokens: not in 1..%d", q, n,
                           shape->context);
        for (int i = s->seq[q]; i < s->seq[q + 1]; i++)
            if (s->token[i] < 0 || s->token[i] >= shape->vocab)
                return err_set(ERR_RANGE, "token %d of sequence %d is %d: not in 0..%d",
                               i - s->seq[q], q, s->token[i], shape->vocab - 1);
    }
    if (!(s->temperature > 0))
        return err_set(ERR_RANGE, "temperature %g: not above 0", (double)s->temperature);
    if ((s->logprob || s->entropy) && shape->head != HEAD_LM)
        return err_set(ERR_RANGE, "log-probabilities of a model with a scalar head");
    if (s->value && shape->head == HEAD_LM)
        return err_set(ERR_RANGE, "values of a model without a scalar head");
    return OK;
}

/* Rows 0..n of the chunk are ready: runs them and hands out the results. A sequence's last row
 * predicts nothing: its target is -1, and it is left out of the head. */
static void run(struct forward_score *s, int n)
{
    const size_t width = (size_t)model_shape(s->model)->width;
    int kept = 0;

    forward_hidden(s->model, s->work, s->row, n, s->hidden);
    /* Sequences end in their order, so the next one to end is known without a look. */
    for (int i = 0; i < n && s->last; i++)
        if (s->target[i] < 0)
            memcpy(s->last + (size_t)s->ended++ * width, s->hidden + (size_t)i * width,
                   width * sizeof *s->last);
    if (s->value) {
        forward_scalar(s->model, s->hidden, n, s->lp);
        for (int i = 0; i < n; i++)
            s->value[s->at[i]] = s->lp[i];
    }
    if (!s->logprob && !s->entropy)
        return;
    /* Rows that predict something move together; the head then runs over them alone. */
    for (int i = 0; i < n; i++) {
        if (s->target[i] < 0)
            continue;
        memmove(s->hidden + (size_t)kept * width, s->hidden + (size_t)i * width,
                width * sizeof *s->hidden);
        s->target[kept] = s->target[i];
        s->at[kept++] = s->at[i];
    }
    forward_logprob(s->model, s->work, s->hidden, kept, s->target, s->temperature, s->lp,
                    s->ent, NULL);
    for (int i = 0; i < kept; i++) {
        if (s->logprob)
            s->logprob[s->at[i] + 1] = s->lp[i];
        if (s->entropy)
            s->entropy[s->at[i] + 1] = s->ent[i];
    }
}

/* Fills the chunk row by row and runs it when it is full or all is gathered. logprob[i] is
 * token i's, given those before it: the first of a sequence has none, and says 0. */
static enum err sequences(struct forward_score *s, int n_seq, int rows)
{
    int n = 0, open = 0; /* caches of sequences open..q are alive */

    for (int q = 0; q < n_seq; q++) {
        const int len = s->seq[q + 1] - s->seq[q];

        if (s->logprob)
            s->logprob[s->seq[q]] = 0;
        if (s->entropy)
            s->entropy[s->seq[q]] = 0;
        if (cache_new(&s->cache[q], model_shape(s->model), len, s->pool))
            return ERR_NOMEM;
        for (int i = 0; i < len; i++) {
            const int at = s->seq[q] + i;

            s->row[n] = (struct forward_row){s->cache[q], s->token[at], i};
            s->target[n] = i + 1 < len ? s->token[at + 1] : -1;
            s->at[n++] = at;
            if (n < rows && (q + 1 < n_seq || i + 1 < len))
                continue;
            run(s, n);
            n = 0;
            /* All rows of sequences before this one are through. */
            for (; open < q; open++) {
                cache_free(s->cache[open]);
                s->cache[open] = NULL;
            }
        }
    }
    return OK;
}

/* Tokens of the caches that `sequences` has open at once, at most: of the one that a chunk begins in,
 * and of those that begin in the chunk. */
static size_t open_tokens(const struct forward_score *s, int n_seq, int rows)
{
    size_t open = 0, most = 0;
    int n = 0;

    for (int q = 0; q < n_seq; q++) {
        const int len = s->seq[q + 1] - s->seq[q];
        const size_t own = kv_block_count(len) * KV_BLOCK_TOKENS;

        open += own;
        most = open > most ? open : most;
        if (n + len >= rows)
            open = own;
        n = (n + len) % rows;
    }
    return most;
}

/* A number that is none would be believed by whoever reads it. */
static enum err check_finite(const struct forward_score *s, int n_seq)
{
    const float *const out = s->logprob ? s->logprob : s->value;
    char where[FORWARD_FAULT];

    for (int q = 0; out && q < n_seq; q++)
        for (int i = s->seq[q]; i < s->seq[q + 1]; i++)
            if (!isfinite(out[i]))
                return err_set(ERR_RANGE, "%s of sequence %d are not numbers: from %s on",
                               s->logprob ? "logits" : "values", q,
                               forward_fault(where, s->model, s->token + s->seq[q],
                                             s->seq[q + 1] - s->seq[q]));
    return OK;
}

/* What is asked for is in s. */
static enum err whole(const struct forward_score *asked, int n_seq)
{
    struct forward_score s = *asked;
    const struct shape *shape = model_shape(s.model);
    const int total = n_seq > 0 ? s.seq[n_seq] - s.seq[0] : 0;
    const int rows = total < SCORE_ROWS ? total : SCORE_ROWS;
    enum err err = check(&s, n_seq);

    if (err || total == 0)
        return err;
    s.cache = mem_new((size_t)n_seq, sizeof *s.cache);
    s.row = mem_new((size_t)rows, sizeof *s.row);
    s.target = mem_new((size_t)rows, sizeof *s.target);
    s.at = mem_new((size_t)rows, sizeof *s.at);
    s.lp = mem_new((size_t)rows, sizeof *s.lp);
    s.ent = mem_new((size_t)rows, sizeof *s.ent);
    err = forward_work_new(&s.work, shape, rows);
    if (!err)
        err = cache_pool_new(&s.pool, shape, open_tokens(&s, n_seq, rows));
    if (!err)
        err = mem_big(&s.hidden, (size_t)rows * (size_t)shape->width, sizeof *s.hidden,
                      "hidden states");
    if (!err)
        err = sequences(&s, n_seq, rows);
    if (!err)
        err = check_finite(&s, n_seq);
    for (int q = 0; q < n_seq; q++)
        cache_free(s.cache[q]);
    cache_pool_free(s.pool);
    free(s.cache);
    free(s.row);
    free(s.target);
    free(s.at);
    free(s.lp);
    free(s.ent);
    free(s.hidden);
    forward_work_free(s.work);
    return err;
}

enum err forward_score(const struct model *model, const int *token, const int *seq, int n_seq,
                       float temperature, float *logprob, float *entropy, float *value)
{
    const struct forward_score s = {
        .model = model,
        .token = token,
        .seq = seq,
        .temperature = temperature,
        .logprob = logprob,
        .entropy = entropy,
        .value = value,
    };

    return whole(&s, n_seq);
}

enum err forward_score_last(const struct model *model, const int *token, const int *seq,
                            int n_seq, float *hidden)
{
    const struct forward_score s = {
        .model = model, .token = token, .seq = seq, .temperature = 1, .last = hidden};

    return whole(&s, n_seq);
}

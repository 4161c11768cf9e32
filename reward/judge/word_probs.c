/* Words are compared where their tokens part. All of them begin alike, with the tokens of the
 * text (and maybe a first token of their own), so that much runs through the model once, into
 * `cache`; where a word goes on for several tokens, what is shared is copied into `spare` and
 * the rest run there, so that the next word finds the text as it was. A judgement is then the
 * text's tokens and a few more, whatever the number of words.
 *
 * The caches grow to the longest text seen and are kept: a judge asks thousands of times. */

#include "reward/judge/word_probs.h"

#include "base/mem.h"
#include "lm/kernel/real.h"
#include "lm/model/forward.h"
#include "lm/text/encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_ROWS = 256 };

struct word_probs {
    const struct model *model;
    const struct encode *encode;
    struct forward_work *work;
    struct forward_row *row;
    float *hidden, *last; /* [rows, width], [width] */
    struct cache_pool *pool;
    struct cache *cache, *spare; /* the text; the text and a word of several tokens */
    int capacity;
};

enum err word_probs_new(struct word_probs **out, const struct model *model,
                        const struct encode *encode)
{
    struct word_probs *w = mem_new(1, sizeof *w);
    const size_t width = (size_t)model_shape(model)->width;
    enum err err;

    *w = (struct word_probs){.model = model, .encode = encode};
    w->row = mem_new(WORDS_ROWS, sizeof *w->row);
    err = forward_work_new(&w->work, model_shape(model), WORDS_ROWS);
    if (!err)
        err = mem_big(&w->hidden, (WORDS_ROWS + 1) * width, sizeof *w->hidden, "judge");
    w->last = w->hidden ? w->hidden + WORDS_ROWS * width : NULL;
    if (err) {
        word_probs_free(w);
        w = NULL;
    }
    *out = w;
    return err;
}

void word_probs_free(struct word_probs *w)
{
    if (!w)
        return;
    cache_free(w->cache);
    cache_free(w->spare);
    cache_pool_free(w->pool);
    forward_work_free(w->work);
    free(w->hidden);
    free(w->row);
    free(w);
}

/* In steps of 256 tokens, so that texts of nearly one length do not make it anew each time. */
static enum err make_room(struct word_probs *w, int tokens)
{
    const struct shape *shape = model_shape(w->model);
    enum err err;

    if (tokens <= w->capacity)
        return OK;
    cache_free(w->cache);
    cache_free(w->spare);
    cache_pool_free(w->pool);
    w->cache = w->spare = NULL;
    w->capacity = (tokens + 255) / 256 * 256;
    err = cache_pool_new(&w->pool, shape, 2 * (size_t)w->capacity);
    if (!err)
        err = cache_new(&w->cache, shape, w->capacity, w->pool);
    if (!err)
        err = cache_new(&w->spare, shape, w->capacity, w->pool);
    if (err)
        w->capacity = 0;
    return err;
}

/* In pieces of WORDS_ROWS, as the buffers are: tokens from .. to of a sequence; w->last becomes
 * the final norm's output at to - 1. */
static void run(struct word_probs *w, struct cache *cache, const int *token, int from, int to)
{
    const size_t width = (size_t)model_shape(w->model)->width;

    while (from < to) {
        const int n = to - from < WORDS_ROWS ? to - from : WORDS_ROWS;
        for (int i = 0; i < n; i++)
            w->row[i] = (struct forward_row){cache, token[from + i], from + i};
        forward_hidden(w->model, w->work, w->row, n, w->hidden);
        memcpy(w->last, w->hidden + (size_t)(n - 1) * width, width * sizeof *w->last);
        from += n;
    }
}

static double logprob(struct word_probs *w, int token)
{
    float value;

    forward_logprob(w->model, w->work, w->last, 1, &token, 1.0f, &value, NULL, NULL);
    return (double)value;
}

static int common(const struct encoded *a, const struct encoded *b)
{
    int n = 0;

    while (n < a->n && n < b->n && a->ids[n] == b->ids[n])
        n++;
    return n;
}

/* How many tokens all words share; none may begin another: P("1") would hold P("10"), and what
 * the model means by "1" could not be told. */
static enum err apart(const struct encoded *ids, const char *const *word, int n, int *shared)
{
    *shared = ids[0].n;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++) {
            const int same = common(&ids[i], &ids[k]);
            *shared = same < *shared ? same : *shared;
            if (same == ids[i].n || same == ids[k].n)
                return err_set(ERR_RANGE,
                               "verdicts: '%s' and '%s': one begins the other in tokens",
                               word[i], word[k]);
        }
    return *shared > 0 ? OK : err_set(ERR_RANGE, "nothing stands before the verdict");
}

/* Text and word are encoded as one, since tokens may span the seam. */
static enum err encode_all(struct word_probs *w, const char *text, const char *gap,
                           const char *const *word, int n, struct encoded *ids, int *longest)
{
    const int context = model_shape(w->model)->context;
    enum err err = OK;

    *longest = 0;
    for (int i = 0; i < n && !err; i++) {
        char *const both = mem_print("%s%s%s", text, gap, word[i]);
        json_t *const string = json_string(both);
        err = string ? encode_prompt(w->encode, string, NULL, &ids[i])
                     : err_set(ERR_PARSE, "a text to judge is not UTF-8");
        json_decref(string);
        free(both);
        *longest = ids[i].n > *longest ? ids[i].n : *longest;
    }
    if (!err && *longest > context)
        err = err_set(ERR_RANGE, "%d tokens do not fit the judge's context of %d", *longest,
                      context);
    return err;
}

static void measure(struct word_probs *w, const struct encoded *ids, int n, int shared,
                    double *p)
{
    const size_t width = (size_t)model_shape(w->model)->width;
    float *keep = mem_new(width, sizeof *keep);
    double top = -INFINITY, sum = 0; /* p relative to the greatest: all may be tiny */

    cache_clear(w->spare); /* it would hold what is written to now */
    run(w, w->cache, ids[0].ids, 0, shared);
    memcpy(keep, w->last, width * sizeof *keep);
    for (int i = 0; i < n; i++) {
        memcpy(w->last, keep, width * sizeof *keep);
        p[i] = logprob(w, ids[i].ids[shared]);
        if (ids[i].n > shared + 1) /* one token's probability needs no further run */
            cache_share(w->spare, w->cache, shared);
        for (int t = shared; t < ids[i].n - 1; t++) {
            run(w, w->spare, ids[i].ids, t, t + 1);
            p[i] += logprob(w, ids[i].ids[t + 1]);
        }
        top = fmax(top, p[i]);
    }
    for (int i = 0; i < n; i++)
        sum += p[i] = real_exp(p[i] - top);
    for (int i = 0; i < n; i++)
        p[i] /= sum;
    free(keep);
}

enum err word_probs_read(struct word_probs *w, const char *text, const char *gap,
                         const char *const *word, int n, double *p)
{
    struct encoded *ids = mem_new((size_t)n, sizeof *ids);
    int longest, shared = 0;
    enum err err = encode_all(w, text, gap, word, n, ids, &longest);

    if (!err)
        err = apart(ids, word, n, &shared);
    if (!err)
        err = make_room(w, longest);
    if (!err)
        measure(w, ids, n, shared, p);
    for (int i = 0; i < n; i++)
        encoded_free(&ids[i]);
    free(ids);
    return err;
}

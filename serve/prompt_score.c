/* A prompt goes through the model as generate's prefill takes it, PIECE tokens a call, with a cache
 * of its own; the rows' logits come LOGITS rows at a time. What a row says is of the token behind
 * it, so the last token's row is not asked for. */

#include "serve/prompt_score.h"

#include "base/mem.h"
#include "lm/kernel/share.h"
#include "lm/kernel/softmax.h"

#include <math.h>
#include <stdlib.h>

enum { PIECE = 256, LOGITS = 32 };

struct prompt_score {
    struct shape shape;
    struct cache *cache;
    struct forward_work *work;
    struct forward_row row[PIECE];
    float *hidden; /* [PIECE, width] */
    float *logits; /* [LOGITS, vocab] */
};

enum err prompt_score_new(struct prompt_score **out, const struct shape *shape, int length)
{
    struct prompt_score *s = mem_new(1, sizeof *s);

    *out = NULL;
    s->shape = *shape;
    if (cache_new(&s->cache, shape, length) || forward_work_new(&s->work, shape, PIECE) ||
        mem_big(&s->hidden, (size_t)PIECE * (size_t)shape->width, sizeof *s->hidden,
                "hidden states") ||
        mem_big(&s->logits, (size_t)LOGITS * (size_t)shape->vocab, sizeof *s->logits,
                "logits")) {
        prompt_score_free(s);
        return ERR_NOMEM;
    }
    *out = s;
    return OK;
}

void prompt_score_free(struct prompt_score *s)
{
    if (!s)
        return;
    cache_free(s->cache);
    forward_work_free(s->work);
    free(s->hidden);
    free(s->logits);
    free(s);
}

/* Rows of logits of tokens from .. from+rows-1 to what they say of the token behind each. */
static void tell(const struct prompt_score *s, const int *ids, int from, int rows,
                 float *logprob, struct sample_top *best, int k)
{
    const size_t vocab = (size_t)s->shape.vocab;

#pragma omp parallel for schedule(dynamic) if (share_worth(16 * (size_t)rows * vocab))
    for (int i = 0; i < rows; i++) {
        const float *logit = s->logits + (size_t)i * vocab;
        const int next = from + i + 1;
        struct softmax row;

        softmax_row(&row, logit, s->shape.vocab, softmax_rate(1));
        logprob[next] = softmax_logprob(&row, logit[ids[next]]);
        sample_best(best + (size_t)next * (size_t)k, k, 1, logit, s->shape.vocab);
    }
}

enum err prompt_score_piece(struct prompt_score *s, const struct model *model, const int *ids,
                            int n, int *at, float *logprob, struct sample_top *best, int k)
{
    const size_t width = (size_t)s->shape.width;
    const int left = n - 1 - *at, rows = left < PIECE ? left : PIECE;

    if (*at == 0)
        logprob[0] = 0;
    for (int i = 0; i < rows; i++)
        s->row[i] = (struct forward_row){s->cache, ids[*at + i], *at + i};
    if (rows > 0)
        forward_hidden(model, s->work, s->row, rows, s->hidden);
    for (int i = 0; i < rows; i += LOGITS) {
        const int some = rows - i < LOGITS ? rows - i : LOGITS;

        forward_logits(model, s->work, s->hidden + (size_t)i * width, some, s->logits);
        tell(s, ids, *at + i, some, logprob, best, k);
    }
    for (int i = 0; i < rows; i++) /* a NaN anywhere in a row shows in its log-probabilities */
        if (!isfinite(logprob[*at + i + 1]))
            return err_set(ERR_RANGE, "logits at token %d of the prompt are not numbers",
                           *at + i);
    *at = *at + rows >= n - 1 ? n : *at + rows;
    return OK;
}

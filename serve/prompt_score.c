/* A prompt goes through the model as generate's prefill takes it, PIECE tokens a call, with a cache
 * of its own; the rows' logits come LOGITS rows at a time. What a row says is of the token behind
 * it; the last token's row is kept, for whoever wants one token more (lm-eval always does). */

#include "serve/prompt_score.h"

#include "base/mem.h"
#include "base/rng.h"
#include "lm/kernel/share.h"
#include "lm/kernel/softmax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256, LOGITS = 32 };

struct prompt_score {
    struct shape shape;
    struct cache *cache;
    struct forward_work *work;
    struct forward_row row[PIECE];
    float *hidden; /* [PIECE, width] */
    float *logits; /* [LOGITS, vocab] */
    float *last;   /* [vocab] of the last row of the prompt that was done last */
    struct sample_scratch *scratch;
};

enum err prompt_score_new(struct prompt_score **out, const struct shape *shape, int length)
{
    struct prompt_score *s = mem_new(1, sizeof *s);

    *out = NULL;
    s->shape = *shape;
    if (cache_new(&s->cache, shape, length, NULL) || forward_work_new(&s->work, shape, PIECE) ||
        mem_big(&s->hidden, (size_t)PIECE * (size_t)shape->width, sizeof *s->hidden,
                "hidden states") ||
        mem_big(&s->logits, (size_t)LOGITS * (size_t)shape->vocab, sizeof *s->logits,
                "logits") ||
        mem_big(&s->last, (size_t)shape->vocab, sizeof *s->last, "logits") ||
        sample_scratch_new(&s->scratch, shape->vocab)) {
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
    free(s->last);
    sample_scratch_free(s->scratch);
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
    const size_t width = (size_t)s->shape.width, vocab = (size_t)s->shape.vocab;
    const int left = n - *at, rows = left < PIECE ? left : PIECE;

    if (*at == 0)
        logprob[0] = 0;
    for (int i = 0; i < rows; i++)
        s->row[i] = (struct forward_row){s->cache, ids[*at + i], *at + i};
    forward_hidden(model, s->work, s->row, rows, s->hidden);
    for (int i = 0; i < rows; i += LOGITS) {
        const int some = rows - i < LOGITS ? rows - i : LOGITS;
        const bool end = *at + i + some == n;

        forward_logits(model, s->work, s->hidden + (size_t)i * width, some, s->logits);
        tell(s, ids, *at + i, some - end, logprob, best, k);
        if (end)
            memcpy(s->last, s->logits + (size_t)(some - 1) * vocab, vocab * sizeof *s->last);
    }
    for (int i = *at; i < *at + rows && i < n - 1;
         i++) /* a NaN in a row shows in its figures */
        if (!isfinite(logprob[i + 1]))
            return err_set(ERR_RANGE, "logits at token %d of the prompt are not numbers", i);
    *at += rows;
    return OK;
}

enum err prompt_score_draw(struct prompt_score *s, const struct generate_job *job, int sample,
                           struct generate_token *out, struct sample_top *best)
{
    const double u = rng_uniform(job->seed, RNG_SAMPLE, job->task, (uint32_t)sample,
                                 (uint32_t)job->n_prompt);

    *out = (struct generate_token){.task = job->task, .sample = sample, .owner = job->owner};
    out->token = sample_draw(s->scratch, &job->sampling,
                             &(struct penalty_said){job->prompt, job->n_prompt, job->n_prompt},
                             s->last, u, &out->logprob);
    if (out->token < 0)
        return err_set(ERR_RANGE, "logits behind the prompt are not numbers");
    out->tops = sample_best(best, job->top, job->sampling.temperature, s->last, s->shape.vocab);
    out->top = best;
    return OK;
}

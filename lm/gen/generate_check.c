/* What a job may ask for: one look at all of it, before anything of the generator is touched. Called by
 * generate_admit; every number of a job is its asker's, who may be a request or a lease. */

#include "lm/gen/generate.h"

#include "lm/gen/generate_state.h"

#include <string.h>

static enum err check_stops(const struct generate *g, const struct sampling *s)
{
    if (s->n_stop < 0 || s->n_stop > 8 || s->stop_text_count < 0 || s->stop_text_count > 8)
        return err_set(ERR_RANGE, "stop: %d tokens and %d strings: at most 8 of each",
                       s->n_stop, s->stop_text_count);
    for (int i = 0; i < s->n_stop; i++)
        if (s->stop[i] < 0 || s->stop[i] >= g->shape.vocab)
            return err_set(ERR_RANGE, "stop token %d: not in 0..%d", s->stop[i],
                           g->shape.vocab - 1);
    if (s->stop_text_count && !g->tokenizer)
        return err_set(ERR_RANGE, "stop strings need a tokenizer");
    for (int i = 0; i < s->stop_text_count; i++) {
        const size_t n = strlen(s->stop_text[i]);

        if (n < 1 || n > STOP_LONGEST)
            return err_set(ERR_RANGE, "stop string of %zu bytes: not in 1..%d", n,
                           STOP_LONGEST);
    }
    return OK;
}

enum err generate_check_job(const struct generate *g, const struct generate_job *job)
{
    if (job->n < 1 || job->sample < 0 || job->sample > INT32_MAX - job->n)
        return err_set(ERR_RANGE, "samples %d..: %d of them", job->sample, job->n);
    if (job->n_prompt < 1 || job->n_prompt >= g->length)
        return err_set(ERR_RANGE, "prompt of %d tokens: not in 1..%d", job->n_prompt,
                       g->length - 1);
    for (int i = 0; i < job->n_prompt; i++)
        if (job->prompt[i] < 0 || job->prompt[i] >= g->shape.vocab)
            return err_set(ERR_RANGE, "prompt token %d is %d: not in 0..%d", i, job->prompt[i],
                           g->shape.vocab - 1);
    if (draft_unfit(&job->earlier, g->shape.vocab))
        return err_set(ERR_RANGE, "%s", draft_unfit(&job->earlier, g->shape.vocab));
    if (job->top < 0 || job->top > SAMPLE_TOPS)
        return err_set(ERR_RANGE, "top %d: not in 0..%d", job->top, SAMPLE_TOPS);
    if (job->sampling.max_new < 1)
        return err_set(ERR_RANGE, "max_new %d: below 1", job->sampling.max_new);
    if (sample_check(&job->sampling) || penalty_check(&job->sampling.penalties, g->shape.vocab))
        return ERR_RANGE;
    return check_stops(g, &job->sampling);
}

/* The tokens of a step: rows of hidden states, moved together, become rows of logits, and each draw takes
 * its row on whichever thread is free. Called by generate_step once its pass is through the model; what
 * becomes of the tokens is generate.c's. */

#include "lm/gen/generate.h"

#include "base/rng.h"
#include "lm/gen/generate_state.h"
#include "lm/kernel/share.h"

#include <omp.h>
#include <string.h>

enum { LOGIT_ROWS = 64 }; /* rows of logits that exist at once */

/* More than that are drawn in several goes: a vocabulary's logits of every slot would be larger than all their
 * caches. */
int generate_draw_rows(const struct generate *g)
{
    const int most = LOGIT_ROWS / (DRAFT_MOST + 1);

    return g->slots < most ? g->slots * (DRAFT_MOST + 1) : LOGIT_ROWS;
}

/* A function of the position, not of how many were drawn before it. */
double generate_draw_number(const struct generate_slot *s, int at)
{
    return rng_uniform(s->job.seed, RNG_SAMPLE, s->job.task, (uint32_t)s->sample, (uint32_t)at);
}

/* One draw, by one thread with its own scratch. Rows of logits count from the first draw's. */
static void draw(struct generate *g, const struct generate_draw *first, struct generate_draw *d)
{
    struct generate_slot *s = &g->slot[d->slot];
    const size_t row = (size_t)(d->row - first->row);
    const float *logit = g->logits + row * (size_t)g->shape.vocab;

    d->token = sample_draw(g->scratch[omp_get_thread_num()], &s->job.sampling,
                           &(struct penalty_said){s->token, s->job.n_prompt, d->at}, logit,
                           generate_draw_number(s, d->at), &s->logprob[d->at]);
    d->tops = d->token < 0 ? 0
                           : sample_best(d->top, s->job.top, s->job.sampling.temperature, logit,
                                         g->shape.vocab);
}

/* Draws every token of g->draw. Their rows are moved together first: draws are in order of
 * rows, and several may share one. */
void generate_draw_all(struct generate *g, const struct model *model)
{
    const size_t width = (size_t)g->shape.width;
    int kept = 0;

    for (int i = 0; i < g->draws; i++) {
        const int from = g->draw[i].row;
        const bool same = i > 0 && from == g->draw[i - 1].token;

        g->draw[i].token = from; /* remembered for the next comparison only */
        if (!same)
            memmove(g->hidden + (size_t)kept++ * width, g->hidden + (size_t)from * width,
                    width * sizeof *g->hidden);
        g->draw[i].row = kept - 1;
    }
    for (int i = 0, end; i < g->draws; i = end) {
        const struct generate_draw first = g->draw[i];
        size_t work;
        int rows;

        for (end = i; end < g->draws && g->draw[end].row - first.row < generate_draw_rows(g);)
            end++;
        work = 16 * (size_t)(end - i) * (size_t)g->shape.vocab;
        rows = g->draw[end - 1].row - first.row + 1;
        forward_logits(model, g->work, g->hidden + (size_t)first.row * width, rows, g->logits);
#pragma omp parallel for schedule(dynamic) num_threads(g->threads) if (share_worth(work))
        for (int k = i; k < end; k++)
            draw(g, &first, &g->draw[k]);
    }
}

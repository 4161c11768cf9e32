/* The sequence goes through the model once more, an operation at a time, and the first that makes a number
 * which is none has its name told: its weight as files call it, or what it does where it has none.
 * Called by who found a logit that is not finite (generate, forward_score), so never in a pass that is
 * well; what it finds is as deep in the list as the fault is, not where the fault was seen. */

#include "lm/model/block_forward.h"
#include "lm/model/forward.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool finite_all(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

/* Of an operation, or an end of the model. */
static void name_it(char out[FORWARD_FAULT], const struct model *m, const struct block_op *op,
                    int layer)
{
    static const char *const kinds[] = {[OP_NORM] = "norm",
                                        [OP_LINEAR] = "product",
                                        [OP_HEAD_NORM] = "norm of heads",
                                        [OP_ROTATE] = "rotation",
                                        [OP_SCALE] = "scale of queries",
                                        [OP_ATTEND] = "attention",
                                        [OP_GATE] = "gate",
                                        [OP_ADD] = "sum"};
    struct params *outline;
    const struct tensor *t = NULL;

    if (params_outline(&outline, &m->shape))
        outline = NULL;
    if (outline && op->weight != PARTS)
        t = params_part(outline, op->weight, layer);
    if (t)
        snprintf(out, FORWARD_FAULT, "layer %d, %s", layer, t->name);
    else
        snprintf(out, FORWARD_FAULT, "layer %d, %s", layer, kinds[op->kind]);
    params_free(outline);
}

static void walk(char out[FORWARD_FAULT], const struct model *m, struct forward_work *w, int n)
{
    const struct shape *s = &m->shape;
    const struct block_pass pass = forward_work_pass(w, m, n);

    model_embed(m, w->x, w->token, w->pos, n);
    for (int i = 0; i <= model_two_angles(s); i++)
        model_angles(m, w->cos[i], w->sin[i], w->pos, n, i);
    if (!finite_all(w->x, (size_t)n * (size_t)s->width)) {
        snprintf(out, FORWARD_FAULT, "the embedding");
        return;
    }
    for (int l = 0; l < s->layers; l++)
        for (int i = 0; i < m->block->n_ops; i++) {
            const struct block_op *op = &m->block->op[i];

            block_forward_op(&pass, l, i);
            if (!finite_all(pass.act[op->to], (size_t)n * (size_t)block_width(s, op->to))) {
                name_it(out, m, op, l);
                return;
            }
        }
}

const char *forward_fault(char out[FORWARD_FAULT], const struct model *model, const int *token,
                          int n)
{
    struct forward_row *rows = mem_new((size_t)n, sizeof *rows);
    struct forward_work *work = NULL;
    struct cache *cache = NULL;

    snprintf(out, FORWARD_FAULT, "the final norm or the head");
    if (!cache_new(&cache, &model->shape, n, NULL) &&
        !forward_work_new(&work, &model->shape, n)) {
        for (int i = 0; i < n; i++)
            rows[i] = (struct forward_row){cache, token[i], i};
        forward_work_begin(work, &model->shape, rows, n);
        walk(out, model, work, n);
    }
    forward_work_free(work);
    cache_free(cache);
    free(rows);
    return out;
}

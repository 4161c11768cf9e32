/* How: answers are encoded as `reward` and `reward-score` encode them (lm/text/reading.h), packed one
 * after another and run through the trunk a window at a time, so that many short ones share a
 * pass and a long one is no larger than itself. */

#include "eval/answer_features.h"

#include "base/mem.h"
#include "data/dialogue.h"
#include "lm/text/reading.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW = 32 };

struct answer_features_pack {
    int *token, seq[WINDOW + 1], n;
};

static enum err encode(struct encoded *out, const struct open_model *model,
                       const struct answer_features_of *of)
{
    json_t *all = dialogue_join(of->prompt, of->answer);
    const enum err err =
        all ? reading_answer(&model->encode, model->eos, all, of->tools, true, out)
            : err_set(ERR_PARSE, "prompt and answer: both strings or both lists of messages");

    json_decref(all);
    return err;
}

static enum err add(struct answer_features_pack *p, const struct open_model *model,
                    const struct answer_features_of *of, int *cut)
{
    struct encoded e = {NULL, 0, 0};
    const int at = p->seq[p->n], most = model_shape(model->model)->context;
    const enum err err = encode(&e, model, of);
    int from;

    if (!err) {
        from = e.n > most ? e.n - most : 0;
        *cut += from > 0;
        p->token = mem_grow(p->token, (size_t)at + (size_t)(e.n - from), sizeof *p->token);
        memcpy(p->token + at, e.ids + from, (size_t)(e.n - from) * sizeof *e.ids);
        p->seq[++p->n] = at + e.n - from;
    }
    encoded_free(&e);
    return err;
}

enum err answer_features(float *out, const struct open_model *model,
                         const struct answer_features_of *of, int n, int *bad, int *cut)
{
    const size_t width = (size_t)model_shape(model->model)->width;
    int none = 0;
    enum err err = OK;

    cut = cut ? cut : &none;
    *cut = 0;
    for (int from = 0; from < n && !err; from += WINDOW) {
        struct answer_features_pack p = {.n = 0};
        const int many = n - from < WINDOW ? n - from : WINDOW;

        for (int i = 0; i < many && !err; i++) {
            *bad = from + i;
            err = add(&p, model, &of[from + i], cut);
        }
        if (!err)
            err = forward_score_last(model->model, p.token, p.seq, p.n,
                                     out + (size_t)from * width);
        free(p.token);
    }
    return err;
}

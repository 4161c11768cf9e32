/* A model beside the policy, for as long as it is trained: its weights are unpacked from the artifact
 * that the run began with, so that a refresh does not depend on how many went before it. Sequences are
 * what a rewarder reads (reward/kind_model.c): the policy's tokens, and the template's tail behind an
 * answer that ended. The new image is written under its hash before the journal names it. */

#include "learner/train/refresh.h"

#include "base/mem.h"
#include "base/rng.h"
#include "learner/objective/objective_reward.h"
#include "learner/step/optimizer_step.h"

#include <math.h>
#include <stdlib.h>

struct refresh_step { /* optimizer_step.h's self */
    const struct refresh_conf *conf;
    const struct trainer_judged *judged;
    const uint32_t *order;
    uint32_t from, n;
};

/* At most: the tail may not be read. */
static size_t tokens_of(const struct refresh_conf *conf, const struct prompt *p,
                        const struct record_sample *s)
{
    return (size_t)p->n_token + s->n_token + conf->n_tail;
}

/* One answer behind its prompt. What was cut off did not end, and has no tail. */
static void add(const struct refresh_conf *conf, struct micro_batch *out,
                const struct prompt *p, const struct record_sample *s)
{
    micro_batch_sequence(out, 0);
    micro_batch_tokens(out, p->token, NULL, p->n_token);
    micro_batch_tokens(out, s->token, NULL, s->n_token);
    if (p->chat && s->end == ROLLOUT_STOP && conf->n_tail)
        micro_batch_tokens(out, conf->tail, NULL, conf->n_tail);
}

/* A step is one micro-batch: pairs are few. */
static enum err fill(void *self, size_t i, struct micro_batch *out)
{
    const struct refresh_step *const step = self;
    size_t tokens = 0;
    enum err err;

    (void)i;
    for (uint32_t k = 0; k < step->n; k++) {
        const struct trainer_judged *const j = &step->judged[step->order[step->from + k]];
        tokens += tokens_of(step->conf, j->prompt, j->better) +
                  tokens_of(step->conf, j->prompt, j->other);
    }
    err = micro_batch_begin(out, 0, tokens, 2 * (size_t)step->n);
    for (uint32_t k = 0; k < step->n && !err; k++) {
        const struct trainer_judged *const j = &step->judged[step->order[step->from + k]];
        add(step->conf, out, j->prompt, j->better);
        add(step->conf, out, j->prompt, j->other);
    }
    if (!err)
        micro_batch_end(out);
    return err;
}

/* One step of the model. A gradient that is not finite leaves it as it is (optimizer_step_apply). */
static enum err learn(const struct refresh_conf *conf, struct trainable *model,
                      struct refresh_step *at, struct micro_batch *batch)
{
    static const struct objective_reward_conf loss = {0};
    struct optimizer_step_sums sums;
    struct optimizer_step step = {
        .model[0] = {.model = model,
                     .pass = {.objective = &objective_reward, .conf = &loss, .temperature = 1},
                     .learns = true},
        .n = 1,
        .self = at,
        .fill = fill,
        .batch = batch};
    enum err err = optimizer_step_measure(&step);

    if (!err)
        err = optimizer_step_accumulate(&step, &sums);
    if (!err)
        optimizer_step_apply(&step.model[0], &conf->adamw, conf->learning_rate,
                             conf->max_grad_norm);
    return err;
}

enum err refresh_train(struct trainable *model, const struct refresh_conf *conf,
                       const struct trainer_judged *judged, uint32_t n, const atomic_bool *stop)
{
    uint32_t *const order = mem_new(n, sizeof *order);
    struct refresh_step at = {conf, judged, order, 0, 0};
    struct micro_batch batch = {.columns = 0};
    enum err err = OK;

    /* the two top bits keep this apart from other shuffles */
    rng_shuffle(order, n, conf->seed, RNG_ORDER, (uint64_t)3 << 62 | n);
    for (; at.from < n && !err; at.from += at.n) {
        at.n = n - at.from < (uint32_t)conf->pairs ? n - at.from : (uint32_t)conf->pairs;
        err = stop && atomic_load(stop) ? err_set(ERR_STATE, "stopped in a refresh")
                                        : learn(conf, model, &at, &batch);
    }
    micro_batch_free(&batch);
    free(order);
    return err;
}

/* All weights learn, also where the policy has an adapter: rewarders take an image. */
enum err refresh_run(struct artifact *out, const struct refresh_conf *conf,
                     const struct trainer_judged *judged, uint32_t n, const atomic_bool *stop)
{
    struct trainable *model = NULL;
    struct params *params = NULL;
    size_t bytes = 0;
    enum err err = initial_models_params(conf->models, conf->model, &params);

    if (!err)
        err = trainable_new(&model, params, &conf->training, NULL, conf->seed);
    if (!err)
        err = refresh_train(model, conf, judged, n, stop);
    if (!err) {
        const float *const image = trainable_image(model, &bytes);
        err = initial_models_keep(conf->models, out, image, bytes);
    }
    trainable_free(model);
    return err ? err_add("refresh of %s", conf->models->model[conf->model].name) : OK;
}

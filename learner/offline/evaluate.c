#include "learner/offline/evaluate.h"

#include "base/mem.h"
#include "learner/corpus/corpus_bins.h"
#include "learner/offline/pass.h"

#include <stdlib.h>

size_t evaluate_batch(const struct offline *offline)
{
    const struct keys *keys = offline->keys;

    return (size_t)(offline->coupled ? keys->per_device_train_batch_size
                                     : keys->per_device_eval_batch_size);
}

struct walk {
    struct pass pass;
    uint32_t *row, *record; /* [batch], [records] of the micro-batch at hand */
    size_t n, batch;        /* rows */
};

/* The micro-batch that begins at row `at`. */
static size_t take(struct walk *w, size_t at)
{
    const size_t count = w->n - at < w->batch ? w->n - at : w->batch;

    for (size_t i = 0; i < count; i++)
        w->row[i] = (uint32_t)(at + i);
    return corpus_bins_take(w->pass.corpus, w->row, count, w->record);
}

static enum err measure(struct walk *w, struct trainable *step, struct metrics *exact)
{
    struct pass_norm norm = {0};
    double loss = 0;
    enum err err = OK;

    for (size_t at = 0; at < w->n; at += w->batch)
        pass_count(&w->pass, w->record, take(w, at), &norm);
    if (!(norm.normaliser > 0))
        norm.normaliser = 1;
    for (size_t at = 0; at < w->n && !err; at += w->batch) {
        struct pass_result result = {0};
        const size_t count = take(w, at);
        err = pass_run(&w->pass, step, w->record, count, &norm, false, NULL, exact, &result);
        loss += result.loss;
    }
    metrics_add(exact, "loss", loss, !err);
    return err;
}

/* A difference of means, where the two sides have other numbers of answers (KTO). */
static void margins(json_t *line)
{
    const json_t *c = json_object_get(line, "eval_rewards/chosen");
    const json_t *r = json_object_get(line, "eval_rewards/rejected");

    if (c && r)
        json_object_set_new(line, "eval_rewards/margins",
                            json_real(json_number_value(c) - json_number_value(r)));
}

enum err evaluate(const struct offline *offline, struct trainable *step,
                  struct reference *reference, int64_t num_tokens, int64_t (*now_ms)(void),
                  json_t *line)
{
    struct walk walk = {.n = corpus_bins_rows(offline->test), .batch = evaluate_batch(offline)};
    const size_t batches = (walk.n + walk.batch - 1) / walk.batch;
    const int64_t begun = now_ms();
    struct metrics exact = {0};
    double seconds;
    enum err err;

    walk.row = mem_new(walk.batch, sizeof(*walk.row));
    walk.record = mem_new(offline->test->n, sizeof(*walk.record));
    pass_init(&walk.pass, offline->objective, offline->objective_conf, offline->test,
              reference);
    walk.pass.see = offline->see;
    walk.pass.self = offline->self;
    err = measure(&walk, step, &exact);
    pass_free(&walk.pass);
    free(walk.row);
    free(walk.record);
    if (err)
        return err;
    seconds = (double)(now_ms() - begun) / 1e3;
    metrics_put(&exact, "eval_", line);
    margins(line);
    json_object_set_new(line, "eval_runtime", json_real(seconds));
    if (seconds > 0) {
        json_object_set_new(line, "eval_samples_per_second",
                            json_real((double)walk.n / seconds));
        json_object_set_new(line, "eval_steps_per_second",
                            json_real((double)batches / seconds));
    }
    json_object_set_new(line, "eval_num_tokens", json_integer(num_tokens));
    if (offline->judge)
        offline->judge(offline, &exact, line);
    return OK;
}

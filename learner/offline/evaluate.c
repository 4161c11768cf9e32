/* The held-out rows are one optimiser step of which nobody learns: the same fill, passes and
 * metrics as in training (learner/step), and one normaliser for all of them. Called by cycle
 * between two steps of training; dropout is off, and no gradient is touched. */
#include "learner/offline/evaluate.h"

#include "base/mem.h"
#include "learner/corpus/corpus_bins.h"
#include "learner/offline/filler.h"

#include <stdlib.h>

/* A loss that looks at a micro-batch as a whole is another number in micro-batches of
 * another size. */
size_t evaluate_batch(const struct offline_job *job)
{
    const struct keys *keys = job->keys;

    return (size_t)(job->coupled ? keys->per_device_train_batch_size
                                 : keys->per_device_eval_batch_size);
}

/* All of the set as one step in which nobody learns. */
static enum err measure(const struct offline_job *job, struct trainable *model,
                        struct reference *reference, const uint32_t *row, size_t n,
                        struct metrics *out)
{
    struct filler filler = {.objective = job->objective,
                            .conf = job->objective_conf,
                            .corpus = job->test,
                            .reference = reference,
                            .model = model,
                            .row = row,
                            .n_row = n,
                            .each = evaluate_batch(job),
                            .see = job->see,
                            .self = job->self};
    struct optimizer_step step = filler_step(&filler);
    struct optimizer_step_sums sums;
    enum err err;

    filler_init(&filler);
    err = optimizer_step_measure(&step);
    if (!err)
        err = optimizer_step_accumulate(&step, &sums);
    if (!err) {
        *out = sums.metrics;
        metrics_add(out, "loss", sums.loss[0], 1);
    }
    filler_free(&filler);
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

enum err evaluate(const struct offline_job *job, struct trainable *step,
                  struct reference *reference, int64_t num_tokens, int64_t (*now_ms)(void),
                  json_t *line)
{
    const size_t n = corpus_bins_rows(job->test), each = evaluate_batch(job);
    uint32_t *row = mem_new(n, sizeof(*row));
    const int64_t begun = now_ms();
    struct metrics exact = {0};
    double seconds;
    enum err err;

    for (size_t i = 0; i < n; i++)
        row[i] = (uint32_t)i;
    err = measure(job, step, reference, row, n, &exact);
    free(row);
    if (err)
        return err;
    seconds = (double)(now_ms() - begun) / 1e3;
    metrics_put(&exact, "eval_", line);
    /* Set last, since it overwrites the metric of the same name. */
    margins(line);
    json_object_set_new(line, "eval_runtime", json_real(seconds));
    if (seconds > 0) {
        json_object_set_new(line, "eval_samples_per_second", json_real((double)n / seconds));
        json_object_set_new(line, "eval_steps_per_second",
                            json_real((double)((n + each - 1) / each) / seconds));
    }
    json_object_set_new(line, "eval_num_tokens", json_integer(num_tokens));
    if (job->judge)
        job->judge(job, &exact, line);
    return OK;
}

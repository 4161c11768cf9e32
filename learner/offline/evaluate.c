#include "learner/offline/evaluate.h"

#include "base/mem.h"
#include "learner/offline/pass.h"

#include <stdlib.h>

enum err evaluate(const struct offline *offline, struct step *step, struct reference *reference,
                  int64_t num_tokens, int64_t (*now_ms)(void), json_t *line)
{
    const size_t batch = (size_t)offline->keys->per_device_eval_batch_size;
    const size_t n = offline->test->n, batches = (n + batch - 1) / batch;
    const int64_t begun = now_ms();
    struct meter mean = {0}, exact = {0};
    uint32_t *record = mem_new(batch, sizeof(*record));
    struct pass pass;
    double seconds;
    enum err err = OK;

    pass_init(&pass, offline->objective, offline->objective_conf, offline->test, reference);
    pass.see = offline->see;
    pass.self = offline->self;
    for (size_t at = 0; at < n && !err; at += batch) {
        const size_t count = n - at < batch ? n - at : batch;
        struct pass_result result;
        struct pass_norm norm = {0};
        for (size_t i = 0; i < count; i++)
            record[i] = (uint32_t)(at + i);
        pass_count(&pass, record, count, &norm);
        err = pass_run(&pass, step, record, count, &norm, false, &mean, &exact, &result);
        if (!err)
            meter_add(&mean, "loss", result.loss, (double)count);
    }
    pass_free(&pass);
    free(record);
    if (err)
        return err;
    seconds = (double)(now_ms() - begun) / 1e3;
    meter_put(&mean, "eval_", line);
    json_object_set_new(line, "eval_runtime", json_real(seconds));
    if (seconds > 0) {
        json_object_set_new(line, "eval_samples_per_second", json_real((double)n / seconds));
        json_object_set_new(line, "eval_steps_per_second",
                            json_real((double)batches / seconds));
    }
    json_object_set_new(line, "eval_num_tokens", json_integer(num_tokens));
    if (offline->judge)
        offline->judge(offline, &exact, line);
    return OK;
}

/* A context is filled by run_open, read by all that runs, and closed here, whatever of it there
 * is: it starts as zeros, and every _free takes NULL. The trainer goes before the models, whose
 * mapped bytes its reference reads, and the folder last but for the keys: its lock holds until
 * nothing of this run can write there any more. */

#include "learner/context/run_context.h"

#include <stdlib.h>

void run_context_close(struct run_context *c)
{
    for (uint32_t i = 0; i < c->n_snapshot; i++)
        snapshot_free(c->snapshot[i]);
    samples_log_free(c->samples_log);
    process_stats_free(c->stats);
    ledger_close(c->ledger);
    earlier_answers_free(c->earlier);
    trainer_free(c->trainer);
    tasks_free(c->tasks);
    prompts_free(c->train);
    prompts_free(c->eval);
    initial_models_close(c->models);
    rundir_close(c->dir);
    fleet_keys_fini(&c->plan);
    json_decref(c->config);
    free(c->checkpoints);
    free(c->images);
    free(c->journal);
    free(c->model);
    free(c->tail);
}

const struct prompt *run_context_prompt(const struct run_context *c, uint64_t task)
{
    return prompts_of_task(c->train, c->eval, c->tasks, task);
}

bool run_context_settled(const struct run_context *c)
{
    return ledger_idle(c->ledger) && ledger_watermark(c->ledger) == tasks_total(c->tasks);
}

/* Until the first evaluation is whole some of its tasks may still name version 0. */
uint64_t run_context_smallest(const struct run_context *c)
{
    const uint64_t version = ledger_version(c->ledger);

    return samples_log_evaluated(c->samples_log, TASKS_BEFORE)
               ? tasks_oldest(c->tasks, tasks_first(c->tasks, version))
               : 0;
}

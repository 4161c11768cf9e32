/* A job goes from the loop to the trainer's thread and back, and belongs to whoever has it. What its
 * arrays point to is the ledger's and the prompts': neither changes while a job is out, since an
 * iteration's answers stay until it is announced. */

#include "learner/train/trainer_job.h"

#include "base/mem.h"

#include <stdlib.h>

struct trainer_job *trainer_job(enum trainer_kind kind, uint32_t n)
{
    struct trainer_job *job = mem_new(1, sizeof *job);

    job->kind = kind;
    job->n = kind == TRAINER_ITERATE ? n : 0;
    job->n_keep = kind == TRAINER_SAVE ? n : 0;
    job->sample = mem_new(job->n, sizeof(*job->sample));
    job->prompt = mem_new(job->n, sizeof(*job->prompt));
    job->keep = mem_new(job->n_keep, sizeof(*job->keep));
    return job;
}

void trainer_job_flats(struct trainer_job *job, uint32_t n)
{
    job->n_flat = n;
    job->flat = mem_new(n, sizeof(*job->flat));
    job->flat_prompt = mem_new(n, sizeof(*job->flat_prompt));
}

void trainer_job_free(void *self)
{
    struct trainer_job *job = self;

    if (!job)
        return;
    free((void *)job->sample); /* the arrays alone: what they point to is the ledger's */
    free((void *)job->prompt);
    free((void *)job->keep);
    free((void *)job->flat);
    free((void *)job->flat_prompt);
    free(job->judged);
    free(job->refresh);
    free(job->lie);
    snapshot_free(job->snapshot);
    json_decref(job->line);
    free(job);
}

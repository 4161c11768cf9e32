/* The table names a reward model by its image's hash, so a refreshed one is another scorer: a score holds
 * for the image that gave it. It changes between two iterations, with the STEP of the one before: only
 * where no answer of the next one is under way yet (overlap: none), and the evaluation before training
 * is over, does each iteration have scores of one table; fleet_keys_check and run_refresh_due see to
 * that. The ledger reads records in order, so what it meets while it reads is scored by the table of
 * that place; replay sets it back for the iterations that it trains again. */

#include "learner/context/run_refresh.h"

#include "base/mem.h"
#include "learner/context/run_people.h"
#include "learner/journal/ledger_people.h"
#include "reward/scorers.h"

#include <stdlib.h>

/* Each reward's model by hash; `refreshed` in the place of the one that people teach. */
static void make(struct run_context *c, const struct hash *refreshed)
{
    struct hash card[REWARDS_MAX] = {{{0}}}, image[REWARDS_MAX] = {{{0}}};
    const struct initial_models *o = c->models;

    for (int i = 0; i < c->plan.rewards.n; i++)
        if (o->of_reward[i] >= 0) {
            card[i] = o->model[o->of_reward[i]].card.hash;
            image[i] = refreshed && c->plan.rewards.reward[i].people
                           ? *refreshed
                           : o->model[o->of_reward[i]].image.hash;
        }
    scorers_table(&c->plan.rewards, card, image, &o->model[0].card.hash,
                  &o->model[0].image.hash);
}

void run_refresh_table(struct run_context *run)
{
    run->table = 1;
    make(run, NULL);
}

void run_refresh_apply(void *self, const struct record_refreshed *record)
{
    struct run_context *const run = self;

    run->table++;
    make(run, &record->image);
}

/* Cheap: a hash a row. Nobody else reads the table while replay trains. */
void run_refresh_at(struct run_context *run, uint64_t iteration)
{
    const struct record_refreshed *const last =
        people_refreshed(ledger_people(run->ledger), iteration);

    make(run, last ? &last->image : NULL);
}

/* Not behind the last iteration, whose scores nobody learns; not before the first evaluation is over,
 * whose answers may still be on their way. */
void run_refresh_due(const struct run_context *run, struct trainer_job *job)
{
    const struct people *const people = ledger_people(run->ledger);
    const struct record_refreshed *const last = people_refreshed(people, UINT64_MAX);
    int64_t *kept;
    size_t n;

    if (!run->plan.people.refreshes || job->iteration + 1 >= run->plan.iterations ||
        !samples_log_evaluated(run->samples_log, TASKS_BEFORE))
        return;
    n = people_kept(people, &kept);
    if (n >= (last ? last->judgements : 0) + run->plan.people.min) {
        job->refresh = mem_new(n, sizeof *job->refresh);
        for (size_t i = 0; i < n; i++)
            job->refresh[job->n_refresh++] = run_people_judged(run, &people->said[kept[i]]);
    }
    free(kept);
}

static void put(const struct run_context *run, const struct trainer_job *job, size_t n)
{
    if (run->plan.people.refreshes)
        json_object_set_new(job->line, "people/refreshes", json_integer((json_int_t)n));
}

void run_refresh_note(struct run_context *run, const struct trainer_job *job)
{
    struct record_refreshed *record;

    put(run, job, ledger_people(run->ledger)->n_refreshed + (job->n_refresh > 0));
    if (!job->n_refresh)
        return;
    record = mem_new(1, sizeof *record);
    *record = (struct record_refreshed){.iteration = job->iteration,
                                        .judgements = job->n_refresh,
                                        .image = job->refreshed.hash,
                                        .bytes = job->refreshed.bytes};
    ledger_note(run->ledger, JOURNAL_REFRESHED, record);
}

void run_refresh_line(const struct run_context *run, const struct trainer_job *job)
{
    const struct people *const people = ledger_people(run->ledger);
    size_t n = 0;

    while (n < people->n_refreshed && people->refreshed[n].iteration <= job->iteration)
        n++;
    put(run, job, n);
}

/* Older images are needed by nobody: the journal has what they said. A crash may have left some. */
static enum err let_go(const struct run_context *run, const struct record_refreshed *last)
{
    const struct people *const people = ledger_people(run->ledger);
    enum err err = OK;

    for (size_t i = 0; i < people->n_refreshed && !err; i++)
        if (!hash_same(&people->refreshed[i].image, &last->image))
            err = initial_models_let_go(run->models, &people->refreshed[i].image);
    return err;
}

/* The newest as the journal has it, checked against its hash; what is older goes. */
enum err run_refresh_map(struct run_context *run)
{
    const struct record_refreshed *const last =
        people_refreshed(ledger_people(run->ledger), UINT64_MAX);
    enum err err = OK;

    for (int i = 0; last && i < run->plan.rewards.n && !err; i++)
        if (run->plan.rewards.reward[i].people)
            err = initial_models_refresh(run->models, run->models->of_reward[i], &last->image,
                                         last->bytes);
    return err || !last ? err : let_go(run, last);
}

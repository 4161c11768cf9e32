/* Pairs are chosen by chance that is a function of (seed, iteration, task): of so many of the iteration's tasks
 * one pair each, the first answer in a shuffled order and the first after it that reads otherwise.
 * Which is shown on which side is not decided here: the store does that.
 *
 * What people said enters the first batch behind it. Whatever came until the trainer was given its
 * job is in, in the journal's order; the record of it stands in the STEP's group, so that a job that
 * does not come to its end has learnt nothing, and replay finds the same list. */

#include "learner/context/run_people.h"

#include "base/mem.h"
#include "base/rng.h"
#include "learner/journal/ledger_people.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void run_people_plan(const struct run_context *run)
{
    const struct fleet_keys_people *const people = &run->plan.people;

    if (people->per_iteration)
        fprintf(
            stderr,
            "plan: people are asked about %u pairs an iteration (drover annotate run=%s); what "
            "they say is learnt while it is at most %u versions old: " RUN_PEOPLE_WORDS "\n",
            people->per_iteration, run->keys->keys.output_dir, people->max_age);
}

char *run_people_text(const struct run_context *run, const struct record_sample *s)
{
    char *bytes = NULL, *clean;
    size_t n = 0;

    if (tokenizer_decode(run->models->policy->tokenizer, s->token, s->n_token, false, &bytes,
                         &n))
        return NULL;
    clean = text_clean(bytes, n);
    free(bytes);
    if (strlen(clean) <= MAX_SHOWN)
        return clean;
    free(clean);
    return NULL;
}

/* ---- what is learnt */

/* The better answer first, as the loss wants it. */
struct trainer_judged run_people_judged(const struct run_context *run,
                                        const struct people_said *said)
{
    const struct people_pair *const pair = &ledger_people(run->ledger)->pair[said->pair];
    const int better = said->what->verdict == VERDICT_A ? 0 : 1;

    return (struct trainer_judged){.better = pair->body[better],
                                   .other = pair->body[1 - better],
                                   .prompt = run_context_prompt(run, pair->of.task),
                                   .name = {pair->id, said->what->id}};
}

void run_people_due(const struct run_context *run, struct trainer_job *job)
{
    const struct people *const people = ledger_people(run->ledger);
    int64_t *due = NULL;
    size_t n;

    if (!run->plan.people.per_iteration || !run->plan.judged)
        return;
    n = people_due(people, job->iteration, &due);
    job->judged = mem_new(n, sizeof *job->judged);
    for (size_t i = 0; i < n; i++)
        job->judged[job->n_judged++] = run_people_judged(run, &people->said[due[i]]);
    free(due);
}

static void put(json_t *line, const char *name, uint64_t n)
{
    json_object_set_new(line, name, json_integer((json_int_t)n));
}

static void put_counts(json_t *line, const struct record_people_counts *counts)
{
    put(line, "people/exported", counts->exported);
    put(line, "people/judged", counts->judged);
    put(line, "people/trained", counts->trained);
    put(line, "people/too_old", counts->too_old);
    put(line, "people/unknown", counts->unknown);
    put(line, "people/waiting", counts->waiting);
    put(line, "people/taken_back", counts->taken_back);
}

enum err run_people_again(const struct run_context *run, struct trainer_job *job)
{
    const struct people *const people = ledger_people(run->ledger);
    const struct record_people *const record = people_of(people, job->iteration);

    if (!record)
        return OK;
    job->judged = mem_new(record->n_judgement, sizeof *job->judged);
    for (uint32_t i = 0; i < record->n_judgement; i++) {
        const struct people_said *const said = people_named(people, &record->judgement[i]);
        if (!said || !people->pair[said->pair].body[0])
            return err_set(ERR_STATE, "the journal lacks a pair that iteration %llu learnt",
                           (unsigned long long)job->iteration);
        job->judged[job->n_judged++] = run_people_judged(run, said);
    }
    return OK;
}

void run_people_line(const struct run_context *run, const struct trainer_job *job)
{
    const struct record_people *const record =
        people_of(ledger_people(run->ledger), job->iteration);

    if (record)
        put_counts(job->line, &record->counts);
}

/* ---- what is asked */

/* One pair of the task's answers [each] that read otherwise; false: there is none. */
static bool choose(const struct run_context *run, const struct record_sample *const *answer,
                   uint32_t each, struct record_pair *out)
{
    const uint64_t seed = tasks_plan(run->tasks)->seed;
    uint32_t *const order = mem_new(each, sizeof *order);
    char *first, *text;
    bool found = false;

    /* the top bit keeps these apart from the shuffles of tasks */
    rng_shuffle(order, each, seed, RNG_CHOICE, (uint64_t)1 << 63 | answer[0]->task);
    first = run_people_text(run, answer[order[0]]);
    for (uint32_t i = 1; i < each && first && !found; i++) {
        const struct record_sample *const a = answer[order[0]], *const b = answer[order[i]];
        text = run_people_text(run, b);
        found = text && strcmp(first, text) != 0;
        free(text);
        *out = (struct record_pair){.task = a->task,
                                    .a = a->sample,
                                    .b = b->sample,
                                    .hash_a = a->hash,
                                    .hash_b = b->hash,
                                    .version = ledger_people_version(a, b)};
    }
    free(first);
    free(order);
    return found;
}

/* Tasks in a shuffled order, each giving one pair, until there are as many as asked for. A task whose
 * answers all read alike, or are too long to be read, gives none. */
static struct record_exported *choose_all(const struct run_context *run,
                                          const struct trainer_job *job)
{
    const uint32_t each = run->plan.samples, tasks = job->n / each;
    const uint32_t most = run->plan.people.per_iteration;
    struct record_exported *const out = mem_new(1, sizeof *out);
    uint32_t *const order = mem_new(tasks, sizeof *order);

    out->iteration = job->iteration;
    out->pair = mem_new(most, sizeof *out->pair);
    rng_shuffle(order, tasks, tasks_plan(run->tasks)->seed, RNG_CHOICE, job->iteration);
    for (uint32_t i = 0; i < tasks && out->n_pair < most; i++) {
        const size_t at = (size_t)order[i] * each;
        const char *const prompt = job->prompt[at]->shown;

        if (prompt && strlen(prompt) <= MAX_SHOWN &&
            choose(run, job->sample + at, each, &out->pair[out->n_pair]))
            out->n_pair++;
    }
    free(order);
    return out;
}

/* Counted before the records are noted: the figures say what the iteration leaves behind. */
void run_people_note(struct run_context *run, struct trainer_job *job)
{
    struct record_exported *exported;
    struct record_people *learnt;

    if (!run->plan.people.per_iteration)
        return;
    exported = choose_all(run, job);
    learnt = mem_new(1, sizeof *learnt);
    learnt->iteration = job->iteration;
    learnt->judgement = mem_new(job->n_judged, sizeof *learnt->judgement);
    for (uint32_t i = 0; i < job->n_judged; i++)
        learnt->judgement[learnt->n_judgement++] = job->judged[i].name;
    learnt->counts = people_counts(ledger_people(run->ledger), job->iteration, job->n_judged,
                                   exported->n_pair);
    put_counts(job->line, &learnt->counts);
    ledger_people_export(run->ledger, exported);
    ledger_people_learn(run->ledger, learnt);
}

/* Work comes through a queue, one piece at a time: models as they arrive, tickets in the order
 * of the broker, tables when a run's scorers change. A ticket whose model is not here yet waits
 * in `waiting` until the model comes, the table drops its scorer, or the loop says that the
 * model is of no use; so every ticket is answered, with values or with words. Nothing is kept
 * beyond that: a rewarder that dies loses nothing that is not asked for again. */

#include "rewarder/score.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/shared_memory.h"
#include "lm/file/model_files.h"
#include "lm/model/forward.h"
#include "net/worker.h"
#include "reward/reward_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct score_model {
    struct hash scorer;
    struct model_files *files;
    struct shared_memory *image;
    struct model *model;
};

struct scoring {
    struct score_model loaded[SCORE_SCORERS];
    uint32_t n;
    struct score_work **waiting; /* tickets whose model is not here */
    size_t n_waiting, room;
    struct worker *worker;
    struct score_counters counters;
};

struct score_work *score_work(enum score_what what)
{
    struct score_work *work = mem_new(1, sizeof *work);

    work->what = what;
    return work;
}

void score_work_free(void *self)
{
    struct score_work *work = self;

    if (!work)
        return;
    model_files_free(work->files);
    shared_memory_free(work->image);
    batch_fini(&work->batch);
    free(work->spec);
    free(work->rollout);
    free(work);
}

static void copy_item(struct reward_item *to, const struct msg_item *from)
{
    int n = 0;

    *to = (struct reward_item){.task = from->task,
                               .n_prompt = (int)from->n_prompt,
                               .n_answer = (int)from->n_token,
                               .n_tail = from->end == ROLLOUT_STOP ? (int)from->n_tail : 0,
                               .prompt_text = mem_text(from->prompt_text),
                               .text = mem_text(from->text),
                               .meta = mem_text(from->meta)};
    to->token = mem_new((size_t)(to->n_prompt + to->n_answer + to->n_tail), sizeof *to->token);
    for (int i = 0; i < to->n_prompt; i++)
        to->token[n++] = from->prompt[i];
    for (int i = 0; i < to->n_answer; i++)
        to->token[n++] = from->token[i];
    for (int i = 0; i < to->n_tail; i++)
        to->token[n++] = from->tail[i];
}

/* The message lies in an arena that its handler's return resets, and tickets wait: all is
 * copied. */
struct score_work *score_ticket(const struct msg_ask *ask, const struct scorer *scorer)
{
    struct score_work *work = score_work(SCORE_TICKET);

    work->scorer = ask->scorer;
    work->kind = reward_kind_of(scorer->kind);
    work->ticket = ask->ticket;
    work->spec = mem_text(scorer->spec);
    work->rollout = mem_new(ask->n_item, sizeof *work->rollout);
    work->batch = (struct reward_batch){.spec = work->spec,
                                        .group = ask->unit != UNIT_ROLLOUT,
                                        .temperature = ask->temperature,
                                        .item = mem_new(ask->n_item, sizeof *work->batch.item),
                                        .n_item = ask->n_item};
    for (uint32_t i = 0; i < ask->n_item; i++) {
        copy_item(&work->batch.item[i], &ask->item[i]);
        work->rollout[i] = ask->item[i].hash;
    }
    return work;
}

void score_new(struct scoring **out)
{
    *out = mem_new(1, sizeof **out);
}

/* The last one takes its place: the order of loaded models means nothing. */
static void unload(struct scoring *s, uint32_t i)
{
    model_free(s->loaded[i].model);
    shared_memory_free(s->loaded[i].image);
    model_files_free(s->loaded[i].files);
    s->loaded[i] = s->loaded[--s->n];
}

void score_free(struct scoring *s)
{
    if (!s)
        return;
    while (s->n)
        unload(s, 0);
    for (size_t i = 0; i < s->n_waiting; i++)
        score_work_free(s->waiting[i]);
    free(s->waiting);
    free(s);
}

const struct score_counters *score_counters(const struct scoring *s)
{
    return &s->counters;
}

static struct score_model *find(struct scoring *s, const struct hash *scorer)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (hash_same(&s->loaded[i].scorer, scorer))
            return &s->loaded[i];
    return NULL;
}

/* ---- the scores themselves */

/* A model that left between the ticket's arrival and its turn is an error of this ticket alone.
 */
static enum err run(struct scoring *s, struct score_work *work)
{
    const struct score_model *l = find(s, &work->scorer);
    const struct reward_model with = {l ? l->model : NULL, l ? l->files : NULL};

    if (work->kind->model && !l)
        return err_set(ERR_STATE, "no such scorer here");
    batch_begin(&work->batch);
    return work->kind->score(&work->batch, work->kind->model ? &with : NULL);
}

/* Errors travel as words within the same work: the loop says FAIL with them. */
static void answer(struct scoring *s, struct score_work *work)
{
    unsigned long long tokens = 0;

    work->what = SCORE_DONE;
    if (run(s, work)) {
        work->what = SCORE_FAILED;
        snprintf(work->words, sizeof work->words, "%s", err_text());
    }
    for (uint32_t i = 0; i < work->batch.n_item; i++)
        tokens +=
            (unsigned long long)(work->batch.item[i].n_prompt + work->batch.item[i].n_answer);
    atomic_fetch_add(&s->counters.tokens, tokens);
    atomic_fetch_add(&s->counters.rollouts, work->batch.n_item);
    worker_give(s->worker, work);
}

/* ---- what comes in */

/* Tickets that wait for a model that will not come: those of the others close up, in order. */
static void fail_waiting(struct scoring *s, const struct hash *scorer, const char *words)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_waiting; i++)
        if (!hash_same(&s->waiting[i]->scorer, scorer)) {
            s->waiting[n++] = s->waiting[i];
        } else {
            s->waiting[i]->what = SCORE_FAILED;
            snprintf(s->waiting[i]->words, sizeof s->waiting[i]->words, "%s", words);
            worker_give(s->worker, s->waiting[i]);
        }
    s->n_waiting = n;
}

static void take_unfit(struct scoring *s, struct score_work *work)
{
    fail_waiting(s, &work->scorer, work->words);
    score_work_free(work);
}

/* The model takes what the work brought; that its tickets can be answered now is for the caller
 * to see to. One that came twice, or finds no place, is dropped. */
static void take_model(struct scoring *s, struct score_work *work)
{
    struct score_model *l = &s->loaded[s->n];

    if (find(s, &work->scorer) || s->n == SCORE_SCORERS) {
        score_work_free(work);
        return;
    }
    if (model_new(&l->model, &work->files->shape, shared_memory_bytes(work->image),
                  shared_memory_size(work->image))) {
        work->what = SCORE_UNFIT;
        snprintf(work->words, sizeof work->words, "%s", err_text());
        fail_waiting(s, &work->scorer, work->words);
        worker_give(s->worker, work);
        return;
    }
    l->scorer = work->scorer;
    l->files = work->files;
    l->image = work->image;
    work->files = NULL;
    work->image = NULL;
    s->n++;
    score_work_free(work);
}

static bool kept(const struct score_work *table, const struct hash *scorer)
{
    for (uint32_t i = 0; i < table->n_keep; i++)
        if (hash_same(&table->keep[i], scorer))
            return true;
    return false;
}

/* What left the table is unloaded at once: its memory may be what the next model needs. */
static void take_table(struct scoring *s, struct score_work *work)
{
    size_t n = 0;

    for (uint32_t i = 0; i < s->n;)
        if (kept(work, &s->loaded[i].scorer))
            i++;
        else
            unload(s, i);
    for (size_t i = 0; i < s->n_waiting; i++)
        if (kept(work, &s->waiting[i]->scorer)) {
            s->waiting[n++] = s->waiting[i];
        } else {
            s->waiting[i]->what = SCORE_FAILED;
            snprintf(s->waiting[i]->words, sizeof s->waiting[i]->words,
                     "the scorer left the table");
            worker_give(s->worker, s->waiting[i]);
        }
    s->n_waiting = n;
    score_work_free(work);
}

/* What needs no model (a rule) can be scored before any has come. */
static bool ready(struct scoring *s, const struct score_work *ticket)
{
    return !ticket->kind->model || find(s, &ticket->scorer);
}

static void take_ticket(struct scoring *s, struct score_work *work)
{
    if (ready(s, work)) {
        answer(s, work);
        return;
    }
    if (s->n_waiting == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        s->waiting = mem_grow(s->waiting, s->room, sizeof *s->waiting);
    }
    s->waiting[s->n_waiting++] = work;
}

/* In the order of arrival: the broker's deadlines run from when it asked. */
static void answer_ready(struct scoring *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_waiting; i++)
        if (ready(s, s->waiting[i]))
            answer(s, s->waiting[i]);
        else
            s->waiting[n++] = s->waiting[i];
    s->n_waiting = n;
}

/* The thread's life: until the loop stops it, even in the middle of a queue. Time is counted on
 * both sides of each piece of work, so that a heartbeat can say how busy the machine is. */
enum err score_main(void *self, struct worker *worker)
{
    struct scoring *s = self;
    void *taken;

    s->worker = worker;
    for (;;) {
        const int64_t from = clock_mono_ns();
        int64_t mid;
        struct score_work *work;
        if (!worker_take(worker, &taken, true))
            return OK;
        mid = clock_mono_ns();
        atomic_fetch_add(&s->counters.idle_ns, (unsigned long long)(mid - from));
        work = taken;
        if (work->what == SCORE_MODEL) {
            take_model(s, work);
            answer_ready(s);
        } else if (work->what == SCORE_UNFIT) {
            take_unfit(s, work);
        } else if (work->what == SCORE_TABLE) {
            take_table(s, work);
        } else {
            take_ticket(s, work);
        }
        atomic_fetch_add(&s->counters.busy_ns, (unsigned long long)(clock_mono_ns() - mid));
    }
}

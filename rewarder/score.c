#include "rewarder/score.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/shared_memory.h"
#include "lm/file/model_files.h"
#include "lm/model/forward.h"
#include "lm/text/reading.h"
#include "net/worker.h"
#include "reward/rule/rule.h"
#include "rewarder/opinion.h"
#include "rewarder/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loaded {
    struct hash scorer;
    struct model_files *files;
    struct shared_memory *image;
    struct model *model;
};

struct scoring {
    struct loaded loaded[SCORE_SCORERS];
    uint32_t n;
    struct work **waiting; /* tickets whose model is not here */
    size_t waitings, room;
    struct worker *worker;
    struct score_counters counters;
};

struct work *score_work(enum work_kind kind)
{
    struct work *work = mem_new(1, sizeof *work);

    work->kind = kind;
    return work;
}

void score_work_free(void *self)
{
    struct work *work = self;

    if (!work)
        return;
    model_files_free(work->files);
    shared_memory_free(work->image);
    free(work->spec);
    for (uint32_t i = 0; i < work->items; i++) {
        free(work->item[i].token);
        free(work->item[i].prompt_text);
        free(work->item[i].text);
        free(work->item[i].meta);
    }
    free(work->item);
    free(work->value);
    free(work->each);
    free(work);
}

static void copy_item(struct work_item *to, const struct msg_item *from)
{
    int n = 0;

    *to = (struct work_item){.task = from->task,
                             .sample = from->sample,
                             .end = from->end,
                             .hash = from->hash,
                             .prompt = (int)from->n_prompt,
                             .answer = (int)from->n_token,
                             .tail = from->end == ROLLOUT_STOP ? (int)from->n_tail : 0,
                             .prompt_text = mem_text(from->prompt_text),
                             .text = mem_text(from->text),
                             .meta = mem_text(from->meta)};
    to->token = mem_new((size_t)(to->prompt + to->answer + to->tail), sizeof *to->token);
    for (int i = 0; i < to->prompt; i++)
        to->token[n++] = from->prompt[i];
    for (int i = 0; i < to->answer; i++)
        to->token[n++] = from->token[i];
    for (int i = 0; i < to->tail; i++)
        to->token[n++] = from->tail[i];
}

struct work *score_ticket(const struct msg_ask *ask, const struct scorer *scorer)
{
    struct work *work = score_work(WORK_TICKET);

    work->scorer = ask->scorer;
    work->scorer_kind = scorer->kind;
    work->ticket = ask->ticket;
    work->group = ask->unit != UNIT_ROLLOUT;
    work->temperature = ask->temperature;
    work->spec = mem_text(scorer->spec);
    work->item = mem_new(ask->n_item, sizeof *work->item);
    work->items = ask->n_item;
    for (uint32_t i = 0; i < ask->n_item; i++)
        copy_item(&work->item[i], &ask->item[i]);
    return work;
}

void score_new(struct scoring **out)
{
    *out = mem_new(1, sizeof **out);
}

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
    for (size_t i = 0; i < s->waitings; i++)
        score_work_free(s->waiting[i]);
    free(s->waiting);
    free(s);
}

const struct score_counters *score_counters(const struct scoring *s)
{
    return &s->counters;
}

static struct loaded *find(struct scoring *s, const struct hash *scorer)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (hash_same(&s->loaded[i].scorer, scorer))
            return &s->loaded[i];
    return NULL;
}

/* ---- the scores themselves */

static enum err by_rule(struct work *work)
{
    struct rule *rule;
    enum err err = rule_new(&rule, work->spec);

    for (uint32_t i = 0; i < work->items && !err; i++) {
        work->each[i] = 1;
        err = rule_score(rule, work->item[i].text, (size_t)work->item[i].answer,
                         work->item[i].meta, &work->value[i]);
    }
    work->values = work->items;
    rule_free(rule);
    return err;
}

/* All items packed into one batch; the model sees tails only when `tails`. */
static int *pack(const struct work *work, int *seq, bool tails)
{
    int n = 0, *token;

    for (uint32_t i = 0; i < work->items; i++) {
        const struct work_item *it = &work->item[i];
        seq[i] = n;
        n += it->prompt + it->answer + (tails ? it->tail : 0);
    }
    seq[work->items] = n;
    token = mem_new((size_t)n, sizeof *token);
    for (uint32_t i = 0; i < work->items; i++)
        memcpy(token + seq[i], work->item[i].token,
               (size_t)(seq[i + 1] - seq[i]) * sizeof *token);
    return token;
}

static enum err fits(const struct work *work, const struct shape *shape)
{
    for (uint32_t i = 0; i < work->items; i++) {
        const struct work_item *it = &work->item[i];
        const int n = it->prompt + it->answer + it->tail;
        if (n < 1 || n > shape->context)
            return err_set(ERR_RANGE,
                           "task %llu: %d tokens do not fit the scorer's context of %d",
                           (unsigned long long)it->task, n, shape->context);
        for (int k = 0; k < n; k++)
            if (it->token[k] < 0 || it->token[k] >= shape->vocab)
                return err_set(ERR_RANGE,
                               "task %llu: token %d is not in the scorer's vocabulary of %d",
                               (unsigned long long)it->task, it->token[k], shape->vocab);
    }
    return OK;
}

static enum err by_reward_model(struct work *work, const struct loaded *l)
{
    int *seq = mem_new(work->items + 1, sizeof *seq), *token = pack(work, seq, true);
    float *value = mem_new((size_t)seq[work->items], sizeof *value);
    const enum err err =
        forward_score(l->model, token, seq, (int)work->items, 1.0f, NULL, NULL, value);

    for (uint32_t i = 0; i < work->items && !err; i++) {
        work->each[i] = 1;
        work->value[i] = value[reading_at(seq, (int)i)];
    }
    work->values = work->items;
    free(value);
    free(token);
    free(seq);
    return err;
}

static enum err by_reference(struct work *work, const struct loaded *l)
{
    int *seq = mem_new(work->items + 1, sizeof *seq), *token = pack(work, seq, false);
    float *logprob = mem_new((size_t)seq[work->items], sizeof *logprob);
    const enum err err = forward_score(l->model, token, seq, (int)work->items,
                                       work->temperature, logprob, NULL, NULL);

    work->values = 0;
    for (uint32_t i = 0; i < work->items && !err; i++) {
        const struct work_item *it = &work->item[i];
        work->each[i] = (uint32_t)it->answer;
        memcpy(work->value + work->values, logprob + seq[i] + it->prompt,
               (size_t)it->answer * sizeof *logprob);
        work->values += (uint32_t)it->answer;
    }
    free(logprob);
    free(token);
    free(seq);
    return err;
}

static enum err run(struct scoring *s, struct work *work)
{
    const struct loaded *l = find(s, &work->scorer);
    size_t room = 2 * (size_t)work->items; /* a judge gives two each */
    enum err err = OK;

    for (uint32_t i = 0; i < work->items; i++)
        room += (size_t)work->item[i].answer;
    work->value = mem_new(room, sizeof *work->value);
    work->each = mem_new(work->items, sizeof *work->each);
    if (work->scorer_kind == SCORER_RULE)
        err = by_rule(work);
    else if (!l)
        return err_set(ERR_STATE, "no such scorer here");
    else if (work->scorer_kind == SCORER_JUDGE)
        err = opinion_give(work, l->model, l->files);
    else
        err = fits(work, model_shape(l->model));
    if (!err && work->scorer_kind == SCORER_REWARD_MODEL)
        err = l->files->shape.head == HEAD_STEP ? process_score(work, l->model, l->files)
                                                : by_reward_model(work, l);
    if (!err && work->scorer_kind == SCORER_REFERENCE)
        err = by_reference(work, l);
    return err;
}

static void answer(struct scoring *s, struct work *work)
{
    unsigned long long tokens = 0;

    work->kind = WORK_SCORED;
    if (run(s, work)) {
        work->kind = WORK_FAILED;
        snprintf(work->words, sizeof work->words, "%s", err_text());
    }
    for (uint32_t i = 0; i < work->items; i++)
        tokens += (unsigned long long)(work->item[i].prompt + work->item[i].answer);
    atomic_fetch_add(&s->counters.tokens, tokens);
    atomic_fetch_add(&s->counters.rollouts, work->items);
    worker_give(s->worker, work);
}

/* ---- what comes in */

/* Tickets that wait for a model that will not come. */
static void fail_waiting(struct scoring *s, const struct hash *scorer, const char *words)
{
    size_t n = 0;

    for (size_t i = 0; i < s->waitings; i++)
        if (!hash_same(&s->waiting[i]->scorer, scorer)) {
            s->waiting[n++] = s->waiting[i];
        } else {
            s->waiting[i]->kind = WORK_FAILED;
            snprintf(s->waiting[i]->words, sizeof s->waiting[i]->words, "%s", words);
            worker_give(s->worker, s->waiting[i]);
        }
    s->waitings = n;
}

static void take_unfit(struct scoring *s, struct work *work)
{
    fail_waiting(s, &work->scorer, work->words);
    score_work_free(work);
}

static void take_model(struct scoring *s, struct work *work)
{
    struct loaded *l = &s->loaded[s->n];

    if (find(s, &work->scorer) || s->n == SCORE_SCORERS) {
        score_work_free(work);
        return;
    }
    if (model_new(&l->model, &work->files->shape, shared_memory_bytes(work->image),
                  shared_memory_size(work->image))) {
        work->kind = WORK_UNFIT;
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

static bool kept(const struct work *table, const struct hash *scorer)
{
    for (uint32_t i = 0; i < table->keeps; i++)
        if (hash_same(&table->keep[i], scorer))
            return true;
    return false;
}

static void take_table(struct scoring *s, struct work *work)
{
    size_t n = 0;

    for (uint32_t i = 0; i < s->n;)
        if (kept(work, &s->loaded[i].scorer))
            i++;
        else
            unload(s, i);
    for (size_t i = 0; i < s->waitings; i++)
        if (kept(work, &s->waiting[i]->scorer)) {
            s->waiting[n++] = s->waiting[i];
        } else {
            s->waiting[i]->kind = WORK_FAILED;
            snprintf(s->waiting[i]->words, sizeof s->waiting[i]->words,
                     "the scorer left the table");
            worker_give(s->worker, s->waiting[i]);
        }
    s->waitings = n;
    score_work_free(work);
}

static bool ready(struct scoring *s, const struct work *ticket)
{
    return ticket->scorer_kind == SCORER_RULE || find(s, &ticket->scorer);
}

static void take_ticket(struct scoring *s, struct work *work)
{
    if (ready(s, work)) {
        answer(s, work);
        return;
    }
    if (s->waitings == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        s->waiting = mem_grow(s->waiting, s->room, sizeof *s->waiting);
    }
    s->waiting[s->waitings++] = work;
}

static void answer_ready(struct scoring *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->waitings; i++)
        if (ready(s, s->waiting[i]))
            answer(s, s->waiting[i]);
        else
            s->waiting[n++] = s->waiting[i];
    s->waitings = n;
}

enum err score_main(void *self, struct worker *worker)
{
    struct scoring *s = self;
    void *taken;

    s->worker = worker;
    for (;;) {
        const int64_t from = clock_mono_ns();
        int64_t mid;
        struct work *work;
        if (!worker_take(worker, &taken, true))
            return OK;
        mid = clock_mono_ns();
        atomic_fetch_add(&s->counters.idle_ns, (unsigned long long)(mid - from));
        work = taken;
        if (work->kind == WORK_MODEL) {
            take_model(s, work);
            answer_ready(s);
        } else if (work->kind == WORK_UNFIT) {
            take_unfit(s, work);
        } else if (work->kind == WORK_TABLE) {
            take_table(s, work);
        } else {
            take_ticket(s, work);
        }
        atomic_fetch_add(&s->counters.busy_ns, (unsigned long long)(clock_mono_ns() - mid));
    }
}

/* scores: requests to rewarders and their answers. A score joins a rollout by its hash. */

#include "base/mem.h"
#include "broker/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_BYTES = 3 << 20, DIAGNOSTICS_MAX = 4096 };

static void queue_unit(struct broker *b, struct open_task *task, uint32_t first, uint32_t n,
                       uint32_t scorer)
{
    for (uint32_t i = first; i < first + n; i++)
        if (!task->sample[i].body || task->sample[i].score[scorer].ask != ASK_NONE)
            return; /* not all of them are here, or it is on its way */
    for (uint32_t i = first; i < first + n; i++)
        task->sample[i].score[scorer].ask = ASK_QUEUED;
    tasks_push(&b->tasks, &b->ask[scorer], task, first);
}

/* The samples that one score of this scorer is about. */
static void unit_of(const struct scorer *scorer, const struct task *def, uint32_t sample,
                    uint32_t *first, uint32_t *n)
{
    *first = sample;
    *n = 1;
    if (scorer->unit == UNIT_GROUP) {
        *first = 0;
        *n = def->samples;
    } else if (scorer->unit == UNIT_PAIR) {
        *first = sample & ~1u;
        *n = *first + 1 < def->samples ? 2 : 1;
    }
}

void scores_ready(struct broker *b, struct open_task *task, uint32_t sample, int64_t now_ms)
{
    if (!task->sample[sample].missing) {
        tasks_move(&b->tasks, task, sample, PLACE_READY, now_ms);
        deliver_queue(b, task, sample);
        return;
    }
    for (uint32_t j = 0; j < b->run.scorers; j++) {
        uint32_t first, n;

        unit_of(&b->run.scorer[j], task->def, sample, &first, &n);
        queue_unit(b, task, first, n, j);
    }
}

/* Asks again for what of a ticket has no answer. */
static void requeue(struct broker *b, const struct ticket *ticket)
{
    const struct scorer *scorer = &b->run.scorer[ticket->scorer];

    for (uint32_t i = 0; i < ticket->items; i++) {
        struct open_task *task = NULL;
        const struct open_sample *sample = tasks_named(&b->tasks, &ticket->item[i], &task);
        struct open_score *score;
        uint32_t first, n;

        if (!sample || !sample->body)
            continue;
        score = &sample->score[ticket->scorer];
        if (score->ask != ASK_OUT || score->ticket != ticket->number)
            continue;
        score->ask = ASK_NONE;
        unit_of(scorer, task->def, ticket->item[i].sample, &first, &n);
        queue_unit(b, task, first, n, ticket->scorer);
    }
}

void scores_take_back(struct broker *b, struct member *rewarder)
{
    for (uint32_t i = 0; rewarder->role == ROLE_REWARDER && i < b->tickets.capacity; i++) {
        struct ticket *ticket = &b->tickets.slot[i];

        if (!ticket->number || ticket->holder != rewarder)
            continue;
        b->counters.reissued++;
        requeue(b, ticket);
        ticket_expire(&b->tickets, ticket);
    }
    rewarder->avail = 0;
}

void scores_forget(struct broker *b)
{
    for (uint32_t i = 0; i < b->tickets.capacity; i++)
        if (b->tickets.slot[i].number)
            ticket_end(&b->tickets, &b->tickets.slot[i]);
    for (int j = 0; j < STATE_SCORERS; j++)
        b->ask[j].n = 0;
}

static int64_t timeout_ms(const struct broker *b, const struct ticket *ticket)
{
    const uint32_t own = b->run.scorer[ticket->scorer].timeout_ms;

    return own ? own : b->limits.ticket_ms;
}

/* Counts against each of its samples that has no answer yet; too many make it poison. */
static void blame(struct broker *b, const struct ticket *ticket, const char *reason,
                  int64_t now_ms)
{
    for (uint32_t i = 0; i < ticket->items; i++) {
        const struct tasks_name *item = &ticket->item[i];
        struct open_task *task = NULL;
        const struct open_sample *sample = tasks_named(&b->tasks, item, &task);

        if (sample && sample->body && sample->score[ticket->scorer].ask != ASK_IN &&
            sample->score[ticket->scorer].ticket == ticket->number)
            rollouts_blame(b, task, item->sample, reason, now_ms);
    }
}

static void expire(struct broker *b, struct ticket *ticket, int64_t now_ms)
{
    char words[ROSTER_WORDS];

    snprintf(words, sizeof words, "scorer %s: no answer within %lld ms",
             b->run.scorer[ticket->scorer].name, (long long)timeout_ms(b, ticket));
    snprintf(ticket->holder->error, sizeof ticket->holder->error, "%s", words);
    b->counters.expired++;
    blame(b, ticket, words, now_ms);
    requeue(b, ticket);
    ticket_expire(&b->tickets, ticket);
}

void scores_tick(struct broker *b, int64_t now_ms)
{
    for (uint32_t i = 0; i < b->tickets.capacity && b->tickets.n; i++) {
        struct ticket *ticket = &b->tickets.slot[i];
        const struct member *holder = ticket->holder;
        int64_t limit, moved;

        if (!ticket->number)
            continue;
        limit = timeout_ms(b, ticket);
        moved = holder && holder->progress_ms > ticket->issued_ms ? holder->progress_ms
                                                                  : ticket->issued_ms;
        if (holder && (now_ms - moved >= limit || now_ms - ticket->issued_ms >= 10 * limit)) {
            expire(b, ticket, now_ms);
        } else if (ticket->again_ms && now_ms >= ticket->again_ms) {
            requeue(b, ticket);
            ticket_end(&b->tickets, ticket);
        } else if (!holder && !ticket->again_ms &&
                   now_ms - ticket->issued_ms >= STATE_LATE * limit) {
            ticket_end(&b->tickets, ticket); /* nobody will answer it any more */
        }
    }
}

void scores_credit(struct broker *b, struct member *rewarder)
{
    rewarder->avail =
        rewarder->credit < b->limits.credit_max ? rewarder->credit : b->limits.credit_max;
    for (uint32_t i = 0; i < b->tickets.capacity && b->tickets.live; i++) {
        const struct ticket *ticket = &b->tickets.slot[i];

        if (ticket->number > rewarder->seen && ticket->holder == rewarder)
            rewarder->avail -= ticket->items;
    }
}

static struct member *choose(const struct broker *b, const struct scorer *scorer)
{
    struct member *best = NULL;

    for (struct member *m = b->first; m; m = m->next)
        if (m->role == ROLE_REWARDER && m->greeted && !m->draining && m->avail > 0 &&
            roster_can(m, scorer) && (!best || m->avail > best->avail))
            best = m;
    return best;
}

struct batch {
    struct tasks_name item[TICKET_ITEMS];
    uint32_t n;
    size_t bytes;
    float temperature;
};

static size_t item_bytes(const struct task *def, const struct rollout *body)
{
    return 256 + 4 * ((size_t)def->prompts + body->tokens + def->tails) + strlen(def->meta) +
           strlen(def->prompt_text) + strlen(body->text);
}

/* Moves the unit at the head of the queue into the batch. False: it has to wait for another. */
static bool take_unit(struct broker *b, struct batch *batch, uint32_t j, uint32_t room)
{
    struct open_task *task = NULL;
    const struct open_sample *head = tasks_named(&b->tasks, tasks_head(&b->ask[j]), &task);
    uint32_t first = tasks_head(&b->ask[j])->sample, n = 0;
    size_t bytes = 0;

    if (head && head->body && head->score[j].ask == ASK_QUEUED)
        unit_of(&b->run.scorer[j], task->def, first, &first, &n);
    for (uint32_t i = first; i < first + n; i++)
        if (task->sample[i].body)
            bytes += item_bytes(task->def, task->sample[i].body);
        else
            n = 0; /* one of a group is gone: no score can be had */
    if (!n) {      /* settled meanwhile */
        tasks_pop(&b->ask[j]);
        return true;
    }
    if (batch->n && (batch->n + n > room || batch->bytes + bytes > BATCH_BYTES ||
                     b->run.scorer[j].unit != UNIT_ROLLOUT ||
                     batch->temperature != task->def->decoding.temperature))
        return false;
    for (uint32_t i = first; i < first + n; i++)
        batch->item[batch->n++] = tasks_name(task, i);
    batch->bytes += bytes;
    batch->temperature = task->def->decoding.temperature;
    tasks_pop(&b->ask[j]);
    return true;
}

static void fill_item(struct msg_item *out, const struct task *def, const struct rollout *body,
                      bool text)
{
    *out = (struct msg_item){.task = def->id,
                             .sample = body->sample,
                             .end = body->end,
                             .hash = body->hash,
                             .prompt = def->prompt,
                             .prompts = def->prompts,
                             .token = body->token,
                             .tokens = body->tokens,
                             .tail = def->tail,
                             .tails = def->tails,
                             .prompt_text = text ? def->prompt_text : "",
                             .text = text ? body->text : "",
                             .meta = text ? def->meta : ""};
}

static void issue(struct broker *b, struct member *to, const struct batch *batch, uint32_t j,
                  int64_t now_ms)
{
    const struct scorer *scorer = &b->run.scorer[j];
    const struct ticket *ticket =
        ticket_issue(&b->tickets, to, j, batch->item, batch->n, now_ms);
    struct msg_item *item = mem_new(batch->n, sizeof *item);
    struct msg msg = {.head.type = MSG_ASK,
                      .ask = {.ticket = ticket->number,
                              .scorer = scorer->hash,
                              .table = b->run.table,
                              .unit = scorer->unit,
                              .temperature = batch->temperature,
                              .item = item,
                              .items = batch->n}};

    for (uint32_t i = 0; i < batch->n; i++) {
        struct open_task *task = NULL;
        struct open_sample *sample = tasks_named(&b->tasks, &batch->item[i], &task);

        sample->score[j].ask = ASK_OUT;
        sample->score[j].ticket = ticket->number;
        fill_item(&item[i], task->def, sample->body, scorer->needs_text);
    }
    to->avail -= batch->n;
    broker_send(b, to, &msg); /* unsent: its next HELLO takes the ticket back */
    free(item);
}

/* One ticket for one scorer. False: none can be issued now. */
static bool ask_one(struct broker *b, uint32_t j, int64_t now_ms)
{
    struct member *to = choose(b, &b->run.scorer[j]);
    static struct batch batch; /* large; one loop thread */
    uint32_t room;

    if (!to || b->tickets.n == b->tickets.capacity)
        return false;
    room = to->avail < TICKET_ITEMS ? (uint32_t)to->avail : TICKET_ITEMS;
    if (to->slots && room > to->slots)
        room = to->slots; /* up to what it batches, never waited for */
    batch.n = 0;
    batch.bytes = 0;
    while (b->ask[j].n && batch.n < room)
        if (!take_unit(b, &batch, j, room))
            break;
    if (!batch.n)
        return false;
    issue(b, to, &batch, j, now_ms);
    return true;
}

void scores_ask(struct broker *b, int64_t now_ms)
{
    for (uint32_t j = 0; j < b->run.scorers; j++)
        while (b->ask[j].n && ask_one(b, j, now_ms))
            ;
}

/* Does the answer say something usable about this rollout? */
static bool usable(const struct scorer *scorer, const struct rollout *body, const float *value,
                   uint32_t n)
{
    if (n != msg_score_values(scorer, body->tokens))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!isfinite(value[i]))
            return false;
    return true;
}

static void join(struct broker *b, struct open_task *task, uint32_t i, uint32_t j,
                 const float *value, uint32_t n, const char *diagnostics, int64_t now_ms)
{
    struct open_sample *sample = &task->sample[i];
    struct open_score *score = &sample->score[j];

    score->ask = ASK_IN;
    score->values = n;
    score->value = mem_new(n, sizeof *value);
    memcpy(score->value, value, n * sizeof *value);
    if (diagnostics[0] && strlen(diagnostics) < DIAGNOSTICS_MAX)
        score->diagnostics = mem_text(diagnostics);
    if (--sample->missing == 0) {
        tasks_move(&b->tasks, task, i, PLACE_READY, now_ms);
        deliver_queue(b, task, i);
    }
}

/* A score of a group or a pair joins all of its rollouts, or none. */
static bool covers(const struct broker *b, const struct ticket *ticket,
                   const struct score *score)
{
    const struct scorer *scorer = &b->run.scorer[ticket->scorer];
    const float *value = score->value;

    if (scorer->unit == UNIT_ROLLOUT)
        return true;
    if (score->rollouts != ticket->items)
        return false;
    for (uint32_t i = 0; i < ticket->items; value += score->each[i++]) {
        const struct open_sample *sample = tasks_named(&b->tasks, &ticket->item[i], NULL);

        if (!sample || !sample->body || !hash_same(&sample->body->hash, &score->rollout[i]) ||
            !usable(scorer, sample->body, value, score->each[i]))
            return false;
    }
    return true;
}

/* Nothing is read of an answer whose parts contradict one another. */
static bool adds_up(const struct score *score)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < score->rollouts; i++)
        sum += score->each[i];
    return sum == score->values;
}

/* Joins what of the answer belongs to rollouts that are here; false if some of it is unusable.
 */
static bool join_all(struct broker *b, const struct ticket *ticket, const struct member *from,
                     const struct score *score, int64_t now_ms)
{
    const struct scorer *scorer = &b->run.scorer[ticket->scorer];
    const float *value = score->value;
    bool good = true;

    for (uint32_t r = 0; r < score->rollouts; value += score->each[r++])
        for (uint32_t i = 0; i < ticket->items; i++) {
            struct open_task *task = NULL;
            const uint32_t at = ticket->item[i].sample;
            const struct open_sample *sample = tasks_named(&b->tasks, &ticket->item[i], &task);

            if (!sample || !sample->body || sample->score[ticket->scorer].ask == ASK_IN ||
                !hash_same(&sample->body->hash, &score->rollout[r]))
                continue;
            if (!usable(scorer, sample->body, value, score->each[r])) {
                good = false;
                continue;
            }
            task->sample[at].score[ticket->scorer].by = origin_copy(&from->origin);
            join(b, task, at, ticket->scorer, value, score->each[r],
                 score->rollouts == 1 ? score->diagnostics : "", now_ms);
        }
    return good;
}

/* Its samples rest, then somebody is asked again. */
static void rest(struct broker *b, struct ticket *ticket, struct member *from,
                 const char *reason, int64_t now_ms)
{
    uint32_t fails = 0;

    snprintf(from->error, sizeof from->error, "%s", reason);
    for (uint32_t i = 0; i < ticket->items; i++) {
        const struct open_sample *sample = tasks_named(&b->tasks, &ticket->item[i], NULL);

        if (sample && sample->attempts > fails)
            fails = sample->attempts;
    }
    blame(b, ticket, reason, now_ms);
    if (ticket->holder)
        ticket_expire(&b->tickets, ticket);
    ticket->again_ms = now_ms + rollouts_rest_ms(b, fails);
    b->counters.reissued++;
}

enum err scores_on_score(struct broker *b, struct member *from, const struct msg *msg,
                         int64_t now)
{
    struct ticket *ticket = ticket_find(&b->tickets, msg->score.ticket);
    const struct score *score = &msg->score.score;

    if (!ticket || !hash_same(&b->run.scorer[ticket->scorer].hash, &score->scorer)) {
        b->counters.late++;
        return OK;
    }
    if (memcmp(&ticket->to, &from->id, sizeof from->id)) /* a number that it made up */
        return err_set(ERR_RANGE, "score: ticket %llu is another peer's",
                       (unsigned long long)ticket->number);
    if (adds_up(score) && covers(b, ticket, score) && join_all(b, ticket, from, score, now)) {
        requeue(b, ticket); /* what it left out */
        ticket_end(&b->tickets, ticket);
    } else {
        rest(b, ticket, from, "a score that is not a number, or not as many as asked for", now);
    }
    scores_ask(b, now);
    deliver_send(b, now);
    return OK;
}

enum err scores_on_fail(struct broker *b, struct member *from, const struct msg *msg,
                        int64_t now)
{
    struct ticket *ticket = ticket_find(&b->tickets, msg->fail.ticket);

    if (ticket && ticket->holder == from)
        rest(b, ticket, from, msg->fail.reason, now);
    return OK;
}

/* Requests to rewarders. What they answer is answers.c.
 *
 * Each scorer has a queue of units (a rollout, a pair, all of a task: what it scores together).
 * A unit is queued once all its rollouts are here, asked about in one ticket, and asked about
 * again when that ticket ends without an answer for it; score[].ask of its first sample says
 * where it is. The pump (scores_ask) fills tickets from the queues for whoever has room: a batch
 * of single rollouts that were decoded alike, or one unit of several.
 *
 * A ticket ends by its answer, by its deadline, or with its rewarder. Rewarders keep nothing, so
 * their HELLO takes all their tickets back. */

#include "broker/scores.h"

#include "base/mem.h"
#include "broker/to_learner.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 3 << 20,
    DOUBTFUL = 3,
    LATE = 20
}; /* LATE: deadlines for which a late answer still counts */

/* All of a unit or nothing: the state of its first sample stands for the others, and the queue
 * has the name of the first. */
static void queue_unit(struct broker *b, struct open_task *task, uint32_t first, uint32_t n,
                       uint32_t scorer)
{
    for (uint32_t i = first; i < first + n; i++)
        if (!task->sample[i].body || task->sample[i].score[scorer].ask != ASK_NONE)
            return; /* not all of them are here, or it is on its way */
    for (uint32_t i = first; i < first + n; i++)
        task->sample[i].score[scorer].ask = ASK_QUEUED;
    fifo_push(&b->tasks, &b->ask[scorer], task, first);
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
        /* Samples 2k and 2k + 1; of an odd number the last stands alone. */
        *first = sample & ~1u;
        *n = *first + 1 < def->samples ? 2 : 1;
    }
}

void scores_ready(struct broker *b, struct open_task *task, uint32_t sample, int64_t now_ms)
{
    if (!task->sample[sample].missing) {
        tasks_move(&b->tasks, task, sample, SAMPLE_READY, now_ms);
        to_learner_queue(b, task, sample);
        return;
    }
    for (uint32_t j = 0; j < b->run.n_scorer; j++) {
        uint32_t first, n;

        unit_of(&b->run.scorer[j], task->def, sample, &first, &n);
        queue_unit(b, task, first, n, j);
    }
}

/* Asks again for what of a ticket has no answer. */
void scores_requeue(struct broker *b, const struct ticket *ticket)
{
    const struct scorer *scorer = &b->run.scorer[ticket->scorer];

    for (uint32_t i = 0; i < ticket->n_item; i++) {
        struct open_task *task = NULL;
        const struct open_sample *sample = tasks_named(&b->tasks, &ticket->item[i], &task);
        struct open_score *score;
        uint32_t first, n;

        if (!sample || !sample->body)
            continue;
        score = &sample->score[ticket->scorer];
        if (score->ask != ASK_OUT || score->ticket != ticket->number)
            continue;
        /* Samples of a unit come here one by one, and with the last of them it is queued. */
        score->ask = ASK_NONE;
        unit_of(scorer, task->def, ticket->item[i].sample, &first, &n);
        queue_unit(b, task, first, n, ticket->scorer);
    }
}

void scores_take_back(struct broker *b, struct broker_member *rewarder)
{
    if (rewarder->role != ROLE_REWARDER)
        return;
    for (uint32_t i = 0; i < b->tickets.window; i++) {
        struct ticket *ticket = &b->tickets.slot[i];

        if (!ticket->number || ticket->holder != rewarder)
            continue;
        b->counters.reissued++;
        scores_requeue(b, ticket);
        ticket_expire(&b->tickets, ticket);
    }
    rewarder->avail = 0;
}

void scores_forget(struct broker *b)
{
    for (uint32_t i = 0; i < b->tickets.window; i++)
        if (b->tickets.slot[i].number)
            ticket_end(&b->tickets, &b->tickets.slot[i]);
    /* Queues have names of tasks that the caller is about to forget. */
    for (int j = 0; j < MAX_SCORERS; j++)
        b->ask[j].n = 0;
    memset(b->breaker, 0, sizeof b->breaker);
}

void scores_failed(struct broker *b, const struct ticket *ticket,
                   const struct broker_member *by, const char *words, int64_t now_ms)
{
    const struct scorer *scorer = &b->run.scorer[ticket->scorer];
    /* No task: it is the scorer that fails, whatever it was asked about
     * (docs/decisions/0012). */
    struct msg msg = {.head.type = MSG_FAIL,
                      .fail = {.scorer = scorer->hash, .who = by->name, .reason = words}};

    if (breaker_fail(&b->breaker[ticket->scorer], scorer->name, ticket->number, by, words,
                     now_ms))
        to_learner_tell(b, &msg);
}

/* What a dead rewarder worked on may be what killed it. */
void scores_died(struct broker *b, const struct broker_member *rewarder, int64_t now_ms)
{
    bool told[MAX_SCORERS] = {false};

    for (uint32_t i = 0; rewarder->role == ROLE_REWARDER && i < b->tickets.window; i++) {
        const struct ticket *ticket = &b->tickets.slot[i];

        if (!ticket->number || ticket->holder != rewarder || told[ticket->scorer])
            continue;
        told[ticket->scorer] = true;
        scores_failed(b, ticket, rewarder, "its worker died", now_ms);
    }
}

static int64_t timeout_ms(const struct broker *b, const struct ticket *ticket)
{
    const uint32_t own = b->run.scorer[ticket->scorer].timeout_ms;

    return own ? own : b->limits.ticket_ms;
}

static void expire(struct broker *b, struct ticket *ticket, int64_t now_ms)
{
    char words[MEMBERS_WORDS];

    text_print(words, sizeof words, "no answer within %lld ms",
               (long long)timeout_ms(b, ticket));
    text_print(ticket->holder->error, sizeof ticket->holder->error, "%s", words);
    b->counters.expired++;
    ticket->holder->failed++;
    scores_failed(b, ticket, ticket->holder, words, now_ms);
    scores_requeue(b, ticket);
    ticket_expire(&b->tickets, ticket);
}

void scores_tick(struct broker *b, int64_t now_ms)
{
    for (uint32_t i = 0; i < b->tickets.window && b->tickets.n; i++) {
        struct ticket *ticket = &b->tickets.slot[i];
        const struct broker_member *holder = ticket->holder;
        int64_t limit, moved;

        if (!ticket->number)
            continue;
        /* Patience counts from the last progress, as for leases. That is the rewarder's own
         * word, so ten times the limit ends it in any case. */
        limit = timeout_ms(b, ticket);
        moved = holder && holder->progress_ms > ticket->issued_ms ? holder->progress_ms
                                                                  : ticket->issued_ms;
        if (holder && (now_ms - moved >= limit || now_ms - ticket->issued_ms >= 10 * limit)) {
            expire(b, ticket, now_ms);
        } else if (ticket->again_ms && now_ms >= ticket->again_ms) {
            scores_requeue(b, ticket);
            ticket_end(&b->tickets, ticket);
        } else if (!holder && !ticket->again_ms && now_ms - ticket->issued_ms >= LATE * limit) {
            ticket_end(&b->tickets, ticket); /* nobody will answer it any more */
        }
    }
}

/* As in room.c: what it has not seen yet is still on its way to it, and takes room there. */
static void credit(struct broker *b, struct broker_member *rewarder)
{
    rewarder->avail =
        rewarder->credit < b->limits.credit_max ? rewarder->credit : b->limits.credit_max;
    for (uint32_t i = 0; i < b->tickets.window && b->tickets.live; i++) {
        const struct ticket *ticket = &b->tickets.slot[i];

        if (ticket->number > rewarder->seen && ticket->holder == rewarder)
            rewarder->avail -= ticket->n_item;
    }
}

/* A worker that is new, now that it has room: what it offers is tried at once, if it is paused. */
static void offered(struct broker *b, const struct broker_member *rewarder, int64_t now_ms)
{
    for (uint32_t j = 0; j < b->run.n_scorer; j++)
        if (members_can(rewarder, &b->run.scorer[j]))
            breaker_offered(&b->breaker[j], now_ms);
}

enum err scores_on_hb(struct broker *b, struct broker_member *rewarder, const struct msg *msg,
                      int64_t now)
{
    const bool is_new = !rewarder->beaten;

    members_heartbeat(rewarder, &msg->hb, now);
    credit(b, rewarder);
    if (is_new)
        offered(b, rewarder, now);
    return OK;
}

/* Who failed fewer times since its last answer comes first, so that one that takes and brings
 * nothing is soon behind all others, however much room it says it has; then the most room. */
static bool is_better(const struct breaker *at, const struct broker_member *m,
                      const struct broker_member *than)
{
    const bool last = at->fails && !memcmp(&at->last, &m->id, sizeof m->id);

    if (!than || m->failed != than->failed)
        return !than || m->failed < than->failed;
    /* While the scorer fails, whoever failed last waits until another one has tried. */
    if (at->fails && last != !memcmp(&at->last, &than->id, sizeof than->id))
        return !last;
    return m->avail > than->avail;
}

/* One that failed DOUBTFUL times has one ticket at a time. */
static struct broker_member *choose(const struct broker *b, uint32_t scorer)
{
    struct broker_member *best = NULL;

    for (struct broker_member *m = b->members.scoring; m; m = m->scoring_next)
        if (m->greeted && !m->draining && m->avail > 0 &&
            !(m->failed >= DOUBTFUL && m->tickets) && members_can(m, &b->run.scorer[scorer]) &&
            is_better(&b->breaker[scorer], m, best))
            best = m;
    return best;
}

/* One ticket in the making: units of one scorer, decoded at one temperature, which is said
 * once. */
struct ask_batch {
    struct tasks_name item[TICKET_ITEMS];
    uint32_t n;
    size_t bytes;
    float temperature;
};

static size_t item_bytes(const struct task *def, const struct rollout *body)
{
    return 256 + 4 * ((size_t)def->n_prompt + body->n_token + def->n_tail) + strlen(def->meta) +
           strlen(def->prompt_text) + strlen(body->text);
}

/* Moves the unit at the head of the queue into the batch. False: it has to wait for another. */
static bool take_unit(struct broker *b, struct ask_batch *batch, uint32_t j, uint32_t room)
{
    struct open_task *task = NULL;
    const struct open_sample *head = tasks_named(&b->tasks, fifo_head(&b->ask[j]), &task);
    uint32_t first = fifo_head(&b->ask[j])->sample, n = 0;
    size_t bytes = 0;

    /* Else it was settled or taken back since it was queued, and n stays 0. */
    if (head && head->body && head->score[j].ask == ASK_QUEUED)
        unit_of(&b->run.scorer[j], task->def, first, &first, &n);
    for (uint32_t i = first; i < first + n; i++)
        if (task->sample[i].body)
            bytes += item_bytes(task->def, task->sample[i].body);
        else
            n = 0; /* one of a group is gone: no score can be had */
    if (!n) {      /* settled meanwhile */
        fifo_pop(&b->ask[j]);
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
    fifo_pop(&b->ask[j]);
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
                             .n_prompt = def->n_prompt,
                             .token = body->token,
                             .n_token = body->n_token,
                             .tail = def->tail,
                             .n_tail = def->n_tail,
                             .prompt_text = text ? def->prompt_text : "",
                             .text = text ? body->text : "",
                             .meta = text ? def->meta : ""};
}

static void issue(struct broker *b, struct broker_member *to, const struct ask_batch *batch,
                  uint32_t j, int64_t now_ms)
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
                              .n_item = batch->n}};

    for (uint32_t i = 0; i < batch->n; i++) {
        struct open_task *task = NULL;
        struct open_sample *sample = tasks_named(&b->tasks, &batch->item[i], &task);

        /* Before it is sent: from now on the ticket alone says whose it is. */
        sample->score[j].ask = ASK_OUT;
        sample->score[j].ticket = ticket->number;
        fill_item(&item[i], task->def, sample->body, scorer->needs_text);
    }
    to->avail -= batch->n;
    breaker_asked(&b->breaker[j], ticket->number);
    outbox_put(&b->outbox, to, &msg); /* unsent: its next HELLO takes the ticket back */
    free(item);
}

/* One ticket for one scorer. False: none can be issued now. */
static bool ask_one(struct broker *b, uint32_t j, int64_t now_ms)
{
    struct broker_member *to = choose(b, j);
    static struct ask_batch batch; /* large; one loop thread */
    uint32_t room;

    /* Nothing is taken off the queue before it is sure that there is somebody, and a ticket. */
    if (!to || b->tickets.n == b->tickets.capacity ||
        !breaker_may(&b->breaker[j], &b->tickets, now_ms))
        return false;
    room = to->avail < TICKET_ITEMS ? (uint32_t)to->avail : TICKET_ITEMS;
    if (to->slots && room > to->slots)
        room = to->slots; /* up to what it batches, never waited for */
    if (breaker_open(&b->breaker[j]))
        room = 1; /* one unit shows whether it works again */
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
    for (uint32_t j = 0; j < b->run.n_scorer; j++)
        while (b->ask[j].n && ask_one(b, j, now_ms))
            ;
}

/* The broker's events, and the pump.
 *
 * Whatever happens is one of: HELLO (broker_hello), a message (broker_take), somebody gone
 * (broker_gone), a frame that nobody can read (broker_bad), a tick (broker_tick). Each is the same
 * three steps: what the event may do is set (its row in table.c), state changes, the pump runs.
 *
 *     pump:   adopted      leases of what actors had already       grant.c
 *             grant        work to who has room for it             grant.c
 *             reclaim      each tick, before and after that: work
 *                          that others do sooner                   reclaim.c
 *             overdue      each tick: leases that bring nothing    overdue.c
 *             ask          rollouts to rewarders                   scores.c
 *             to_learner   what is ready, as far as it has room    to_learner.c
 *             flush        everything that was put is sent         outbox.c
 *
 * Each stage looks only if the event's row wakes it; the tick wakes all.
 *
 * The hub may drop a member while it is sent to; broker_gone then comes from within the flush.
 * It changes state like any other event, and the pump, which is at work already, goes round once
 * more: what came free finds somebody at once. */

#include "broker/broker.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/admin.h"
#include "broker/answers.h"
#include "broker/blame.h"
#include "broker/grant.h"
#include "broker/handshake.h"
#include "broker/heartbeat.h"
#include "broker/hold.h"
#include "broker/keepers.h"
#include "broker/learner.h"
#include "broker/overdue.h"
#include "broker/pace.h"
#include "broker/people.h"
#include "broker/reclaim.h"
#include "broker/room.h"
#include "broker/scores.h"
#include "broker/stats.h"
#include "broker/table.h"
#include "broker/to_learner.h"
#include "broker/turns.h"
#include "broker/unlike.h"
#include "broker/uplink.h"
#include "broker/wanted.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

void broker_new(struct broker **out, const struct broker_limits *limits,
                const struct broker_sink *sink, const struct broker_birth *birth,
                int64_t now_ms)
{
    struct broker *b = mem_new(1, sizeof *b);

    b->limits = *limits;
    b->sink = *sink;
    b->incarnation = birth->incarnation;
    b->first_number = birth->first_number;
    b->bulk = mem_text(birth->bulk);
    b->bulk_key = mem_text(birth->bulk_key);
    b->next_key = mem_text("");
    b->born_ms = b->beat_ms = b->now_ms = now_ms;
    b->turns.under_way = birth->restarted;
    b->lease_from_ms = now_ms + limits->wait_ms;
    tasks_init(&b->tasks, limits->tasks, limits->task_bytes, limits->body_bytes);
    lease_init(&b->leases, limits->leases, birth->first_number);
    ticket_init(&b->tickets, limits->tickets, birth->first_number);
    outbox_init(&b->outbox);
    *out = b;
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    b->tasks.may = TASKS_ALL_MOVES;
    tasks_fini(&b->tasks);
    lease_fini(&b->leases);
    ticket_fini(&b->tickets);
    outbox_fini(&b->outbox);
    members_fini(&b->members);
    for (int i = 0; i < MAX_SCORERS; i++)
        free(b->ask[i].item);
    free(b->to_learner.item);
    free(b->keepers.place);
    run_fini(&b->run);
    suspects_fini(&b->suspects);
    pace_fini(&b->pace);
    probation_fini(&b->probation);
    free(b->bulk);
    free(b->bulk_key);
    free(b->next_key);
    free(b);
}

/* Sends alone; who leaves within is met by the next pump. */
static void flush(struct broker *b)
{
    b->pumping = true;
    outbox_flush(&b->outbox, &b->sink, b->now_ms);
    b->pumping = false;
}

static void pump(struct broker *b, unsigned wakes, bool is_tick, int64_t now_ms)
{
    b->wakes |= wakes;
    if (b->pumping)
        return;
    b->pumping = true;
    do {
        wakes = b->wakes;
        b->wakes = 0;
        b->tasks.may = table_events[TABLE_PUMP].moves;
        grant_adopted(b);
        if (is_tick) {
            room_tick(b, now_ms);
            reclaim_late(b, now_ms);
        }
        if (wakes & TABLE_WORK)
            grant_work(b, is_tick, now_ms);
        if (is_tick) {
            reclaim_work(b, now_ms);
            overdue_expire(b, now_ms);
        }
        if (wakes & TABLE_ASK)
            scores_ask(b, now_ms);
        if (wakes & TABLE_LEARNER)
            to_learner_send(b, now_ms);
        if (is_tick || b->beat)
            heartbeat_send(b, now_ms);
        if (is_tick)
            keepers_tell(b, now_ms);
        /* Once, however often it goes round. */
        is_tick = b->beat = false;
        outbox_flush(&b->outbox, &b->sink, b->now_ms);
    } while (b->wakes);
    b->pumping = false;
}

/* Who brings what it will bring from now on. */
static void take_origin(const struct broker *b, struct broker_member *member,
                        const struct msg_hello *hello)
{
    struct writer writer = {.address = ""};

    if (b->sink.origin)
        b->sink.origin(b->sink.self, member->link, &writer);
    writer.peer = member->id;
    writer.name = hello->name;
    writer.build = hello->build;
    origin_take(&member->origin, &writer);
    members_who(member->who, &member->origin);
}

/* The role is known and may say this HELLO. */
static bool admits(struct broker *b, struct broker_member *was, void *link,
                   const struct msg *msg, enum refuse_code *code, const char **words,
                   int64_t now_ms)
{
    *code = REFUSE_ROLE;
    *words = "this broker has no use for that role";
    if (!table_find(msg->hello.role, MSG_HELLO) || (was && msg->hello.role != was->role))
        return false;
    return msg->hello.role != ROLE_LEARNER ||
           turns_admit(b, was, link, msg, code, words, now_ms);
}

/* What it holds, and what follows for the work that it had; then WELCOME. */
static void greet(struct broker *b, struct broker_member *member, const struct msg *msg,
                  bool is_new, int64_t now_ms)
{
    static const struct id none;

    members_hello(member, &msg->hello);
    take_origin(b, member, &msg->hello);
    if (is_new)
        events_joined(&b->events, member, now_ms);
    if (is_new && member->role == ROLE_ACTOR)
        probation_come(&b->probation, member, now_ms);
    if (member->role == ROLE_ACTOR)
        room_credit(b, member);                     /* none before its heartbeat */
    if (memcmp(&msg->head.run, &none, sizeof none)) /* else: as it said before */
        member->run = msg->head.run;
    member->heard_ms = now_ms;
    if (member->role == ROLE_LEARNER)
        learner_bind(b, member, msg, now_ms);
    if (member->role == ROLE_ANNOTATOR)
        people_came(b);
    scores_take_back(b, member); /* a rewarder keeps nothing */
    handshake_send(b, member, &msg->hello, now_ms);
    if (member->role == ROLE_LEARNER) {
        to_learner_again(b);
        blame_all_again(b);
        people_learner_came(b, now_ms);
    }
}

struct broker_member *broker_hello(struct broker *b, struct broker_member *was, void *link,
                                   const struct msg *msg, int64_t now_ms)
{
    struct broker_member *member = was;
    enum refuse_code code;
    const char *words;

    /* Through the sink and not the outbox: a new one is no member yet, and an old one is gone
     * with this. */
    if (!admits(b, was, link, msg, &code, &words, now_ms) ||
        !people_admits(b, was, &msg->hello, &code, &words) ||
        !unlike_admits(b, &msg->hello, &code, &words, now_ms) ||
        !admin_admits(b, was, link, &msg->hello, &code, &words, now_ms)) {
        b->sink.refuse(b->sink.self, link, code, words);
        return NULL;
    }
    b->now_ms = now_ms;
    if (!member) {
        member = members_add(&b->members, link, &msg->hello, now_ms);
        if (comings_told(&b->comings, now_ms))
            log_info("joined", "peer=%s role=%d", member->name, (int)member->role);
    }
    turns_heard(b, msg);
    b->tasks.may = table_find(member->role, MSG_HELLO)->moves;
    greet(b, member, msg, !was, now_ms);
    flush(b); /* WELCOME first: who does not get it gets no work */
    pump(b, table_find(member->role, MSG_HELLO)->wakes, false, now_ms);
    return member;
}

void broker_gone(struct broker *b, struct broker_member *member, bool died, int64_t now_ms)
{
    const uint64_t may = b->tasks.may; /* of the event within which it may come */

    b->now_ms = now_ms;
    if (comings_told(&b->comings, now_ms))
        log_info("gone", "peer=%s died=%d host=%s cause=\"%s\"", member->name, died,
                 member->host, member->cause);
    b->tasks.may = table_events[TABLE_GONE].moves;
    events_gone(&b->events, member, died, now_ms);
    probation_gone(&b->probation, member, died, now_ms);
    if (died) {
        blame_died(b, member, now_ms);
        scores_died(b, member, now_ms);
    }
    /* After blame_died, which looks at what it had in hand. */
    hold_requeue_all(b, member, now_ms);
    scores_take_back(b, member);
    if (b->run.learner == member) {
        b->run.learner = NULL;
        text_print(b->run.trouble, sizeof b->run.trouble, "%s", member->trouble);
    }
    room_forget(b, member);
    outbox_forget(&b->outbox, member);
    members_remove(&b->members, member);
    pump(b, table_events[TABLE_GONE].wakes, false, now_ms);
    b->tasks.may = may;
}

bool broker_hears(enum role role, enum msg_type type)
{
    const struct table_row *row = table_find(role, type);

    return row && row->handle;
}

/* Words about another run, or of a learner's earlier life, are only late. */
static bool in_time(const struct broker *b, const struct table_row *row, const struct msg *msg)
{
    if ((row->when & TABLE_OF_RUN) && run_is_other(&b->run, msg))
        return false;
    return !(row->when & TABLE_OF_EPOCH) || msg->head.epoch == b->run.epoch;
}

enum err broker_take(struct broker *b, struct broker_member *from, const struct msg *msg,
                     int64_t now_ms)
{
    const struct table_row *row = table_find(from->role, msg->head.type);
    char words[ERR_WORDS];
    enum err err = OK;

    if (!row || !row->handle) {
        from->strikes++;
        return err_set(ERR_RANGE, "%s: not from this role", msg_name(msg->head.type));
    }
    from->heard_ms = b->now_ms = now_ms;
    if (!from->greeted) { /* something was lost on the way to it */
        outbox_who(&b->outbox, from, now_ms);
    } else if (in_time(b, row, msg)) {
        b->tasks.may = row->moves;
        err = row->handle(b, from, msg, now_ms);
    }
    if (err) /* sending may have words of its own */
        text_print(words, sizeof words, "%s", err_text());
    pump(b, row->wakes, false, now_ms); /* BYE: `from` is gone afterwards */
    return err ? err_set(err, "%s", words) : OK;
}

void broker_bad(struct broker *b, struct broker_member *from, enum msg_type type,
                const char *words, int64_t now_ms)
{
    b->now_ms = now_ms;
    text_print(from->error, sizeof from->error, "%s", words);
    if (from->role == ROLE_REWARDER && type == MSG_SCORE)
        answers_on_bad(b, from, words, now_ms);
    pump(b, 0, false, now_ms);
}

enum { SLEPT_MS = 2000 }; /* between two ticks: then we were stopped */

/* What comes between may have been noted already: nothing is later than now. */
static void later(int64_t *at_ms, int64_t slept_ms, int64_t now_ms)
{
    *at_ms = *at_ms + slept_ms < now_ms ? *at_ms + slept_ms : now_ms;
}

/* We did not listen, so nobody was silent and no work stood still (the hub says the same of peers). */
static void excuse(struct broker *b, int64_t now_ms)
{
    const int64_t slept_ms = b->tick_ms ? now_ms - b->tick_ms : 0;

    b->tick_ms = now_ms;
    if (slept_ms > SLEPT_MS)
        turns_slept(b, slept_ms, now_ms);
    for (struct broker_member *m = b->members.first; m && slept_ms > SLEPT_MS; m = m->next) {
        later(&m->heard_ms, slept_ms, now_ms);
        later(&m->progress_ms, slept_ms, now_ms);
        later(&m->pace_at_ms, slept_ms, now_ms);
        for (uint32_t slot = m->lease; slot != LEASE_NONE; slot = b->leases.slot[slot].next)
            later(&b->leases.slot[slot].granted_ms, slept_ms, now_ms);
    }
}

void broker_tick(struct broker *b, int64_t now_ms)
{
    excuse(b, now_ms);
    b->tasks.may = table_events[TABLE_TICK].moves;
    b->now_ms = now_ms;
    pace_tick(b, now_ms);
    /* First: claims are judged below by who is able now. */
    suspects_look(&b->suspects, &b->run, &b->members);
    turns_tick(b, now_ms);
    grant_expire(b, now_ms);
    scores_tick(b, now_ms);
    handshake_all_claims(b, now_ms);
    blame_tick(b, now_ms);
    if (now_ms - b->beat_ms < HEARTBEAT_MS) {
        pump(b, table_events[TABLE_TICK].wakes, true, now_ms);
        return;
    }
    b->beat_ms = now_ms;
    stats_second(b);
    pace_second(b);
    wanted_look(b);
    pump(b, table_events[TABLE_TICK].wakes, true, now_ms);
    /* After the pump: what it gave out is seen at once. */
    stats_publish(b, false, NULL, 0, now_ms);
}

bool broker_waits(const struct broker *b)
{
    return b->outbox.waiting.first != NULL;
}

void broker_resume(struct broker *b, int64_t now_ms)
{
    b->now_ms = now_ms;
    pump(b, 0, false, now_ms);
}

void broker_stats(struct broker *b, const struct msg_stats_key *key, uint32_t n_key,
                  int64_t now_ms)
{
    stats_publish(b, true, key, n_key, now_ms);
}

void broker_drain(struct broker *b, uint32_t deadline_ms)
{
    struct msg msg = {.head.type = MSG_DRAIN, .drain.deadline_ms = deadline_ms};
    bool said = false;

    b->draining = true;
    for (struct broker_member *m = b->members.first; m; m = m->next) {
        m->draining = true;
        if (m->greeted)
            outbox_tell(&b->outbox, &said, m, &msg);
    }
    flush(b);
}

bool broker_drained(const struct broker *b)
{
    for (const struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_LEARNER || m->role == ROLE_ACTOR || m->role == ROLE_REWARDER)
            return false;
    return b->draining;
}

bool broker_run(const struct broker *b, struct id *run, uint64_t *epoch)
{
    *run = b->run.id;
    *epoch = b->run.epoch;
    return b->run.bound;
}

bool broker_own(const struct broker *b, const struct id *id)
{
    return run_has_own(&b->run) && !memcmp(&b->run.own, id, sizeof *id);
}

void broker_next_key(struct broker *b, const char *next_key)
{
    free(b->next_key);
    b->next_key = mem_text(next_key);
}

size_t broker_bytes(const struct broker *b)
{
    return b->tasks.bytes + b->tasks.space;
}

void broker_heard(struct broker *b, uint64_t bad_frames, uint64_t refused)
{
    b->counters.bad_frames = bad_frames;
    b->counters.refused = refused;
}

void broker_missing(struct broker *b, const char *words, int64_t since_ms)
{
    text_print(b->missing, sizeof b->missing, "%s", words);
    b->missing_ms = since_ms;
}

void broker_uplink(struct broker *b, bool owes, uint64_t bytes, int64_t now_ms)
{
    uplink_look(b, owes, bytes, now_ms);
}

void broker_giver(struct broker *b, const char *words, int64_t failed_ms)
{
    if (failed_ms != b->giver_ms)
        text_print(b->giver, sizeof b->giver, "%s", words);
    b->giver_ms = failed_ms;
}

void broker_refusals(struct broker *b, const struct msg_stats_reason *refusal, uint32_t n)
{
    b->n_refusal = n < STATE_REFUSALS ? n : STATE_REFUSALS;
    memcpy(b->refusal, refusal, b->n_refusal * sizeof *refusal);
}

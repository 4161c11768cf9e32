#include "broker/broker.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/admin.h"
#include "broker/answers.h"
#include "broker/blame.h"
#include "broker/overdue.h"
#include "broker/refused.h"
#include "broker/state.h"
#include "broker/waits.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

const struct broker_limits broker_default = {
    .tasks = 65536,
    .leases = 65536,
    .tickets = 8192,
    .claims = 8192,
    .credit_max = 4096,
    .task_bytes = (size_t)256 << 20,
    .body_bytes = (size_t)1 << 30,
    .lease_ms = 30000,
    .ticket_ms = 60000,
    .wait_ms = 1000,
    .hold_ms = 30000,
    .retry_ms = 250,
};

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
    b->suspects.key = birth->key;
    b->born_ms = b->hb_ms = now_ms;
    b->lease_from_ms = now_ms + limits->wait_ms;
    tasks_init(&b->tasks, limits->tasks, limits->task_bytes, limits->body_bytes);
    lease_init(&b->leases, limits->leases, birth->first_number);
    ticket_init(&b->tickets, limits->tickets, birth->first_number);
    *out = b;
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    tasks_fini(&b->tasks);
    lease_fini(&b->leases);
    ticket_fini(&b->tickets);
    while (b->first) {
        struct broker_member *next = b->first->next;

        members_free(b->first);
        b->first = next;
    }
    for (int i = 0; i < STATE_SCORERS; i++)
        free(b->ask[i].item);
    free(b->to_learner.item);
    settled_fini(&b->run.settled);
    suspects_fini(&b->suspects);
    free(b->run.scorer);
    free(b->run.artifact);
    free(b->run.metrics);
    free(b->bulk);
    free(b->bulk_key);
    free(b);
}

bool broker_send(struct broker *b, struct broker_member *to, struct msg *msg)
{
    enum err err;

    msg->head.run = b->run.id;
    msg->head.epoch = b->run.epoch;
    err = b->sink.send(b->sink.self, to->link, msg);
    if (!err)
        return true;
    if (err == ERR_RANGE) {
        log_error("unsendable", "to=%s message=%s reason=\"%s\"", to->name,
                  msg_name(msg->head.type), err_text());
        return false;
    }
    /* Something is lost between us and it: both sides say what they hold before going on. */
    to->greeted = false;
    return false;
}

void broker_who(struct broker *b, struct broker_member *to, int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_WHO};

    if (now_ms - to->who_ms < STATE_WHO_MS)
        return;
    if (!b->sink.send(b->sink.self, to->link, &msg)) /* else its next frame provokes another */
        to->who_ms = now_ms;
}

static void heartbeat(struct broker *b, struct broker_member *to, const struct waits *waits)
{
    char *members = to->role == ROLE_LEARNER ? broker_members(b) : NULL;
    struct msg msg = {.head = {.type = MSG_HB, .run = b->run.id, .epoch = b->run.epoch}};

    msg.hb.settled = settled_view(&b->run.settled);
    msg.hb.newest = b->run.newest;
    msg.hb.smallest_live = b->run.smallest_live;
    msg.hb.step = b->run.step;
    msg.hb.done = b->run.done;
    msg.hb.note = "";
    msg.hb.metrics = members ? members : "";
    msg.hb.wants_own = "";
    if (to->role == ROLE_LEARNER) {
        msg.hb.open_to = b->tasks.open_to;
        msg.hb.wants_own = b->run.wants_own;
        msg.hb.wait = waits->wait;
        msg.hb.n_wait = waits->n;
    }
    /* State: one that is lost is made good by the next. */
    if (b->sink.send(b->sink.self, to->link, &msg) == ERR_IO)
        to->greeted = false;
    free(members);
}

void broker_heartbeats(struct broker *b, int64_t now_ms)
{
    struct waits *waits = mem_new(1, sizeof *waits);

    waits_list(b, waits, now_ms);
    for (struct broker_member *m = b->first; m; m = m->next)
        if (m->greeted)
            heartbeat(b, m, waits);
    free(waits);
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
}

struct broker_member *broker_hello(struct broker *b, struct broker_member *was, void *link,
                                   const struct msg *msg, int64_t now_ms)
{
    static const struct id none;
    struct broker_member *member = was;
    enum refuse_code code = REFUSE_ROLE;
    const char *words = "this broker has no use for that role";

    if (msg->hello.role <= ROLE_NONE || msg->hello.role >= ROLES ||
        (was && msg->hello.role != was->role) ||
        (msg->hello.role == ROLE_LEARNER && !run_admit(b, was, msg, &code, &words, now_ms))) {
        b->sink.refuse(b->sink.self, link, code, words);
        return NULL;
    }
    if (!member) {
        member = members_new(link, &msg->hello, now_ms);
        member->prev = b->last;
        *(b->last ? &b->last->next : &b->first) = member;
        b->last = member;
        log_info("joined", "peer=%s role=%d", member->name, (int)member->role);
    }
    members_hello(member, &msg->hello);
    take_origin(b, member, &msg->hello);
    if (memcmp(&msg->head.run, &none, sizeof none)) /* else: as it said before */
        member->run = msg->head.run;
    member->heard_ms = now_ms;
    if (member->role == ROLE_LEARNER)
        run_bind(b, member, msg, now_ms);
    if (member->role == ROLE_REWARDER) {
        scores_take_back(b, member);
        if (!was)
            breaker_offered(b, member, now_ms);
    }
    handshake_send(b, member, &msg->hello, now_ms);
    if (member->role == ROLE_LEARNER)
        to_learner_again(b);
    return member;
}

void broker_gone(struct broker *b, struct broker_member *member, bool died, int64_t now_ms)
{
    log_info("gone", "peer=%s died=%d", member->name, died);
    if (died) {
        grant_blame(b, member, now_ms);
        scores_blame(b, member, now_ms);
    }
    grant_requeue_all(b, member, now_ms);
    scores_take_back(b, member);
    if (b->run.learner == member)
        b->run.learner = NULL;
    if (b->turn == member)
        b->turn = member->next;
    *(member->prev ? &member->prev->next : &b->first) = member->next;
    *(member->next ? &member->next->prev : &b->last) = member->prev;
    members_free(member);
    grant_work(b, now_ms);
    scores_ask(b, now_ms);
}

static enum err on_hb(struct broker *b, struct broker_member *from, const struct msg *msg,
                      int64_t now_ms)
{
    members_heartbeat(from, &msg->hb, now_ms);
    switch (from->role) {
    case ROLE_LEARNER:
        run_on_hb(b, from, msg, now_ms);
        break;
    case ROLE_ACTOR:
        grant_on_hb(b, from, &msg->hb, now_ms);
        break;
    case ROLE_REWARDER:
        scores_credit(b, from);
        scores_ask(b, now_ms);
        break;
    default:
        break;
    }
    return OK;
}

typedef enum err handler(struct broker *b, struct broker_member *from, const struct msg *msg,
                         int64_t now_ms);

/* Who may say what. What has no row is a strike. HELLO goes through broker_hello. */
static const struct broker_row {
    enum role from;
    enum msg_type type;
    handler *handle;
} rows[] = {
    {ROLE_LEARNER, MSG_HB, on_hb},
    {ROLE_LEARNER, MSG_OPEN, run_on_open},
    {ROLE_LEARNER, MSG_CANCEL, run_on_cancel},
    {ROLE_LEARNER, MSG_SETTLED, run_on_settled},
    {ROLE_LEARNER, MSG_PUBLISH, run_on_publish},
    {ROLE_LEARNER, MSG_FAIL, blame_on_fail},
    {ROLE_LEARNER, MSG_REFUSED, refused_on_refused},
    {ROLE_LEARNER, MSG_BYE, admin_on_bye},
    {ROLE_ACTOR, MSG_HB, on_hb},
    {ROLE_ACTOR, MSG_ROLLOUT, rollouts_on_rollout},
    {ROLE_ACTOR, MSG_FAIL, rollouts_on_fail},
    {ROLE_ACTOR, MSG_BYE, admin_on_bye},
    {ROLE_REWARDER, MSG_HB, on_hb},
    {ROLE_REWARDER, MSG_SCORE, answers_on_score},
    {ROLE_REWARDER, MSG_FAIL, answers_on_fail},
    {ROLE_REWARDER, MSG_BYE, admin_on_bye},
    {ROLE_SUPERVISOR, MSG_HB, on_hb},
    {ROLE_SUPERVISOR, MSG_ADMIN_OK, admin_on_admin_ok},
    {ROLE_SUPERVISOR, MSG_BYE, admin_on_bye},
    {ROLE_CLI, MSG_HB, on_hb},
    {ROLE_CLI, MSG_ADMIN, admin_on_admin},
    {ROLE_CLI, MSG_BYE, admin_on_bye},
};

static const struct broker_row *find_row(enum role role, enum msg_type type)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].from == role && rows[i].type == type)
            return &rows[i];
    return NULL;
}

bool broker_hears(enum role role, enum msg_type type)
{
    return find_row(role, type) != NULL;
}

enum err broker_take(struct broker *b, struct broker_member *from, const struct msg *msg,
                     int64_t now_ms)
{
    const struct broker_row *row = find_row(from->role, msg->head.type);
    const bool of_run = from->role == ROLE_LEARNER || msg->head.type == MSG_ROLLOUT;

    if (!row) {
        from->strikes++;
        return err_set(ERR_RANGE, "%s: not from this role", msg_name(msg->head.type));
    }
    from->heard_ms = now_ms;
    if (!from->greeted) { /* something was lost on the way to it */
        broker_who(b, from, now_ms);
        return OK;
    }
    /* Words about another run, or of a learner's earlier life, are only late. */
    if (of_run && msg->head.type != MSG_BYE &&
        (!b->run.bound || memcmp(&msg->head.run, &b->run.id, sizeof b->run.id)))
        return OK;
    if (from->role == ROLE_LEARNER && msg->head.epoch != b->run.epoch)
        return OK;
    return row->handle(b, from, msg, now_ms); /* BYE: `from` is gone afterwards */
}

void broker_bad(struct broker *b, struct broker_member *from, enum msg_type type,
                const char *words, int64_t now_ms)
{
    text_print(from->error, sizeof from->error, "%s", words);
    if (from->role == ROLE_REWARDER && type == MSG_SCORE)
        answers_on_bad(b, from, words, now_ms);
}

void broker_tick(struct broker *b, int64_t now_ms)
{
    suspects_look(b);
    grant_expire(b, now_ms);
    scores_tick(b, now_ms);
    handshake_all_claims(b, now_ms);
    blame_tick(b, now_ms);
    grant_work(b, now_ms);
    overdue_expire(b, now_ms);
    scores_ask(b, now_ms);
    to_learner_send(b, now_ms);
    if (now_ms - b->hb_ms < STATE_HB_MS)
        return;
    b->hb_ms = now_ms;
    for (struct broker_member *m = b->first; m; m = m->next)
        members_second(m);
    b->counters.settled_past[b->counters.pasts++ % MEMBERS_RATES] = b->counters.settled;
    broker_heartbeats(b, now_ms);
    broker_stats(b, now_ms);
}

void broker_drain(struct broker *b, uint32_t deadline_ms)
{
    struct msg msg = {.head.type = MSG_DRAIN, .drain.deadline_ms = deadline_ms};

    b->draining = true;
    for (struct broker_member *m = b->first; m; m = m->next) {
        m->draining = true;
        if (m->greeted)
            broker_send(b, m, &msg);
    }
}

bool broker_drained(const struct broker *b)
{
    for (const struct broker_member *m = b->first; m; m = m->next)
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

size_t broker_bytes(const struct broker *b)
{
    return b->tasks.bytes + b->tasks.space;
}

void broker_heard(struct broker *b, uint64_t bad_frames, uint64_t refused)
{
    b->counters.bad_frames = bad_frames;
    b->counters.refused = refused;
}

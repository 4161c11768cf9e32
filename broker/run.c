/* run: the learner's words: which run is served, its tasks, versions and what is settled. */

#include "base/log.h"
#include "base/mem.h"
#include "broker/blame.h"
#include "broker/copy.h"
#include "broker/verify.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

static bool same_id(const struct id *a, const struct id *b)
{
    return !memcmp(a, b, sizeof *a);
}

/* The process whose start it is, on a new connection or after the broker took it for dead. */
static bool is_same(const struct run_state *run, const struct broker_member *was,
                    const struct msg *msg)
{
    return (was && run->learner == was) ||
           (!run->learner && same_id(&run->process, &msg->hello.peer) &&
            run->process_start == msg->hello.incarnation);
}

bool run_admit(struct broker *b, const struct broker_member *was, const struct msg *msg,
               enum refuse_code *code, const char **words, int64_t now_ms)
{
    const struct run_state *run = &b->run;

    if (msg->hello.n_scorer > STATE_SCORERS) {
        *code = REFUSE_ROLE;
        *words = "more scorers than this broker can serve";
        return false;
    }
    if (!run->bound)
        return true;
    if (!same_id(&run->id, &msg->head.run)) {
        *code = REFUSE_BUSY;
        *words = "another run is served here";
        return run->done ||
               (!run->learner && (run->left || now_ms - run->seen_ms >= b->limits.hold_ms)) ||
               (was && run->learner == was);
    }
    if (msg->head.epoch > run->epoch ||
        (msg->head.epoch == run->epoch && is_same(run, was, msg)))
        return true;
    /* The same start, or an earlier one, by another process: while one is served it waits, or,
     * if it was welcome before, knows that it was followed. */
    *code = REFUSE_FENCED;
    *words = "a later start of this run was served here";
    if (run->learner && run->learner != was) {
        *code = REFUSE_BUSY;
        *words = "another process serves this run here";
    }
    return false;
}

void run_forget_tasks(struct broker *b)
{
    for (struct broker_member *m = b->first; m; m = m->next) {
        while (m->lease != MEMBERS_NO_LEASE)
            lease_end(&b->leases, m->lease);
        m->claims = 0;
    }
    scores_forget(b);
    tasks_reset(&b->tasks);
    b->to_learner.n = 0;
}

static bool is_worker(const struct broker_member *member)
{
    return member->greeted && (member->role == ROLE_ACTOR || member->role == ROLE_REWARDER);
}

/* State that the next heartbeat says again: one that is lost is no loss. */
static void tell_workers(struct broker *b, struct msg *msg)
{
    for (struct broker_member *m = b->first; m; m = m->next)
        if (is_worker(m))
            broker_send(b, m, msg);
}

/* What everybody holds has to be heard anew; WELCOME then has the run's tables. */
static void ask_who(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->first; m; m = m->next)
        if (is_worker(m)) {
            m->greeted = false;
            broker_who(b, m, now_ms);
        }
}

static bool same_artifacts(const struct run_state *run, const struct msg_hello *hello)
{
    if (run->artifacts != hello->n_artifact)
        return false;
    for (uint32_t i = 0; i < run->artifacts; i++)
        if (!hash_same(&run->artifact[i].hash, &hello->artifact[i].hash))
            return false;
    return true;
}

/* A hash is the learner's word: what tasks were measured by is compared itself. */
static bool same_scorer(const struct scorer *a, const struct scorer *b)
{
    return hash_same(&a->hash, &b->hash) && a->kind == b->kind && a->unit == b->unit &&
           a->needs_text == b->needs_text && a->per_token == b->per_token;
}

static bool same_table(const struct run_state *run, const struct msg_hello *hello)
{
    if (run->table != hello->table || run->scorers != hello->n_scorer)
        return false;
    for (uint32_t i = 0; i < run->scorers; i++)
        if (!same_scorer(&run->scorer[i], &hello->scorer[i]))
            return false;
    return true;
}

static void take_tables(struct run_state *run, const struct msg_hello *hello)
{
    struct scorer *scorer = NULL;
    struct artifact *artifact = NULL;

    if (copy_scorers(&scorer, hello->scorer, hello->n_scorer) ||
        copy_artifacts(&artifact, hello->artifact, hello->n_artifact)) {
        log_error("tables", "reason=\"%s\"", err_text());
        free(scorer);
        return; /* the old ones stand; the learner's next HELLO tries again */
    }
    free(run->scorer);
    free(run->artifact);
    run->scorer = scorer;
    run->scorers = hello->n_scorer;
    run->artifact = artifact;
    run->artifacts = hello->n_artifact;
    run->table = hello->table;
    run->body_max = hello->body_max;
    run->vocabulary = hello->vocabulary;
}

static void take_newest(struct run_state *run, const struct version *version)
{
    run->newest = *version;
    verify_announced(run, version);
}

static void settle(struct broker *b, struct open_task *task, uint32_t i, int64_t now_ms)
{
    struct open_sample *sample = &task->sample[i];

    if (sample->state == SAMPLE_SETTLED)
        return;
    b->counters.settled++;
    grant_release(b, sample, NULL);
    tasks_move(&b->tasks, task, i, SAMPLE_SETTLED, now_ms);
}

static void settle_range(struct broker *b, uint64_t id, uint32_t first, uint32_t count,
                         int64_t now_ms)
{
    struct open_task *task = tasks_find(&b->tasks, id);

    if (!task)
        return;
    for (uint32_t i = first; i < task->def->samples && i - first < count; i++)
        settle(b, task, i, now_ms);
    if (!task->open)
        tasks_remove(&b->tasks, id);
}

static void take_settled(struct broker *b, const struct settled *settled, int64_t now_ms)
{
    struct settled_samples *set = &b->run.settled;
    struct open_tasks *tasks = &b->tasks;

    settled_take(set, settled);
    if (tasks->open_to < set->watermark)
        tasks->open_to = set->watermark;
    for (uint64_t id = tasks->base; id < tasks->end && id < set->watermark; id++)
        settle_range(b, id, 0, UINT32_MAX, now_ms);
    for (uint32_t i = 0; i < set->ranges; i++) {
        const struct range *at = &set->range[i];

        if (at->task >= tasks->base && at->task < tasks->end)
            settle_range(b, at->task, at->first, at->count, now_ms);
    }
    to_learner_send(b, now_ms);
}

/* A new epoch may lower what is settled: such a task is opened afresh. */
static void reopen_lowered(struct broker *b)
{
    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);
        bool lowered = false;

        for (uint32_t i = 0; task && i < task->def->samples; i++)
            lowered |=
                task->sample[i].state == SAMPLE_SETTLED && !settled_has(&b->run.settled, id, i);
        for (uint32_t i = 0; lowered && i < task->def->samples; i++)
            grant_release(b, &task->sample[i], NULL);
        if (lowered)
            tasks_remove(&b->tasks, id);
    }
}

static void start_anew(struct broker *b, int64_t now_ms)
{
    struct run_state *run = &b->run;

    memset(&b->counters, 0, sizeof b->counters);
    suspects_forget(&b->suspects);
    run->done = false;
    run->step = 0;
    run->smallest_live = 0;
    run->tried = false;
    b->lease_from_ms = now_ms + b->limits.wait_ms;
}

void run_bind(struct broker *b, struct broker_member *learner, const struct msg *msg,
              int64_t now_ms)
{
    struct run_state *run = &b->run;
    struct broker_member *old = run->learner;
    const bool other = !run->bound || !same_id(&run->id, &msg->head.run);
    const bool fresh = other || msg->head.epoch > run->epoch;
    const bool table = other || !same_table(run, &msg->hello);
    const bool news = table || fresh || !same_artifacts(run, &msg->hello);

    if (table)
        run_forget_tasks(b);
    run->learner = learner;
    run->seen_ms = now_ms;
    run->left = false;
    run->bound = true;
    run->id = msg->head.run;
    run->epoch = msg->head.epoch;
    run->process = msg->hello.peer;
    run->process_start = msg->hello.incarnation;
    if (other)
        start_anew(b, now_ms);
    take_tables(run, &msg->hello);
    run->own = msg->hello.own;
    if (fresh) {
        run->smallest_live = 0; /* its first heartbeat says; it may be lower than before */
        run->done = false;
        memset(run->known, 0, sizeof run->known);
        b->tasks.open_to = msg->hello.settled.watermark;
    }
    take_newest(run, &msg->hello.newest);
    take_settled(b, &msg->hello.settled, now_ms);
    if (fresh) {
        reopen_lowered(b);
        log_info("run", "learner=%s epoch=%llu new=%d", learner->name,
                 (unsigned long long)run->epoch, other);
    }
    if (news)
        ask_who(b, now_ms);
    if (old && old != learner)
        b->sink.refuse(b->sink.self, old->link, other ? REFUSE_BUSY : REFUSE_FENCED,
                       "a later start of this run is served here");
}

/* May the space for it ever be there? */
static enum err fits(const struct broker *b, const struct open_task *task)
{
    const size_t need = task->space_each * (task->whole ? task->def->samples : 1);

    if (need <= b->limits.body_bytes)
        return OK;
    return err_set(ERR_RANGE,
                   "task %llu: its answers may take %zu bytes, this broker holds %zu",
                   (unsigned long long)task->def->id, need, b->limits.body_bytes);
}

/* Bytes that one answer and its scores may take: what a lease reserves. */
static void measure(const struct broker *b, struct open_task *task)
{
    const size_t tokens = task->def->decoding.max_new;
    size_t each = sizeof(struct rollout) + sizeof(struct origin) + 1024 +
                  tokens * (4 + 4 + sizeof(struct span) / 8) + tokens / 8;

    for (uint32_t i = 0; i < b->run.scorers; i++) {
        const struct scorer *scorer = &b->run.scorer[i];

        each += sizeof(struct open_score) + sizeof(struct origin) +
                (scorer->per_token ? tokens * 4 : 64);
        if (scorer->needs_text)
            each += tokens * 8;
        task->whole |= scorer->unit != UNIT_ROLLOUT;
    }
    task->space_each = each;
}

static enum err open_task(struct broker *b, const struct task *def, int64_t now_ms)
{
    struct open_task *task = tasks_find(&b->tasks, def->id);
    enum err err;

    if (task && copy_same_task(task->def, def)) { /* of the learner's earlier life */
        task->epoch = b->run.epoch;
        for (uint32_t i = 0; i < def->samples; i++) {
            blame_renew(b, task, i, now_ms);
            to_learner_queue(b, task, i);
            blame_again(b, task, i);
        }
        return OK;
    }
    if (task) {
        for (uint32_t i = 0; i < task->def->samples; i++)
            grant_release(b, &task->sample[i], NULL);
        tasks_remove(&b->tasks, def->id);
    }
    err = tasks_add(&b->tasks, def, b->run.scorers, now_ms);
    if (err)
        return err;
    task = tasks_find(&b->tasks, def->id);
    task->epoch = b->run.epoch;
    measure(b, task);
    err = fits(b, task);
    if (err) {
        tasks_remove(&b->tasks, def->id);
        return err;
    }
    for (uint32_t i = 0; i < def->samples; i++)
        if (settled_has(&b->run.settled, def->id, i))
            tasks_move(&b->tasks, task, i, SAMPLE_SETTLED, now_ms);
    suspects_opened(b, task, now_ms);
    if (!task->open)
        tasks_remove(&b->tasks, def->id);
    return OK;
}

enum err run_on_open(struct broker *b, struct broker_member *from, const struct msg *msg,
                     int64_t now)
{
    const struct task *def = &msg->open.task;
    struct open_tasks *tasks = &b->tasks;
    enum err err;

    if (def->scorers != b->run.table)
        return err_set(ERR_RANGE, "task %llu: scorer table %u, HELLO gave %u",
                       (unsigned long long)def->id, def->scorers, b->run.table);
    while (tasks->open_to < def->id && settled_whole(&b->run.settled, tasks->open_to, 0))
        tasks->open_to++;
    if (def->id < tasks->open_to)
        return OK; /* again: it has not heard our heartbeat */
    if (def->id > tasks->open_to) {
        b->counters.gaps++; /* an earlier one did not fit; the heartbeat says from where on */
        return OK;
    }
    err = open_task(b, def, now);
    if (err) {
        text_print(from->error, sizeof from->error, "%s", err_text());
        log_warn("open", "reason=\"%s\"", err_text());
        return tasks->base == tasks->end ? err : OK; /* full now, or never possible */
    }
    tasks->open_to = def->id + 1;
    handshake_claims(b, def->id, now);
    grant_work(b, now);
    to_learner_send(b, now);
    return OK;
}

static enum drop_reason drop_of(const char *reason)
{
    if (!strcmp(reason, "poison"))
        return DROP_POISON;
    return strcmp(reason, "stale") ? DROP_CANCEL : DROP_STALE;
}

static void drop_task(struct broker *b, struct open_task *task, const char *reason,
                      int64_t now_ms)
{
    for (uint32_t i = 0; i < task->def->samples; i++) {
        struct open_sample *sample = &task->sample[i];

        if (sample->state >= SAMPLE_DROPPED)
            continue;
        grant_release(b, sample, NULL);
        sample->drop = (uint8_t)drop_of(reason);
        sample->sent = false;
        tasks_move(&b->tasks, task, i, SAMPLE_DROPPED, now_ms);
        to_learner_queue(b, task, i);
    }
}

enum err run_on_cancel(struct broker *b, struct broker_member *from, const struct msg *msg,
                       int64_t now)
{
    struct msg on = {.head.type = MSG_CANCEL, .cancel = msg->cancel};

    (void)from;
    for (uint32_t i = 0; i < msg->cancel.n_task; i++) {
        struct open_task *task = tasks_find(&b->tasks, msg->cancel.task[i]);

        if (task)
            drop_task(b, task, msg->cancel.reason, now);
    }
    for (struct broker_member *m = b->first; m; m = m->next)
        if (m->role == ROLE_ACTOR && m->greeted)
            broker_send(b, m, &on);
    to_learner_send(b, now);
    grant_work(b, now);
    return OK;
}

enum err run_on_settled(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now)
{
    struct msg on = *msg;

    (void)from;
    b->run.seen_ms = now;
    take_settled(b, &msg->settled.settled, now);
    tell_workers(b, &on);
    grant_work(b, now);
    return OK;
}

enum err run_on_publish(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now)
{
    struct msg on = *msg;

    (void)from;
    b->run.seen_ms = now;
    take_newest(&b->run, &msg->publish.version);
    b->run.smallest_live = msg->publish.smallest_live;
    tell_workers(b, &on);
    grant_work(b, now);
    return OK;
}

void run_on_hb(struct broker *b, struct broker_member *from, const struct msg *msg,
               int64_t now_ms)
{
    struct run_state *run = &b->run;
    const bool done = msg->hb.done && !run->done;

    (void)from;
    run->seen_ms = now_ms;
    take_newest(run, &msg->hb.newest);
    run->smallest_live = msg->hb.smallest_live;
    run->step = msg->hb.step;
    run->done = msg->hb.done;
    if (msg->hb.metrics[0]) {
        free(run->metrics);
        run->metrics = mem_text(msg->hb.metrics);
    }
    take_settled(b, &msg->hb.settled, now_ms);
    if (done) {
        log_info("done", "step=%llu", (unsigned long long)run->step);
        run_forget_tasks(b);
        broker_heartbeats(b, now_ms);
    }
    grant_work(b, now_ms);
}

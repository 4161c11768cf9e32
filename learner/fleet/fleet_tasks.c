/* Tasks are opened in order of their ids, so that one number says which the broker has. It says it
 * back in WELCOME and in each heartbeat; a number that stays behind what was sent from one
 * heartbeat to the next means that the rest was lost, and it is sent again from there: OPEN of a
 * task that is open changes nothing. */

#include "learner/fleet/fleet_tasks.h"

#include "base/mem.h"
#include "learner/journal/attempts.h"
#include "proto/limit.h"
#include "proto/peer.h"

#include <stdlib.h>

enum { OPENS = 256 }; /* sent in a turn */

void fleet_tasks_welcome(struct fleet_tasks *t, uint64_t open_to)
{
    t->opened = t->acked = open_to; /* 0 of a broker that knows nothing */
}

void fleet_tasks_hear(struct fleet_tasks *t, uint64_t open_to)
{
    if (open_to < t->opened && open_to == t->acked)
        t->opened = open_to;
    t->acked = open_to;
}

/* All of it follows from the id: opened again, by another process too, a task is the same; but for earlier
 * answers, which are no part of it. */
static struct task task_of(struct run_context *run, uint64_t id)
{
    const struct tasks_place at = tasks_at(run->tasks, id);
    const struct prompt *prompt = run_context_prompt(run, id);
    const struct hash *named = ledger_hash(run->ledger, at.version);

    return (struct task){.id = id,
                         .seed = tasks_plan(run->tasks)->seed,
                         .samples = tasks_samples(run->tasks, id),
                         .prompt = prompt->token,
                         .n_prompt = prompt->n_token,
                         .decoding = run->decoding,
                         .version = at.any ? (struct version){at.version, {{0}}}
                                           : (struct version){at.version, *named},
                         .table = run->table,
                         .tail = run->tail,
                         .n_tail = prompt->chat ? run->n_tail : 0,
                         .prompt_text = prompt->text ? prompt->text : "",
                         .meta = prompt->meta ? prompt->meta : "",
                         .earlier = run->earlier ? earlier_answers_of(run->earlier, id)
                                                 : (struct earlier){.n_each = 0}};
}

/* Who failed which of its samples, so that a new broker need not ask them again. */
static enum err say_attempts(struct fleet_tasks *t, uint64_t task)
{
    const struct attempts *list = ledger_attempts(t->run->ledger);
    enum err err = OK;

    for (size_t i = 0; i < list->n && !err; i++) {
        const struct record_attempt *at = &list->item[i];
        struct msg msg = {
            .head.type = MSG_FAIL,
            .fail = {.task = task, .sample = at->sample, .who = at->who, .reason = at->reason}};

        if (at->task == task)
            err = peer_send(t->peer, &msg);
    }
    return err == ERR_STATE ? OK : err; /* they are only asked once more */
}

enum err fleet_tasks_open(struct fleet_tasks *t)
{
    const uint64_t end = ledger_window(t->run->ledger);
    const uint64_t settled = ledger_watermark(t->run->ledger);
    enum err err = OK;

    if (t->opened < settled) /* the broker passes over them, too */
        t->opened = settled;
    /* a few at a time: the rest has the next heartbeat or tick, and SAMPLEs come in between */
    for (int i = 0; i < OPENS && t->opened < end && !err; i++) {
        struct msg msg = {.head.type = MSG_OPEN, .open.task = task_of(t->run, t->opened)};
        err = peer_send(t->peer, &msg);
        if (!err)
            err = say_attempts(t, t->opened);
        if (!err)
            t->opened++;
        else if (err != ERR_STATE)
            err = err_add("task %llu", (unsigned long long)t->opened);
    }
    return err == ERR_STATE ? OK : err;
}

enum err fleet_tasks_cancel(struct fleet_tasks *t, uint64_t first, uint64_t end,
                            const char *reason)
{
    const uint64_t to = t->opened < end ? t->opened : end;
    const uint64_t n = to > first ? to - first : 0;
    uint64_t *const task = mem_new(n, sizeof *task);
    struct msg msg = {.head.type = MSG_CANCEL, .cancel = {.reason = reason}};
    enum err err = OK;

    for (uint64_t i = 0; i < n; i++)
        task[i] = first + i;
    for (uint64_t i = 0; i < n && !err; i += msg.cancel.n_task) {
        msg.cancel.task = task + i;
        msg.cancel.n_task = (uint32_t)(n - i < MAX_TASKS ? n - i : MAX_TASKS);
        err = peer_send(t->peer, &msg);
    }
    free(task);
    return err == ERR_STATE ? OK : err;
}

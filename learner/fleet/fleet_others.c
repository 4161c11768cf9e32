/* fleet_others: what the broker says of the others: who failed what, what stands still, and
 * that an actor of our own is wanted. */

#include "base/mem.h"
#include "learner/fleet/fleet_state.h"
#include "learner/fleet/own_actor.h"
#include "learner/fleet/watch.h"
#include "learner/journal/attempts.h"

#include <string.h>

static void say(void *self, const char *line)
{
    progress_line(((struct fleet *)self)->conf.progress, "%s", line);
}

/* Of a reward {name, worker: {run, name}}: what it registers as, as rewards.c reads it. The
 * supervisor numbers them in the same order. */
static const char *command(const void *self, const char *scorer, int *number)
{
    const json_t *const rewards = ((const struct fleet *)self)->conf.keys->rewards;
    const json_t *reward;
    size_t i;

    *number = 0;
    json_array_foreach((json_t *)(uintptr_t)rewards, i, reward)
    {
        const json_t *const worker = json_object_get(reward, "worker");
        const char *name = json_string_value(json_object_get(worker, "name"));
        const char *const run = json_string_value(json_object_get(worker, "run"));
        if (!name)
            name = json_string_value(json_object_get(reward, "name"));
        *number += run && *run;
        if (run && !strcmp(name ? name : "worker", scorer))
            return run;
    }
    return NULL;
}

/* A scorer's is a line; an actor's is kept, too: what it failed it is not asked again. */
static enum err on_fail(void *self, const struct msg *msg, int64_t now_ms)
{
    static const struct hash none;
    struct fleet *f = self;
    const struct msg_fail *fail = &msg->fail;
    struct record_attempt attempt = {.task = fail->task, .sample = fail->sample};

    if (!hash_same(&fail->scorer, &none)) {
        watch_fail(f->watch, fail, now_ms);
        return OK;
    }
    if (!ledger_lacks(f->conf.ledger, fail->task, fail->sample))
        return OK;
    attempt.who = mem_text(fail->who);
    attempt.reason = mem_text(fail->reason);
    if (ledger_attempt(f->conf.ledger, &attempt))
        watch_fail(f->watch, fail, now_ms);
    return fleet_train_advance(f, now_ms); /* to the disk */
}

void fleet_others_open(struct fleet *f)
{
    const struct own_actor_conf own = {.broker = f->conf.member->broker,
                                       .key = f->conf.member->key,
                                       .output_dir = f->conf.keys->keys.output_dir,
                                       .progress = f->conf.progress};
    const struct watch_conf watch = {.broker = own.broker,
                                     .key = own.key,
                                     .scorer = f->conf.rewards->table,
                                     .scorers = (uint32_t)f->conf.rewards->n_table,
                                     .command = command,
                                     .folder =
                                         f->conf.member->parent_fd >= 0 ? own.output_dir : NULL,
                                     .say = say,
                                     .self = f};

    own_actor_new(&f->own, &own);
    watch_new(&f->watch, &watch);
}

void fleet_others_meet(struct fleet *f)
{
    peer_on(f->peer, MSG_FAIL, on_fail, f);
}

void fleet_others_hear(struct fleet *f, const struct msg_hb *hb, int64_t now_ms)
{
    if (f->draining || f->finished)
        return;
    watch_waits(f->watch, hb->wait, hb->n_wait);
    own_actor_hear(f->own, member_loop(f->member), hb->wants_own, now_ms);
}

enum err fleet_others_opened(struct fleet *f, uint64_t task)
{
    const struct attempts *list = ledger_attempts(f->conf.ledger);
    enum err err = OK;

    for (size_t i = 0; i < list->n && !err; i++) {
        const struct record_attempt *at = &list->item[i];
        struct msg msg = {
            .head.type = MSG_FAIL,
            .fail = {.task = task, .sample = at->sample, .who = at->who, .reason = at->reason}};

        if (at->task == task)
            err = peer_send(f->peer, &msg);
    }
    return err == ERR_STATE ? OK : err; /* it is only asked once more */
}

void fleet_others_stop(struct fleet *f)
{
    if (f->own)
        own_actor_stop(f->own);
}

void fleet_others_close(struct fleet *f)
{
    own_actor_free(f->own);
    watch_free(f->watch);
}

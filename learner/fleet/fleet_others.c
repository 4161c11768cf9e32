/* Two listeners: watch turns what stands still into lines for the person at the terminal, own_actor
 * starts an actor where nobody else may do the work. What actors failed goes to the journal, since
 * a broker that begins anew would ask the same ones again. */

#include "learner/fleet/fleet_others.h"

#include "base/mem.h"
#include "learner/fleet/own_actor.h"
#include "learner/fleet/watch.h"
#include "reward/kind_worker.h"

#include <stdlib.h>
#include <string.h>

struct fleet_others {
    struct run_context *run;
    struct own_actor *own; /* for what nobody else may do */
    struct watch *watch;   /* what a person is told */
};

static void say(void *self, const char *line)
{
    progress_line(&((struct fleet_others *)self)->run->progress, "%s", line);
}

/* What starts the worker that registers as `scorer`. The supervisor numbers commands in the same
 * order. */
static const char *command(const void *self, const char *scorer, int *number)
{
    const json_t *const rewards = ((const struct fleet_others *)self)->run->keys->rewards;
    const json_t *reward;
    size_t i;

    *number = 0;
    json_array_foreach((json_t *)(uintptr_t)rewards, i, reward)
    {
        const char *name;
        const char *const run = kind_worker_run(reward, &name);
        *number += run != NULL;
        if (run && !strcmp(name, scorer))
            return run;
    }
    return NULL;
}

void fleet_others_fail(struct fleet_others *o, const struct msg_fail *fail, int64_t now_ms)
{
    static const struct hash none;
    struct ledger *const ledger = o->run->ledger;
    struct record_attempt attempt = {.task = fail->task, .sample = fail->sample};

    if (!hash_same(&fail->scorer, &none)) {
        watch_fail(o->watch, fail, now_ms);
        return;
    }
    if (!ledger_lacks(ledger, fail->task, fail->sample))
        return;
    attempt.who = mem_text(fail->who);
    attempt.reason = mem_text(fail->reason);
    if (ledger_attempt(ledger, &attempt)) /* else it is known */
        watch_fail(o->watch, fail, now_ms);
}

void fleet_others_new(struct fleet_others **out, struct run_context *run)
{
    struct fleet_others *o = mem_new(1, sizeof *o);
    const struct own_actor_conf own = {.broker = run->keys->broker,
                                       .key =
                                           run->keys->broker_key ? run->keys->broker_key : "",
                                       .output_dir = run->keys->keys.output_dir,
                                       .progress = &run->progress};
    const struct watch_conf watch = {.broker = own.broker,
                                     .key = own.key,
                                     .scorer = run->plan.rewards.table,
                                     .n_scorer = (uint32_t)run->plan.rewards.n_table,
                                     .command = command,
                                     .folder =
                                         run->keys->parent_fd >= 0 ? own.output_dir : NULL,
                                     .say = say,
                                     .self = o};

    o->run = run;
    own_actor_new(&o->own, &own);
    watch_new(&o->watch, &watch);
    *out = o;
}

const struct id *fleet_others_own(const struct fleet_others *o)
{
    return own_actor_id(o->own);
}

void fleet_others_hear(struct fleet_others *o, struct loop *loop, const struct msg_hb *hb,
                       int64_t now_ms)
{
    watch_waits(o->watch, hb->wait, hb->n_wait);
    own_actor_hear(o->own, loop, hb->wants_own, now_ms);
}

/* It drains and says BYE on its own; nobody waits for it. */
void fleet_others_stop(struct fleet_others *o)
{
    own_actor_stop(o->own);
}

void fleet_others_free(struct fleet_others *o)
{
    if (!o)
        return;
    own_actor_free(o->own);
    watch_free(o->watch);
    free(o);
}

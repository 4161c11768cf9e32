/* fleet_others: what the broker says of the others: who failed what, what stands still, and
 * that an actor of our own is wanted. */

#include "learner/fleet/fleet_state.h"
#include "learner/fleet/own.h"
#include "learner/fleet/watch.h"

static void say(void *self, const char *line)
{
    progress_line(self, "%s", line);
}

/* Of a worker's work or a scorer: a line. */
static enum err on_fail(void *self, const struct msg *msg, int64_t now_ms)
{
    static const struct hash none;
    struct fleet *f = self;
    const struct msg_fail *fail = &msg->fail;

    if (!hash_same(&fail->scorer, &none) ||
        ledger_lacks(f->conf.ledger, fail->task, fail->sample))
        watch_fail(f->watch, fail, now_ms);
    return OK;
}

void fleet_others_open(struct fleet *f)
{
    const struct own_conf own = {.broker = f->conf.member->broker,
                                 .key = f->conf.member->key,
                                 .output_dir = f->conf.keys->keys.output_dir,
                                 .progress = f->conf.progress};
    const struct watch_conf watch = {.broker = own.broker,
                                     .key = own.key,
                                     .scorer = f->conf.rewards->table,
                                     .scorers = (uint32_t)f->conf.rewards->scorers,
                                     .say = say,
                                     .self = f->conf.progress};

    own_new(&f->own, &own);
    watch_new(&f->watch, &watch);
}

void fleet_others_meet(struct fleet *f)
{
    peer_on(f->peer, MSG_FAIL, on_fail, f);
}

void fleet_others_hear(struct fleet *f, const struct msg_hb *hb, int64_t now_ms)
{
    if (f->draining || f->halted || f->finished)
        return;
    watch_waits(f->watch, hb->wait, hb->waits);
    own_hear(f->own, member_loop(f->member), hb->wants_own, now_ms);
}

void fleet_others_stop(struct fleet *f)
{
    if (f->own)
        own_stop(f->own);
}

void fleet_others_close(struct fleet *f)
{
    own_free(f->own);
    watch_free(f->watch);
}

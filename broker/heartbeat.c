/* A heartbeat is state, not news: what is settled, the newest version, whether the run is over.
 * So one that is lost is made good by the next, and everything that a lost SETTLED or PUBLISH
 * would have said is said again here. The learner hears besides from which task on to open,
 * what stands still, and who is there.
 *
 * Each member has its own point of the second, by its place: a thousand messages at one moment
 * would hold up for a tenth of a second whatever comes behind them, here and at the members. */

#include "broker/heartbeat.h"

#include "broker/keepers.h"
#include "broker/people.h"
#include "broker/stats.h"
#include "broker/waits.h"

#include "base/mem.h"

#include <stdlib.h>

/* What all hear; it borrows from `b`. */
static struct msg state_of(struct broker *b)
{
    struct msg msg = {.head.type = MSG_HB};

    msg.hb.settled = settled_view(&b->run.settled);
    msg.hb.newest = b->run.newest;
    msg.hb.smallest_live = b->run.smallest_live;
    msg.hb.step = b->run.step;
    msg.hb.done = b->run.done;
    msg.hb.wanted = b->wanted;
    msg.hb.n_wanted = b->n_wanted;
    msg.hb.next_key = b->next_key;
    msg.hb.note = msg.hb.metrics = msg.hb.wants_own = "";
    return msg;
}

static void tell_learner(struct broker *b, struct broker_member *to, int64_t now_ms)
{
    struct waits *waits = mem_new(1, sizeof *waits);
    char *members = stats_members(b);
    struct msg msg = state_of(b);

    waits_list(b, waits, now_ms);
    msg.hb.metrics = members ? members : "";
    msg.hb.open_to = b->tasks.open_to;
    msg.hb.annotator = people_here(b);
    msg.hb.wants_own = b->run.wants_own;
    msg.hb.wait = waits->wait;
    msg.hb.n_wait = waits->n;
    outbox_put(&b->outbox, to, &msg);
    free(members);
    free(waits);
}

/* Its next is at the same point of its second, however late this one is: else all would meet at
 * one moment after the first time that this process was held up. */
static bool is_due(const struct broker *b, struct broker_member *m, int64_t now_ms)
{
    const bool time = now_ms >= m->beat_ms;

    if (!m->greeted || (!time && !b->beat))
        return false;
    if (time)
        m->beat_ms += ((now_ms - m->beat_ms) / HEARTBEAT_MS + 1) * HEARTBEAT_MS;
    keepers_told(m, now_ms);
    return true;
}

/* With thousands of workers a heartbeat has to stay small, and is made and encoded once for all
 * who are due. */
void heartbeat_send(struct broker *b, int64_t now_ms)
{
    struct msg msg = state_of(b);
    bool said = false;

    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_LEARNER && is_due(b, m, now_ms))
            tell_learner(b, m, now_ms);
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role != ROLE_LEARNER && is_due(b, m, now_ms))
            outbox_tell(&b->outbox, &said, m, &msg);
}

enum err heartbeat_on_hb(struct broker *b, struct broker_member *from, const struct msg *msg,
                         int64_t now)
{
    (void)b;
    members_heartbeat(from, &msg->hb, now);
    return OK;
}

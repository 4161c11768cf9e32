/* A heartbeat is state, not news: what is settled, the newest version, whether the run is over.
 * So one that is lost is made good by the next, and everything that a lost SETTLED or PUBLISH
 * would have said is said again here. The learner hears besides from which task on to open,
 * what stands still, and who is there. */

#include "broker/heartbeat.h"

#include "broker/keepers.h"
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

static void tell_learner(struct broker *b, struct broker_member *to, const struct waits *waits)
{
    char *members = stats_members(b);
    struct msg msg = state_of(b);

    msg.hb.metrics = members ? members : "";
    msg.hb.open_to = b->tasks.open_to;
    msg.hb.wants_own = b->run.wants_own;
    msg.hb.wait = waits->wait;
    msg.hb.n_wait = waits->n;
    outbox_put(&b->outbox, to, &msg);
    free(members);
}

/* With thousands of workers a heartbeat has to stay small, and is made and encoded once. */
void heartbeat_send(struct broker *b, int64_t now_ms)
{
    struct waits *waits = mem_new(1, sizeof *waits);
    struct msg msg = state_of(b);
    bool said = false;

    waits_list(b, waits, now_ms);
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->greeted && m->role == ROLE_LEARNER)
            tell_learner(b, m, waits);
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->greeted && m->role != ROLE_LEARNER)
            outbox_tell(&b->outbox, &said, m, &msg);
    keepers_told(b);
    free(waits);
}

enum err heartbeat_on_hb(struct broker *b, struct broker_member *from, const struct msg *msg,
                         int64_t now)
{
    (void)b;
    members_heartbeat(from, &msg->hb, now);
    return OK;
}

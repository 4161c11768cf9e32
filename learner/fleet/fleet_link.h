/* fleet_link: the learner's end of the fleet's messages.
 *
 * What the broker says becomes an event for its owner; what is to be said has a function each.
 * What the protocol itself asks for (HELLO, heartbeats, tasks opened and opened again, epochs,
 * what is settled, BYE) is seen to here. It changes nothing of the run. Time is an argument. */

#ifndef LEARNER_FLEET_FLEET_LINK_H
#define LEARNER_FLEET_FLEET_LINK_H

#include "learner/context/run_context.h"
#include "learner/fleet/fleet_loop.h"
#include "proto/msg.h"

struct fleet_disk;
struct fleet_link;
struct fleet_report;
struct loop;

enum link_event {
    LINK_SAMPLE,    /* an answer of this epoch */
    LINK_REFUSED,   /* the broker did not take an answer */
    LINK_FAIL,      /* a worker failed something */
    LINK_HEARTBEAT, /* the broker's: how the others are */
    LINK_PEOPLE,    /* EXPORT_OK, JUDGEMENT */
    LINK_FENCED,    /* it has seen a later epoch of this run, and none of ours: head.epoch */
    LINK_TICK,      /* PEER_TICK_MS went by; there is no message */
};

struct fleet_link_conf {
    struct run_context *run;
    const struct fleet_loop *loop;     /* for what is said of it */
    const struct fleet_report *report; /* likewise */
    const struct fleet_disk *disk;     /* likewise */
    const struct id *own;              /* the peer id of the learner's own actor */
    enum err (*heard)(void *self, enum link_event event, const struct msg *msg, int64_t now_ms);
    void (*drain)(void *self, int64_t deadline_ms); /* somebody stops this process */
    void *self;
};

/* Makes loop and connections; offers the run's models and versions, whose snapshots it takes
 * from the context. `conf` is borrowed. Errors: member_open's (key, endpoint, system), the
 * store's. fleet_link_close follows in any case, if *out is not NULL. */
enum err fleet_link_open(struct fleet_link **out, const struct fleet_link_conf *conf,
                         int64_t now_ms) MUST_CHECK;
/* Until it has left, or an error: of the system, of the messages, or that `heard` returned. */
enum err fleet_link_run(struct fleet_link *link) MUST_CHECK;
void fleet_link_close(struct fleet_link *link); /* NULL is fine */

struct loop *fleet_link_loop(struct fleet_link *link);
/* Versions that tasks may still name, ascending. */
struct snapshot *const *fleet_link_versions(const struct fleet_link *link, uint32_t *n);

/* What can be said again with the next heartbeat or WELCOME is said if the pipe takes it; then
 * none of these is an error. Errors: ERR_RANGE (no message holds it). */

/* Any message. *sent: the pipe took it; NULL: nobody asks. */
enum err fleet_link_say(struct fleet_link *link, struct msg *msg, bool *sent) MUST_CHECK;
/* A version is durable: offers its image, lets go of those that are not needed any more, and
 * announces it. Takes the snapshot. Errors: the store's, too. */
enum err fleet_link_version(struct fleet_link *link, struct snapshot *snapshot,
                            int64_t now_ms) MUST_CHECK;
/* What is settled changed. */
enum err fleet_link_settled(struct fleet_link *link) MUST_CHECK;
/* An answer, or somebody's score of it, is not what it says. */
enum err fleet_link_refuse(struct fleet_link *link,
                           const struct record_refused *refused) MUST_CHECK;
/* Tasks from `first` on, before `end`, are not wanted any more: those that were opened. */
enum err fleet_link_cancel(struct fleet_link *link, uint64_t first, uint64_t end,
                           const char *reason) MUST_CHECK;
/* The ledger's epoch may be a new one, or the table of scorers: then everybody is met again. Errors: of
 * a refreshed reward model that cannot be read. */
enum err fleet_link_news(struct fleet_link *link, int64_t now_ms) MUST_CHECK;
/* A heartbeat now: what it says is worth hearing. */
void fleet_link_hb(struct fleet_link *link, int64_t now_ms);
/* The loop's course is LOOP_DONE or LOOP_STOPPED: says so, says BYE, and ends fleet_link_run. */
void fleet_link_leave(struct fleet_link *link);

#endif

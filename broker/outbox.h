/* outbox: what the broker has decided to say and not said yet. Inside broker/ only.
 *
 * Whoever handles a message changes state and puts its words here; the pump alone (broker.c)
 * sends them, in the order in which they were put. So nobody is told of a state that is half
 * changed, and a member that leaves within a send (the hub may drop it) finds no handler at
 * work. Messages are encoded as they are put: what they point to need not live on.
 *
 * What a full pipe does not take waits for it, in order, and state only in its newest form
 * (backlog.h). If more than OUTBOX_WAIT bytes were to wait for one member (a learner: besides the
 * credit that it gives), all of it is dropped and the member resynchronised: not greeted until
 * its next HELLO, counted, logged by name, and said in its `error`. */

#ifndef BROKER_OUTBOX_H
#define BROKER_OUTBOX_H

#include "broker/members.h"
#include "broker/sink.h"

struct outbox {
    struct id run; /* these two are in the head of each message */
    uint64_t epoch;
    struct letter *first, *last;
    struct letter *sending;  /* off the list, in the sink's hands */
    uint64_t unsendable;     /* messages that were none, so far */
    struct backlogs waiting; /* for whom something waits behind a full pipe */
    size_t wait_max;         /* bytes that may wait for one */
    int64_t resumed_ms;      /* when their pipes were tried last */
    uint64_t resynced;       /* times that more had to wait */
};

void outbox_init(struct outbox *outbox);
void outbox_fini(struct outbox *outbox);

/* False: no message may be so large (logged); nothing was put. */
bool outbox_put(struct outbox *outbox, struct broker_member *to, struct msg *msg);
/* One message to many, encoded once: *said begins false; the first is put, the others hear what
 * was put last. Nothing else may be put in between. */
void outbox_tell(struct outbox *outbox, bool *said, struct broker_member *to, struct msg *msg);
/* As outbox_put; if it turns out that `to` cannot be sent to, `to_else` hears the other message. Both
 * must fit: for small ones. */
void outbox_put_else(struct outbox *outbox, struct broker_member *to, struct msg *msg,
                     struct broker_member *to_else, struct msg *msg_else);
/* WHO: it shall say HELLO again; at most once in OUTBOX_WHO_MS. */
void outbox_who(struct outbox *outbox, struct broker_member *to, int64_t now_ms);
/* What the hub shall do with it; it may be gone afterwards. `words` are copied. */
void outbox_refuse(struct outbox *outbox, struct broker_member *to, enum refuse_code code,
                   const char *words);
void outbox_release(struct outbox *outbox, struct broker_member *to);
void outbox_strike(struct outbox *outbox, struct broker_member *to, const char *words);

/* It said HELLO, or is asked to: what waits for it is of the time before. */
void outbox_afresh(struct outbox *outbox, struct broker_member *member);
/* It is gone: what was for it is for nobody. */
void outbox_forget(struct outbox *outbox, struct broker_member *member);

/* Sends all that full pipes do not hold back, of what waits as well. Whose connection is gone is
 * not `greeted` any more and hears nothing else before its next HELLO. */
void outbox_flush(struct outbox *outbox, const struct broker_sink *sink, int64_t now_ms);

enum { OUTBOX_WHO_MS = 200, OUTBOX_WAIT = 16 << 20 }; /* four of the largest messages */

#endif

/* ways: who asks what makes an image of another (WREQ of kind 5), and who hears of it. No socket, no
 * clock.
 *
 * A child hears at once what is offered, and for a minute what is offered later; what a learner has
 * not been asked for yet it is asked for, once for all children that hold the same. */

#ifndef BROKER_WAYS_H
#define BROKER_WAYS_H

#include "proto/msg.h"

struct ways;
struct ways_conf {
    void (*tell)(void *self, uint32_t child, struct msg *offer); /* one that is gone: nothing */
    void (*ask)(void *self, struct msg *wreq);                   /* the run's own learner */
    void *self;
};
void ways_new(struct ways **out, const struct ways_conf *conf);
void ways_free(struct ways *ways); /* NULL is fine */

/* A child's WREQ of kind 5. */
void ways_ask(struct ways *ways, uint32_t child, const struct msg_wreq *ask, int64_t now_ms);
/* A learner's OFFER, all of it each time; what leads nowhere is passed over. */
void ways_offer(struct ways *ways, uint32_t learner, const struct msg_offer *offer,
                int64_t now_ms);
/* A connection ended: what it offered is no more, what it asked nobody waits for. */
void ways_gone(struct ways *ways, uint32_t peer);

#endif

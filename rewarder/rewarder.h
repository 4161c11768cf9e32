/* rewarder: scores rollouts, by every kind of reward that scores here (reward/reward_kind.h).
 *
 *     SCORE? -> [rewarder] -> SCORE      models arrive beside the flow, by hash
 *
 * The loop's side: the run's scorer table, which models are here or on their way, open tickets.
 * Keeps nothing: what is lost is asked again. Computing is score's. */

#ifndef REWARDER_REWARDER_H
#define REWARDER_REWARDER_H

#include "proto/fetch.h"
#include "proto/msg.h"

struct member;
struct rewarder;
struct scoring;
struct shared_memory;
struct worker;

struct rewarder_conf {
    int batch;               /* rollouts it takes at once: its credit */
    struct scoring *scoring; /* borrowed: its counters */
};

/* new and free; then meet, listen: once the loop, its connection and the thread are there. */
void rewarder_new(struct rewarder **out, const struct rewarder_conf *conf);
void rewarder_free(struct rewarder *rewarder);
void rewarder_meet(struct rewarder *rewarder, struct member *member, struct worker *worker);
void rewarder_listen(struct rewarder *rewarder);

/* For member_conf: what HELLO and HB say; an artifact that came (taken); what the thread gives
 * back (taken); each second. Errors: of the connection and the queue, ERR_IO, ERR_NOMEM; what a
 * peer says is never one that ends the process. */
void rewarder_hello(void *rewarder, struct msg_hello *out);
void rewarder_hb(void *rewarder, struct msg_hb *out);
enum err rewarder_got(void *rewarder, const struct artifact *what, struct shared_memory *shared,
                      int64_t now_ms) MUST_CHECK;
enum err rewarder_given(void *rewarder, void *work, int64_t now_ms) MUST_CHECK;
enum err rewarder_tick(void *rewarder, int64_t now_ms) MUST_CHECK;
bool rewarder_idle(const void *rewarder); /* nothing is in hand */

#endif

/* actor: turns tasks into rollouts with the version each task names.
 *
 *     LEASE -> [actor] -> ROLLOUT        weights arrive beside the flow, by hash
 *
 * The loop's side: what is leased (inflight), which images are here, on their way, or needed no
 * more. Decoding is compute's. Reads no clock and owns no loop: main introduces them. */

#ifndef ACTOR_ACTOR_H
#define ACTOR_ACTOR_H

#include "proto/msg.h"

#include <stdbool.h>
#include <stddef.h>

struct actor;
struct compute;
struct fetch_rebuild;
struct member;
struct shared_memory;
struct worker;

struct actor_conf {
    int slots;
    struct compute *compute; /* borrowed: its counters */
    size_t keep_bytes;       /* of rollouts that wait to be settled: no credit beyond */
};

void actor_new(struct actor **out, const struct actor_conf *conf);
void actor_free(struct actor *actor);
/* Whom it works with, borrowed. */
void actor_meet(struct actor *actor, struct member *member, struct worker *worker);

/* For peer_conf. */
void actor_hello(void *actor, struct msg_hello *out);
void actor_hb(void *actor, struct msg_hb *out);

/* Registers the handlers of all messages an actor hears. */
void actor_listen(struct actor *actor);

/* An artifact came (fetch_conf.got); the shared memory is the actor's now. */
enum err actor_got(void *actor, const struct artifact *what, struct shared_memory *shared,
                   int64_t now_ms) MUST_CHECK;
/* fetch_conf.rebuild. Errors: ERR_STATE: the thread takes no more now. */
enum err actor_rebuild(void *actor, struct fetch_rebuild *job) MUST_CHECK;
/* An item of the compute thread (worker_conf.given). */
enum err actor_given(void *actor, void *item, int64_t now_ms) MUST_CHECK;
/* Each PEER_TICK_MS: what is due again. */
enum err actor_tick(void *actor, int64_t now_ms) MUST_CHECK;

/* Nothing is in hand: what ran is written, and what was written is settled. */
bool actor_idle(const void *actor);

#endif

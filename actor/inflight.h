/* inflight: the samples that were leased to this actor and are not settled yet.
 *
 * A sample is running until its rollout is written, then done; a done one is kept until the
 * learner has settled it, because the road forgets. No socket, no clock.
 */

#ifndef ACTOR_INFLIGHT_H
#define ACTOR_INFLIGHT_H

#include "proto/noun.h"

struct inflight_sample {
    uint64_t task, lease;
    uint32_t sample;
    struct version version;  /* that its task wants; a zero hash: any */
    bool text;               /* the rollout goes with its text */
    struct rollout *rollout; /* NULL while it runs; owned, see inflight_rollout_free */
    bool sent;               /* since the last WELCOME */
    bool begun;              /* it is, or was, in a slot */
};

struct inflight;
void inflight_new(struct inflight **out);
void inflight_free(struct inflight *inflight);
void inflight_clear(struct inflight *inflight);

/* False if the sample is there already. */
bool inflight_add(struct inflight *inflight, uint64_t task, uint32_t sample, uint64_t lease,
                  const struct version *version, bool text);
struct inflight_sample *inflight_find(struct inflight *inflight, uint64_t task,
                                      uint32_t sample); /* NULL */
void inflight_remove(struct inflight *inflight, uint64_t task, uint32_t sample);
/* All samples of it; returns how many. */
uint32_t inflight_remove_task(struct inflight *inflight, uint64_t task);
/* Samples first .. first+count-1 are in slots; those that are not here are passed over. */
void inflight_begun(struct inflight *inflight, uint64_t task, uint32_t first, uint32_t count);

/* Entries 0 .. n-1 in no order; valid until the next add or remove. */
struct inflight_sample *inflight_list(struct inflight *inflight, uint32_t *n);

/* Forgets what is settled; returns how many. `dropped` hears of each that still ran. */
uint32_t inflight_settle(struct inflight *inflight, const struct settled *settled,
                         void (*dropped)(void *self, uint64_t task, uint32_t sample),
                         void *self);

/* Does a sample that still runs want this version? */
bool inflight_wants(const struct inflight *inflight, const struct version *version);
uint32_t inflight_running(const struct inflight *inflight);
uint32_t inflight_done(const struct inflight *inflight);
size_t inflight_bytes(const struct inflight *inflight); /* of finished rollouts */

/* For HELLO; borrowed until the next call. */
const struct claim *inflight_claims(struct inflight *inflight, uint32_t *n);
/* Leases that entries hold, each once, rising, and how many entries of each have not begun;
 * borrowed until the next call. */
const uint64_t *inflight_leases(struct inflight *inflight, const uint32_t **unbegun,
                                uint32_t *n);
/* Of a lease, the last sample from `from` on that is not written, and has not begun unless
 * `begun`; NULL if there is none. */
const struct inflight_sample *inflight_last(const struct inflight *inflight, uint64_t lease,
                                            uint32_t from, bool begun);

void inflight_rollout_free(struct rollout *rollout);

#endif

/* weights: which model this actor decodes, and which versions of it are here, wanted or done
 * with.
 *
 * Knows no message: the actor tells it what it heard, and posts the items it makes. */

#ifndef ACTOR_WEIGHTS_H
#define ACTOR_WEIGHTS_H

#include "lm/model/shape.h"
#include "proto/fetch.h"
#include "proto/limit.h"

struct compute_item;
struct shared_memory;

struct actor_weights {
    struct artifact card;  /* of the policy, as WELCOME named it; a zero hash until known */
    bool have_card;        /* shape is known, and the compute thread has the model files */
    char unfit[ERR_WORDS]; /* why this policy cannot be decoded here, "" if it can */
    struct shape shape;
    struct version loaded[MAX_LIVE], wanted[MAX_LIVE];
    uint32_t n_loaded, n_wanted;
    struct version newest;
    struct version late; /* is dead, and nearly made: the next is made of it; zero hash: none */
    uint64_t smallest_live;
};

/* Another run: nothing of the old one means anything. */
void weights_reset(struct actor_weights *weights);

/* The policy's card among a run's artifacts. */
void weights_card(struct actor_weights *weights, const struct artifact *artifact,
                  uint32_t artifacts);
/* A version is announced, or a lease names it. A zero hash is nothing. */
void weights_want(struct actor_weights *weights, const struct version *version);
void weights_newest(struct actor_weights *weights, const struct version *version);

/* From WELCOME: a learner whose folder was restored from a copy names versions again that are
 * past. */
void weights_lower(struct actor_weights *weights, uint64_t smallest_live);
/* Versions below this are not needed any more, nor pulled, but for one that is made of another and
 * more than half here: without it the next one would have to be pulled whole, and so on for ever. An
 * item for the compute thread, or NULL. */
struct compute_item *weights_drop(struct actor_weights *weights, struct fetch *fetch,
                                  uint64_t below);

/* No more than MAX_LIVE are kept. When that many are here and another is wanted, the oldest that
 * no sample in hand needs, and that is not the newest, goes: an item for the compute thread, or
 * NULL if there is nothing to be done, or all are in use. */
struct compute_item *weights_spare(struct actor_weights *weights,
                                   bool (*is_needed)(const void *self, const struct version *v),
                                   const void *self);

/* The latest wins: a version older than the newest that nobody needs and of which half is not here
 * yet (over the wire) is given up, so that the newest comes sooner. So is one that died (weights_drop)
 * once it is not made of another any more. */
void weights_latest(struct actor_weights *weights, struct fetch *fetch,
                    bool (*is_needed)(const void *self, const struct version *v),
                    const void *self);

/* Asks for what is wanted, there is room for, and not on its way: the card first. What this machine has no room for
 * makes the policy unfit; it is not asked for again. Errors: ERR_IO. */
enum err weights_ask(struct actor_weights *weights, struct fetch *fetch) MUST_CHECK;

/* What arrived: an item for the compute thread, or NULL when nobody waits for it any more or
 * the card is no use: then `unfit` says why. Takes `shared`. */
struct compute_item *weights_got(struct actor_weights *weights, const struct artifact *what,
                                 struct shared_memory *shared);

#endif

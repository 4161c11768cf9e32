/* own_actor: an actor that the learner starts itself, for what no other worker may do.
 *
 * Its peer id is drawn here and told to the broker (HELLO `own`) and to the child alone, so
 * that nobody can take its place. It runs at low priority, ends when nothing was wanted of it
 * for OWN_ACTOR_IDLE_MS, and with the learner: its pipe is then at its end. */

#ifndef LEARNER_FLEET_OWN_ACTOR_H
#define LEARNER_FLEET_OWN_ACTOR_H

#include "learner/run/progress.h"
#include "proto/noun.h"

#include "base/err.h"

enum { OWN_ACTOR_IDLE_MS = 30000 };

struct loop;
struct own_actor;
struct own_actor_conf {        /* borrowed */
    const char *broker, *key;  /* as the learner's own; key "" or NULL: none */
    const char *output_dir;    /* its log goes to logs/ there */
    struct progress *progress; /* for lines on the terminal */
};

void own_actor_new(struct own_actor **out, const struct own_actor_conf *conf);
/* The child is told to go and not waited for; call it after the loop has been freed. NULL is
 * fine. */
void own_actor_free(struct own_actor *own);
void own_actor_stop(struct own_actor *own); /* no more of it: before the loop is freed */

const struct id *own_actor_id(const struct own_actor *own);
/* What the broker says: why it is wanted, "" if it is not. Starts and ends it. */
void own_actor_hear(struct own_actor *own, struct loop *loop, const char *why, int64_t now_ms);

#endif

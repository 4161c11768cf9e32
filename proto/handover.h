/* handover: artifacts as sealed pages, from one process of a machine to another, beside the
 * wire.
 *
 * Who has them listens at an abstract Unix address made of the run's id (unix(7)): it lives in
 * the network namespace and goes with its process, so nothing is left behind. Who lacks one
 * sends its hash and gets a descriptor (SCM_RIGHTS). Both sides speak to processes of their own
 * user only (SO_PEERCRED): what comes is taken at its word, but for its size and its seals
 * (base/shared_memory.h). Whatever is not as it should be is no error: the artifact then comes
 * over the wire. No clock, and nothing waits. */

#ifndef PROTO_HANDOVER_H
#define PROTO_HANDOVER_H

#include "base/shared_memory.h"
#include "proto/noun.h"

enum { HANDOVER_SHARED = 16, HANDOVER_GUESTS = 16 };

/* ---- the side that has them */
struct handover_conf {
    struct id run;
    /* A descriptor is there, or about to go: call handover_readable when it is readable. */
    enum err (*watch)(void *self, int fd);
    void (*unwatch)(void *self, int fd);
    void *self;
};
struct handover;
/* Errors: ERR_STATE (another process gives for this run here), ERR_IO, watch's. */
enum err handover_open(struct handover **out, const struct handover_conf *conf) MUST_CHECK;
void handover_close(struct handover *handover); /* NULL is fine */

/* Gives `shared` (sealed; shared, not taken) to whoever asks for `hash`. Beyond
 * HANDOVER_SHARED the oldest is given no longer. */
void handover_put(struct handover *handover, const struct hash *hash,
                  struct shared_memory *shared);
void handover_remove(struct handover *handover, const struct hash *hash);

enum err handover_readable(void *handover, int64_t now_ms) MUST_CHECK;

/* ---- the side that lacks one */

/* Asks; a descriptor on which the answer will be readable, -1 if nobody of ours gives here. */
int handover_ask(const struct id *run, const struct hash *hash);
bool handover_answered(int fd); /* or at its end */
/* The answer, or NULL: not here, none yet, or not what was asked for. Closes `fd`. */
struct shared_memory *handover_take(int fd, const struct artifact *what);

#endif

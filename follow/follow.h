/* follow: the newest version of a fleet's policy, for a process that only reads it.
 *
 * Joins the fleet (role follower), takes each new version by hash, as actors do, and keeps the latest
 * until the computing thread takes it out. Whatever happens to the fleet ends nothing once there is a
 * version: what was taken stays. */

#ifndef FOLLOW_FOLLOW_H
#define FOLLOW_FOLLOW_H

#include "base/err.h"
#include "base/shared_memory.h"
#include "proto/noun.h"

#include <signal.h>
#include <stdbool.h>

struct follow;
struct model_files;

struct follow_conf {
    char *broker, *key, *ticket_file; /* as every worker's options; "": not given */
    /* In the computing thread, once. When it returns the process leaves the fleet. */
    enum err (*compute)(void *self, struct follow *follow);
    void *self;
};

/* Blocks until `compute` is done; the calling thread's signals are heard. Errors: compute's; as long
 * as there was no version: ERR_STATE in the broker's words or about the policy's card, ERR_IO. */
enum err follow_run(const struct follow_conf *conf) MUST_CHECK;

/* ---- for the computing thread */

struct follow_version {
    struct version version;
    struct shared_memory *image; /* f32, packed, sealed; the taker's */
};

/* Waits for the policy's card and a first version, and says so if it takes a while; *files (no
 * weights) and *first are the caller's. Errors: ERR_STATE when it is told to end meanwhile. */
enum err follow_first(struct follow *follow, struct model_files **files,
                      struct follow_version *first) MUST_CHECK;
/* Not 0: it is told to end; 2: at once. */
const volatile sig_atomic_t *follow_end(const struct follow *follow);
/* The latest one that nobody has taken yet, if there is one. */
bool follow_take(struct follow *follow, struct follow_version *out);

/* From any thread: "here", "away" (no broker answers), "over" (its run is done), "other" (it trains
 * another model now), "refused" (it lets us in no more). */
const char *follow_state(struct follow *follow);

#endif

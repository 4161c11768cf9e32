/* origin: of which pair of a fleet's run an item is.
 *
 * A run sends pairs of answers to people (docs/PROTOCOL.md, EXPORT); each is an item like any
 * other, whose two candidates are the pair's a and b in this order, and has a row here beside it.
 * Stores that were made before this have none. */

#ifndef PREFS_ORIGIN_H
#define PREFS_ORIGIN_H

#include "base/hash.h"
#include "prefs/prefs.h"

enum { PREFS_ID = 16 }; /* bytes of a run's, a pair's, a judgement's name outside */

struct prefs_origin {
    uint8_t run[PREFS_ID], pair[PREFS_ID];
    uint64_t task;
    uint32_t sample[2];     /* of candidates 0 and 1 */
    struct hash rollout[2]; /* likewise */
    uint64_t version;       /* of the policy that wrote them: its number ... */
    struct hash image;      /* ... and hash */
    uint64_t iteration;
};

/* *found false: the item is of no fleet. */
enum err prefs_origin_read(struct prefs *prefs, int64_t item, struct prefs_origin *out,
                           bool *found) MUST_CHECK;

/* Pairs and what is to be told of them. */
struct prefs_origin_count {
    int64_t pairs;   /* of this run */
    int64_t waiting; /* of them: still need a judgement; late: of these, are offered last */
    int64_t late;
    int64_t outbox; /* judgements that this run has not acknowledged (outbox.h) */
    int64_t others; /* the same of other runs */
};
enum err prefs_origin_count(struct prefs *prefs, const uint8_t *run,
                            struct prefs_origin_count *out) MUST_CHECK;

#endif

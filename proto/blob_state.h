/* blob_state: a pull as its two files see it: blob_pull.c says what to ask for, blob_take.c what
 * becomes of an answer. For those alone. */

#ifndef PROTO_BLOB_STATE_H
#define PROTO_BLOB_STATE_H

#include "proto/blob.h"
#include "proto/limit.h"

enum {
    BLOB_LISTS = LIMIT_CHUNKS / PIECE_DIGESTS, /* pieces of the longest list of digests */
    BLOB_MIXED = UINT8_MAX, /* pieces of a chunk came from more than one source */
};

struct pieces { /* a chunk, or the list of digests: a bit a piece */
    uint16_t here, asked, before;
    uint8_t by; /* the turn of the source that its pieces are from */
};

struct blob_pull {
    struct artifact what;
    char *name;
    struct shared_memory *shared;
    uint8_t *bytes; /* the shared memory's */
    struct hash *digest;
    struct pieces list, *chunk; /* [chunks] */
    uint8_t *bits, *there;      /* chunks that are here; that the source said it has */
    size_t chunks, next[2], have;
    uint64_t owed[2]; /* pieces on their way: from the source asked now, from the one before */
    bool have_digest, mapped, hold, told; /* mapped: the source has said what it has; told: it
                                             knows of all that is here */
    int64_t told_ms, again_ms;            /* nothing is asked before again_ms */
    int pauses;
    uint8_t turn; /* of sources; two that follow one another differ */
    struct blob_pull_stats stats;
};

/* Pieces of the list of digests; of a chunk. */
size_t blob_pull_lists(const struct blob_pull *pull);
size_t blob_pull_pieces(const struct blob_pull *pull, size_t chunk);
/* Takes back what is on its way: it is due again. */
void blob_pull_release(struct blob_pull *pull, bool asked, bool before);
/* Nothing is asked for 2 s; at the next ones 4 .. 32. */
void blob_pull_pause(struct blob_pull *pull, int64_t now_ms);

#endif

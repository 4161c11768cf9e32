/* msg_bulk: messages of the bulk connection: artifacts by hash, in chunks. Structs only.
 *
 * Meaning and use: docs/PROTOCOL.md §3.3; the state machines are in blob.h. */

#ifndef PROTO_MSG_BULK_H
#define PROTO_MSG_BULK_H

#include "proto/noun.h"

struct msg_offer {
    const struct artifact *artifact;
    uint32_t n_artifact;
};
enum chunk_kind {
    CHUNK_DIGESTS = 1,   /* of all chunks, in one message */
    CHUNK_BYTES,         /* chunks of HASH_CHUNK */
    CHUNK_PIECES,        /* pieces of PIECE bytes, numbered from the artifact's start */
    CHUNK_DIGEST_PIECES, /* the list of digests in pieces of PIECE bytes */
    CHUNK_WAYS, /* what makes this image of another: answered by OFFER; no chunk is of this kind */
};
enum { PIECE = 64 << 10, PIECE_DIGESTS = PIECE / HASH_BYTES };
struct msg_wreq { /* `route` belongs to the broker: it names the asker; WCHUNK/WNONE bring it
                     back */
    uint64_t route;
    struct hash hash;
    uint32_t kind, first, count; /* chunk_kind; chunks or pieces first .. first+count-1 */
    const uint8_t *have; /* bit i%8 of byte i/8: the asker has chunk i, checked, and gives it */
    uint32_t n_have;
    struct hash base; /* CHUNK_WAYS: an image that the asker holds; zeros: none */
};
struct msg_wchunk {
    uint64_t route;
    struct hash hash;
    uint32_t kind, index;
    uint64_t total; /* bytes of the artifact */
    const uint8_t *data;
    uint32_t bytes;       /* a chunk, a piece, or digests */
    const uint8_t *there; /* with the first piece of digests: the chunks that are here now */
    uint32_t n_there;
};
struct msg_wnone {
    uint64_t route;
    struct hash hash;
    const char *reason;
};
struct msg_parent {       /* B to a child: from whom it shall take an artifact from now on */
    struct hash hash;     /* of the artifact */
    const char *endpoint; /* tcp://host:port; "" the broker */
    const char *key;      /* Z85 of the public key there; "" without CURVE */
};
struct msg_guests { /* B to who serves: whom it may let in, all of them each time */
    const struct hash *key;
    uint32_t n_key;
};

#endif

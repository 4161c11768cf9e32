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
enum chunk_kind { CHUNK_DIGESTS = 1, CHUNK_BYTES };
struct msg_wreq { /* `route` belongs to the broker: it names the asker; WCHUNK/WNONE bring it
                     back */
    uint64_t route;
    struct hash hash;
    uint32_t kind, first, count; /* chunk_kind; chunks first .. first+count-1 */
};
struct msg_wchunk {
    uint64_t route;
    struct hash hash;
    uint32_t kind, index;
    uint64_t total; /* bytes of the artifact */
    const uint8_t *data;
    uint32_t bytes; /* a chunk, or digests of all chunks */
};
struct msg_wnone {
    uint64_t route;
    struct hash hash;
    const char *reason;
};

#endif

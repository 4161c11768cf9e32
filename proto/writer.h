/* writer: whose a rollout or a score is (docs/PROTOCOL.md §3.2). Struct only. */

#ifndef PROTO_WRITER_H
#define PROTO_WRITER_H

#include "proto/noun.h"

/* Who wrote a rollout or a score, as the broker saw it. Only key and address are not the
 * writer's own word. */
struct writer {
    struct id peer;      /* as it said in HELLO: its invention, changes at will */
    struct hash key;     /* CURVE public key of its connection; zeros: none */
    const char *address; /* from which it connected */
    const char *name, *build;
};

#endif

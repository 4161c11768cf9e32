/* generation: the broker's public keys that a connection knows: the one that it dials with, and while
 * they are rotated the other one. */

#ifndef PROTO_GENERATION_H
#define PROTO_GENERATION_H

#include "proto/curve.h"

struct generation {
    char server[CURVE_TEXT], next[CURVE_TEXT]; /* "" of a plain connection; "": there is none */
};

/* keys NULL: plain. */
void generation_take(struct generation *out, const struct curve_keys *keys);
/* Said by the broker whose key the connection was made with: it is state, so "" is one, too. */
void generation_learn(struct generation *known, const char *next);
/* It hung up on the one: `socket` dials with the other from now on. Errors: ERR_IO. */
enum err generation_turn(struct generation *known, void *socket) MUST_CHECK;
/* Into `keys`; true: they were others there. */
bool generation_tell(const struct generation *known, struct curve_keys *keys);

#endif

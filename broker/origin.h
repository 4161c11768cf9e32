/* origin: whose a rollout or a score is: what the broker knows of a peer beyond its own word,
 * and what that says of itself. Plain bytes, copied. */

#ifndef BROKER_ORIGIN_H
#define BROKER_ORIGIN_H

#include "proto/writer.h"

enum { ORIGIN_TEXT = 64 };

struct origin {
    struct id peer;
    struct hash key;
    char address[ORIGIN_TEXT], name[ORIGIN_TEXT], build[ORIGIN_TEXT];
};

/* Its own block; what is longer than ORIGIN_TEXT is cut. */
struct origin *origin_copy(const struct origin *from);
void origin_take(struct origin *out, const struct writer *from);
/* Points into `from`; of NULL all is empty. */
struct writer origin_writer(const struct origin *from);

#endif

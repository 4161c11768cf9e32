/* frames: one message as the pieces that travel. Frame 0 is the header, frame 1 the fields, the
 * others columns (docs/PROTOCOL.md §2). */

#ifndef PROTO_FRAMES_H
#define PROTO_FRAMES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

enum { FRAMES_MAX = 16 };

struct frames {
    int n;
    zmq_msg_t part[FRAMES_MAX];
};

void frames_init(struct frames *frames); /* none */
void frames_fini(struct frames *frames); /* closes all; again is fine */
/* Adds a frame of `size` bytes and gives its memory. Errors: ERR_RANGE (too many), ERR_NOMEM.
 */
enum err frames_add(struct frames *frames, size_t size, uint8_t **memory) MUST_CHECK;
/* A copy that shares the bytes of large frames. */
enum err frames_share(struct frames *out, const struct frames *in) MUST_CHECK;
/* Moves all parts to `part`, which has room for them; none are left here. And back. */
void frames_give(struct frames *frames, zmq_msg_t *part);
void frames_take(struct frames *frames, zmq_msg_t *part, int n);
size_t frames_bytes(const struct frames *frames);
const uint8_t *frames_data(const struct frames *frames, int part);
size_t frames_size(const struct frames *frames, int part);

#endif

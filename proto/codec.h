/* codec: message structs to frames and back, and nothing else.
 *
 * No socket, no clock, no allocation outside the arena. Every byte that comes from a peer
 * passes through codec_decode, which accepts a whole valid message within all limits or
 * nothing. Format: docs/PROTOCOL.md §2; the fields of each message are tables in codec_*.c. */

#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "proto/msg.h"
#include "proto/wire.h"

struct arena;

/* Enough for any message within the limits. */
enum { CODEC_ARENA = 32 << 20 };

/* Appends to `out`, which must be empty; on an error it stays empty.
 * Errors: ERR_RANGE names the message and field that is over its limit. */
enum err codec_encode(struct frames *out, const struct msg *msg) MUST_CHECK;

/* Reads one message; what it points to lies in `arena` until that is reset.
 * Errors: ERR_PARSE for bytes that are not one whole message; ERR_RANGE for one that is over a
 * limit, of another major version, or whose fields contradict one another. */
enum err codec_decode(struct msg *out, const struct frames *in, struct arena *arena) MUST_CHECK;

/* The header alone, unchecked against the body: what forwarding needs. `task` of bulk messages
 * is their route. Errors: ERR_PARSE, ERR_RANGE. */
struct codec_head {
    struct msg_head head;
    uint64_t task, body_bytes;
    uint32_t sample, crc;
};
enum err codec_peek(struct codec_head *out, const struct frames *in) MUST_CHECK;
/* The major version that its header names, and nothing else of it; 0: that cannot be read. */
uint64_t codec_major(const struct frames *in);

#endif

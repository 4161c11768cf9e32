/* wire: a message as frames, and its way through a ZeroMQ socket. Never blocks.
 *
 * Frame 0 is the header, frame 1 the fields, the others columns (docs/PROTOCOL.md §2). What a
 * ROUTER puts in front, the connection's routing id, is kept apart in `from`. */

#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "proto/frames.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_HEADER_MAX = 256,
    WIRE_CONTROL_MAX = 64 << 10,       /* a message without lists: all its frames */
    WIRE_BODY_MAX = 4 << 20,           /* a message with a body */
    WIRE_CHUNK_MAX = (1 << 20) + 4096, /* WCHUNK: 1 MiB and its fields */
    WIRE_FRAME_MAX = WIRE_BODY_MAX,    /* what a socket accepts at all (ZMQ_MAXMSGSIZE) */
    WIRE_ROUTE_MAX = 16,
};

struct wire_route { /* of a connection, given by the ROUTER that accepted it */
    uint8_t n, byte[WIRE_ROUTE_MAX];
};

/* Sends all frames, or none. `to` is NULL on a DEALER and XPUB. On OK `frames` is empty.
 * Errors: ERR_STATE (would block: the pipe is full or nobody is connected),
 * ERR_IO (no such connection any more). */
enum err wire_send(void *socket, const struct wire_route *to, struct frames *frames) MUST_CHECK;

/* Receives one message. `from` is NULL on a DEALER and SUB. `*got` is false if none waits.
 * `fd` (may be NULL) becomes the descriptor of the connection it came by. A message with too
 * many frames is read to its end and handed over as ERR_PARSE, with `from` set.
 * Errors: ERR_PARSE, ERR_IO. */
enum err wire_receive(void *socket, struct wire_route *from, struct frames *frames, int *fd,
                      bool *got) MUST_CHECK;

/* Bytes that have come by a TCP connection so far; -1: it is none, or the system does not say. */
int64_t wire_bytes(int fd);

#endif

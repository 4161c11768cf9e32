/* bind: a socket of the broker that others dial. */

#ifndef PROTO_BIND_H
#define PROTO_BIND_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct curve_keys;

enum { BIND_ENDPOINT = 128 };

struct bind_conf {
    const char *endpoint; /* "tcp://127.0.0.1:0" takes any port */
    int listen_fd;        /* a listening descriptor to take over, which stays open; -1: none */
    const struct curve_keys *keys; /* NULL: plain, loopback only (curve_plain_allowed) */
    const char *domain;            /* of the doorkeeper; NULL: CURVE_FLEET */
    int queue;                     /* messages that wait in each direction, of each peer */
    int64_t frame_max;             /* bytes of a frame; a longer one ends the connection */
};

/* Sets all options and listens; `endpoint` gets the real port.
 * Errors: ERR_IO (port in use: the words say so), ERR_STATE (plain on an open address). */
enum err bind_socket(void *socket, const struct bind_conf *conf,
                     char endpoint[BIND_ENDPOINT]) MUST_CHECK;

/* Two halves of listening again with the broker's secret in `keys`, at `endpoint` as bind_socket gave
 * it. The first ends its connections. Neither waits; each may be tried again.
 * Errors: ERR_IO; of the second ERR_STATE too: the number is not free, or not yet. */
enum err bind_let_go(void *socket, const char *endpoint, int listen_fd,
                     const struct curve_keys *keys) MUST_CHECK;
enum err bind_retake(void *socket, const char *endpoint) MUST_CHECK;

#endif

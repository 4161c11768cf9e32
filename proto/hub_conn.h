/* hub_conn: the connections of a hub, by routing id. For hub*.c only. */

#ifndef PROTO_HUB_CONN_H
#define PROTO_HUB_CONN_H

#include "base/hash.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct hub_holder;
struct hub_member;

struct conn {
    struct conn *next; /* in its bucket */
    struct wire_route route;
    int fd;                      /* as of its last frame */
    struct sockaddr_storage far; /* that descriptor's far end then */
    struct hub_member *member;   /* NULL before HELLO */
    char address[64];            /* ZeroMQ's Peer-Address; "" until a whole frame came */
    struct hash key;             /* what the doorkeeper saw; zeros: none */
    struct hub_holder *holder;   /* of that key, from its first message on (hub_gate.h) */
    int64_t heard_ms, who_ms, strikes_ms;
    int strikes;
    int64_t doomed_ms; /* not 0: refused; nothing of it is heard; shut HUB_CONN_LAST_MS after */
};

enum { HUB_CONN_BUCKETS = 1024, HUB_CONN_LAST_MS = 500 }; /* so that REFUSE gets out */
struct hub_conns {
    struct conn *bucket[HUB_CONN_BUCKETS];
    struct conn **of_fd; /* the last one that was heard by a descriptor */
    int fds, n;
    unsigned swept; /* the bucket that is looked at next for connections that have ended */
};

struct conn *hub_conn_find(struct hub_conns *conns, const struct wire_route *route);
struct conn *hub_conn_add(struct hub_conns *conns, const struct wire_route *route);
void hub_conn_remove(struct hub_conns *conns, struct conn *conn);
void hub_conn_clear(struct hub_conns *conns);

/* All connections: start with NULL; NULL at the end. The one given may be removed after. */
struct conn *hub_conn_next(struct hub_conns *conns, const struct conn *conn);

/* It was heard by `fd`. Returns another one that had this descriptor: that one has ended. */
struct conn *hub_conn_heard(struct hub_conns *conns, struct conn *conn, int fd);
/* Is its descriptor still its own, and a connection? */
bool hub_conn_lives(const struct hub_conns *conns, const struct conn *conn);

/* Did a frame by `fd` come from another connection than the record is of? A routing id is its
 * peer's to choose, so it may be said again by a later one, perhaps with another key. */
bool hub_conn_other(const struct conn *conn, int fd, struct frames *frames);

/* Notes who is at its far end: what ZeroMQ knows of the message, not what that says. */
void hub_conn_origin(struct conn *conn, struct frames *frames);

/* Ends the TCP connection behind `fd`, if it is one. */
void hub_conn_shut(int fd);

#endif

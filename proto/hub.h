/* hub: the broker's side of all connections of one port.
 *
 * A ROUTER with MANDATORY on; each TCP connection is new. A connection begins with HELLO; any
 * other frame before it is answered WHO and not processed. A table of (role, message) rows says
 * who may say what; what has no row is a strike, as is what does not decode; 20 strikes in a
 * minute end the connection and refuse the peer for a minute. Reads no clock. */

#ifndef PROTO_HUB_H
#define PROTO_HUB_H

#include "proto/codec.h"
#include "proto/hub_peer.h"

struct curve_keys;
struct hub;
struct hub_gate;

/* ERR_PARSE and ERR_RANGE: the message cannot be meant, a strike. Others end the loop. */
typedef enum err hub_fn(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms);
/* Undecoded: `frames` may be given on with hub_forward. */
typedef enum err hub_raw_fn(void *self, struct hub_peer *from, const struct codec_head *head,
                            struct frames *frames, int64_t now_ms);

struct hub_conf {
    const char *endpoint;          /* "tcp://127.0.0.1:0" takes any port; see hub_endpoint */
    int listen_fd;                 /* a listening descriptor to take over, or -1 */
    const struct curve_keys *keys; /* NULL: plain (see curve_plain_allowed) */
    struct hub_gate *gate;         /* what keys may (hub_gate.h); NULL: everything */
    int peers_max;                 /* connections; 0: MAX_PEERS */
    int queue;                     /* messages to one peer in its pipe; 0: 256 */
    /* Before the HELLO row runs: a new peer, or a known one on a new connection. Refuses by
     * setting *code and *words. */
    void (*joined)(void *self, struct hub_peer *peer, const struct msg_hello *hello,
                   uint32_t *code, const char **words);
    /* Silent for HUB_SILENCE_MS, or HUB_ENDED_MS after its connection ended, said BYE, refused, or replaced by another incarnation. The
     * record is void afterwards. */
    void (*gone)(void *self, struct hub_peer *peer, const char *why, int64_t now_ms);
    /* A member's frame could not be read; `type` as its head says. Before the strike. */
    void (*bad)(void *self, struct hub_peer *peer, enum msg_type type, const char *words,
                int64_t now_ms);
    void *self;
};

/* Errors: ERR_IO (port in use: the words say so), ERR_RANGE. */
enum err hub_open(struct hub **out, void *context, const struct hub_conf *conf) MUST_CHECK;
void hub_close(struct hub *hub);
const char *hub_endpoint(const struct hub *hub); /* with the real port */

/* A row. MSG_HELLO's handler must answer WELCOME. */
void hub_on(struct hub *hub, enum role role, enum msg_type type, hub_fn *fn, void *self);
void hub_on_raw(struct hub *hub, enum role role, enum msg_type type, hub_raw_fn *fn,
                void *self);

/* In the head of everything sent. */
void hub_run(struct hub *hub, const struct id *run, uint64_t epoch);

/* Errors: ERR_STATE (its pipe is full: credit was exceeded, or it stands still), ERR_IO (its
 * connection is gone; it will say HELLO again or be `gone`), ERR_RANGE (over a limit). */
enum err hub_send(struct hub *hub, struct hub_peer *to, struct msg *msg) MUST_CHECK;
enum err hub_forward(struct hub *hub, struct hub_peer *to, struct frames *frames) MUST_CHECK;

struct hub_peer *hub_find(const struct hub *hub, uint32_t number); /* NULL if gone */
/* All peers in order of arrival: start with NULL; NULL at the end. */
struct hub_peer *hub_next(const struct hub *hub, const struct hub_peer *peer);

/* Counts a strike against a peer that sent nonsense the hub cannot see. */
void hub_strike(struct hub *hub, struct hub_peer *peer, const char *why, int64_t now_ms);
/* Sends REFUSE and forgets the peer; `shut` ends the connection, too: it may dial again. */
void hub_refuse(struct hub *hub, struct hub_peer *peer, enum refuse_code code,
                const char *words, bool shut, int64_t now_ms);
/* Forgets a peer that said BYE. */
void hub_release(struct hub *hub, struct hub_peer *peer, int64_t now_ms);

/* Keys have changed: whose key is not valid any more is refused and cut. */
void hub_look(struct hub *hub, int64_t now_ms);

/* For loop_socket and loop_every(1000). */
void *hub_socket(const struct hub *hub);
enum err hub_readable(void *hub, int64_t now_ms) MUST_CHECK;
enum err hub_tick(void *hub, int64_t now_ms) MUST_CHECK;

struct hub_stats {
    uint64_t heard, sent, bytes_in, bytes_out, bad, who, refused, full, unreachable;
};
const struct hub_stats *hub_stats(const struct hub *hub);

#endif

/* peer: a worker's side of a connection to the broker (control or bulk).
 *
 * Says HELLO on connecting, on WHO, and each second until WELCOME; HB each second after; after
 * 5 s of silence it drops the connection and makes a new one. Without WELCOME for some seconds
 * it warns, then rarely: what it dials and why nothing comes of it. Hands decoded messages to a
 * table of handlers. Reads no clock: time is an argument, monotone, in milliseconds. */

#ifndef PROTO_PEER_H
#define PROTO_PEER_H

#include "proto/msg.h"

struct curve_keys;
struct peer;

enum {
    PEER_HB_MS = 1000,
    PEER_SILENCE_MS = 5000,
    PEER_TICK_MS = 100,
    PEER_DRAIN = 64,
    PEER_WARN_MS = 3000,   /* without WELCOME: the first warning; */
    PEER_AGAIN_MS = 60000, /* the others */
    PEER_REFUSED_MS = 4000,
};

/* Hears a message; it lies in the peer's arena until the handler returns. ERR_PARSE and
 * ERR_RANGE say that the message cannot be meant: it is counted as bad, told and passed over,
 * and nothing ends. Any other error is of this machine and ends the process's loop. A message
 * that is merely useless is OK. */
typedef enum err peer_fn(void *self, const struct msg *msg, int64_t now_ms);

struct peer_conf {
    enum role role;
    const char *broker;            /* "tcp://host:port", several with commas: in turn */
    const struct curve_keys *keys; /* NULL: plain */
    const char *name;              /* for people: "host:pid" */
    struct id id;                  /* peer_random; the same on control and bulk */
    uint64_t incarnation;
    const char *serve; /* HELLO's; copied; NULL: it serves nobody */
    /* hello is NULL on the bulk port, and only there: who finds himself on it by mistake is
     * told. Fill what this process holds; identity and versions are there already. What they
     * point to must live until the call returns to the peer and the message is encoded. NULL:
     * none.
     */
    void (*hello)(void *self, struct msg_hello *out);
    void (*hb)(void *self, struct msg_hb *out);
    void *self;
};

/* Random id and incarnation of a process; the id as the environment has it in PEER_ID, 32 hex
 * digits, for who was started by one that must know it. */
#define PEER_ID "DROVER_PEER_ID"
void peer_random(struct id *id, uint64_t *incarnation);

/* The machine that this process says it is on: the environment's PEER_HOST, else the system's
 * name. Each HELLO has it, unless `hello` says another. */
#define PEER_HOST "DROVER_HOST"
void peer_host(char *out, size_t n);

/* Opens the socket and connects in the background. Errors: ERR_RANGE (endpoint), ERR_IO. */
enum err peer_open(struct peer **out, void *context, const struct peer_conf *conf,
                   int64_t now_ms) MUST_CHECK;
void peer_close(struct peer *peer); /* NULL is fine; what is unsent is lost */

/* For MSG_WELCOME and MSG_REFUSE too; types without a handler are counted and dropped. */
void peer_on(struct peer *peer, enum msg_type type, peer_fn *fn, void *self);

/* A learner's own; others take theirs from WELCOME. */
void peer_run(struct peer *peer, const struct id *run, uint64_t epoch);

/* Puts run and epoch into the head and sends. Nothing goes out before WELCOME.
 * Errors: ERR_STATE (no WELCOME yet, or the pipe is full: keep it and try again),
 * ERR_RANGE (over a limit: a bug or a configuration that does not fit). */
enum err peer_send(struct peer *peer, struct msg *msg) MUST_CHECK;

/* What this process holds has changed such that only HELLO says it: says it now. Nothing else
 * goes out before the next WELCOME. */
void peer_again(struct peer *peer, int64_t now_ms);

/* An HB now rather than at the next second. */
void peer_hb(struct peer *peer, int64_t now_ms);

bool peer_welcome(const struct peer *peer); /* is WELCOME in, on this connection? */
bool peer_there(const struct peer *peer); /* does its connection stand, as of the last tick? */
bool peer_answered(const struct peer *peer); /* has a broker ever answered? */
/* The broker's public keys as it says them itself (two while they are rotated) go into `keys`;
 * true: they were others there. */
bool peer_learned(const struct peer *peer, struct curve_keys *keys);
const struct msg_head *peer_head(const struct peer *peer); /* run and epoch as last heard */
int64_t peer_heard_ms(const struct peer *peer);            /* when a frame last came */

/* This process ends: it does not say any more that it keeps trying. */
void peer_leave(struct peer *peer);

/* The patience of who was never answered: ERR_IO, in words with the address and what to do,
 * when that has lasted `wait_ms` (0: for ever), or PEER_REFUSED_MS of a far end that does not
 * accept the key. OK once a broker has answered: later on a fleet waits for its broker. */
enum err peer_patience(const struct peer *peer, int64_t wait_ms, int64_t now_ms) MUST_CHECK;

/* For loop_socket and loop_every(PEER_TICK_MS). */
void *peer_socket(const struct peer *peer);
enum err peer_readable(void *peer, int64_t now_ms) MUST_CHECK;
enum err peer_tick(void *peer, int64_t now_ms) MUST_CHECK;

struct peer_stats {
    uint64_t sent, heard, bad, unhandled, full, hellos, reopened;
    /* How often our key was not let in, since it last was: a broker that refuses a key before it
     * hears a word (revoked, expired, unknown) is heard of in no other way. */
    uint64_t denied;
};
const struct peer_stats *peer_stats(const struct peer *peer);

#endif

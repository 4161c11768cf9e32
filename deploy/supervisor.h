/* supervisor: what the supervisor of any machine is, the head's (head.h) and each other's (host.h):
 * one loop, the processes of the machine (crew.h), a connection to the broker as a peer, and what
 * is asked by it (orders.h).
 *
 * It decides nothing: when it ends, which keys there are and what a heartbeat says besides is its
 * owner's. Times in milliseconds, monotone. */

#ifndef DEPLOY_SUPERVISOR_H
#define DEPLOY_SUPERVISOR_H

#include "deploy/crew.h"
#include "deploy/orders.h"
#include "net/loop.h"

struct supervisor_conf {
    const struct plan *plan;
    struct endpoint *fleet;    /* where the broker is, and the supervisor's own keys */
    const struct ports *ports; /* of the head, which holds the broker; NULL elsewhere */
    const char *name;          /* of its peer, */
    const char *host;          /* and of its machine, as its HELLO has it */
    struct registrar *keys;    /* writes the keys folder, at the head; NULL: none is here */
    struct crew_owner crew;
    enum err (*down)(void *self, int64_t now_ms);
    enum err (*apply)(void *self, bool plan, char words[ORDERS_WORDS], int64_t now_ms);
    const char *(*note)(void *self);    /* when the crew has nothing to say; NULL: nothing */
    const char *(*trouble)(void *self); /* what is wrong now, of others; likewise */
    /* The broker's keys are rotated: those in `fleet` are as it says them now. */
    void (*rotated)(void *self);
    loop_fn *tick;   /* each PEER_TICK_MS */
    loop_fn *signal; /* SIGTERM, SIGINT, SIGHUP */
    void *self;      /* of all of them but crew's */
};

struct supervisor {
    struct supervisor_conf conf;
    struct loop *loop;
    void *context;
    struct peer *peer;
    struct crew crew;
    struct orders orders;
    char *metrics; /* as the last heartbeat had it */
    char note[CREW_WORDS], trouble[2 * MACHINE_WORDS];
    bool bye;       /* it is out; */
    int64_t bye_ms; /* until then its answer may come */
};

/* Nothing is started yet. What `conf` points to is borrowed until supervisor_close, which follows
 * also after an error. Errors: the loop's, peer_open's, crew_open's. */
enum err supervisor_open(struct supervisor *out, const struct supervisor_conf *conf) MUST_CHECK;
/* In the order of who uses whom. Waits for what is in the loop's pool; ends no process but by
 * telling it to. */
void supervisor_close(struct supervisor *s);

/* For the owner's tick: the connection, then the crew. Errors: the connection's. */
enum err supervisor_tick(struct supervisor *s, int64_t now_ms) MUST_CHECK;
/* Says BYE, once. True: it was answered, or is not waited for any more. */
bool supervisor_leaves(struct supervisor *s, const char *why, int64_t now_ms);

#endif

/* orders: what a supervisor does when it is asked (ADMIN): the same on every machine. */

#ifndef DEPLOY_ORDERS_H
#define DEPLOY_ORDERS_H

#include "proto/limit.h"
#include "proto/msg.h"

struct crew;
struct loop;
struct peer;
struct registrar;

enum { ORDERS_WORDS = 1024 };

struct orders {
    struct crew *crew;
    struct loop *loop;
    struct peer *peer; /* NULL once it is closed: what the pool still does answers nobody */
    const char *host;  /* this machine, as its HELLO has it */
    struct registrar *keys; /* writes the keys folder, at the head; NULL: none is here */
    const char *control;    /* where it reaches the broker, */
    char bulk[MAX_NAME];    /* and where that says its bulk port is; "": not yet */
    void *self;
    enum err (*down)(void *self, int64_t now_ms);
    /* Reads the fleet's file again and does what changed, or with `plan` only says it. NULL where
     * there is none. Words are put behind one another in `words`. */
    enum err (*apply)(void *self, bool plan, char words[ORDERS_WORDS], int64_t now_ms);
};

/* For peer_on(MSG_WELCOME): where the bulk port is. */
enum err orders_on_welcome(void *orders, const struct msg *msg, int64_t now_ms);
/* For peer_on(MSG_ADMIN). Every order is answered, refused or not: the asker waits. */
enum err orders_on_admin(void *orders, const struct msg *msg, int64_t now_ms);

#endif

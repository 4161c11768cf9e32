/* hub_gate: what the hubs of a broker hold of public keys: which role one has, how many
 * connections, how much it says, which peer ids are its own; and what was refused, by reason.
 *
 * Shared by the ports of one broker, so that a key has one allowance and an id one owner on all
 * of them. Time is an argument, in milliseconds. */

#ifndef PROTO_HUB_GATE_H
#define PROTO_HUB_GATE_H

#include "base/hash.h"
#include "proto/noun.h"

#include <stddef.h>

/* What a key may be; `name` as the keys folder has it. */
struct hub_pass {
    enum role role;
    bool is_ticket; /* it may ask to be let in, and nothing else */
    const char *name;
};

enum hub_gate_reason {
    HUB_GATE_FINE,
    HUB_GATE_DOOR,    /* a handshake with a key that is unknown, or of no use at that port */
    HUB_GATE_KEY,     /* revoked or expired while its connection stood */
    HUB_GATE_ROLE,    /* HELLO as another role than its key's */
    HUB_GATE_ID,      /* HELLO with a peer id that another key said */
    HUB_GATE_MESSAGE, /* a message that its role may not send */
    HUB_GATE_RATE,    /* more messages or bytes a second than a key may send */
    HUB_GATE_CONNECTIONS, /* more connections than a key may have */
    HUB_GATE_TICKET,      /* a ticket that is used up, expired or revoked */
    HUB_GATE_SILENT,      /* a connection that said nothing (silent.h) */
    HUB_GATE_REASONS,
};

struct hub_gate_conf {
    /* Is it valid now, and as what? */
    bool (*pass)(void *self, const struct hash *key, struct hub_pass *out);
    void *self;
    uint32_t messages_s, connections; /* of a key; 0: no limit */
    uint64_t bytes_s;
};

struct hub_gate;
struct hub_holder; /* a key with a connection, or with one a while ago */

void hub_gate_new(struct hub_gate **out, const struct hub_gate_conf *conf);
void hub_gate_free(struct hub_gate *gate); /* after the hubs; NULL is fine */

/* A whole message of `bytes` came on a connection; its `*holder` is filled in with the first.
 * FINE, KEY, RATE or CONNECTIONS. */
enum hub_gate_reason hub_gate_hear(struct hub_gate *gate, struct hub_holder **holder,
                                   const struct hash *key, size_t bytes, int64_t now_ms);
void hub_gate_ended(struct hub_holder *holder); /* that connection; NULL is fine */

/* May `key` say HELLO as *role and `id`? *role becomes what it is here: who has a ticket only is
 * a guest. FINE, KEY, ROLE, ID, or RATE: twice as many as it may have connections are heard at
 * once, and a quarter as many again each second. */
enum hub_gate_reason hub_gate_hello(struct hub_gate *gate, const struct hash *key,
                                    const struct id *id, uint32_t *role, int64_t now_ms);
bool hub_gate_valid(const struct hub_gate *gate, const struct hash *key);
/* As the keys folder calls it; "?" of a key that is not valid. */
const char *hub_gate_name(const struct hub_gate *gate, const struct hash *key);

/* Keys that said something, or watch, those last heard first; at most `max`. Names point into what
 * conf.pass gives. Returns how many. */
struct hub_gate_seen {
    struct hub_pass pass;
    uint32_t connections, age_ms;
};
uint32_t hub_gate_seen(const struct hub_gate *gate, struct hub_gate_seen *out, uint32_t max,
                       int64_t now_ms);
/* Who watches says nothing, and is here. */
void hub_gate_watches(struct hub_gate *gate, const struct hash *key, int64_t now_ms);

/* Counts a refusal, and tells of it (log) at most once a second a reason. `who`, `address`: for
 * people. */
void hub_gate_refused(struct hub_gate *gate, enum hub_gate_reason why, const char *who,
                      const char *address, int64_t now_ms);
uint64_t hub_gate_count(const struct hub_gate *gate, enum hub_gate_reason why);
const char *hub_gate_words(enum hub_gate_reason why); /* "" of FINE */

#endif

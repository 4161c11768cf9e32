/* doors: who may come in by the broker's ports: the keys folder (proto/keyring.h), the doorkeeper
 * that ZeroMQ asks, and the gate that the hubs ask. */

#ifndef BROKER_DOORS_H
#define BROKER_DOORS_H

#include "proto/curve.h"

struct hub_gate;
struct hub_peer;
struct msg_hello;
struct doors;

struct doors_conf {
    const char *folder;
    int messages_s, connections; /* of a key; 0: no limit */
    double bytes_s;
};

/* Reads the folder and shows that strangers stay out; before any port is bound. Errors: what is
 * wrong with the folder; ERR_STATE (self test). */
enum err doors_open(struct doors **out, void *context, const struct doors_conf *conf,
                    int64_t now_s) MUST_CHECK;
void doors_close(struct doors *doors); /* after the ports; NULL is fine */

const struct curve_keys *doors_keys(const struct doors *doors); /* the broker's pair, now */
const char *doors_next(const struct doors *doors); /* the public key that follows; "" */
struct hub_gate *doors_gate(const struct doors *doors);

/* What stands against this HELLO though the key has its role: a code of REFUSE, with words; 0:
 * nothing. `own`: its id is that of the learner's own actor. */
uint32_t doors_objects(const struct doors *doors, const struct hub_peer *peer,
                       const struct msg_hello *hello, bool own, const char **words);

/* hello->host becomes the machine that its key is bound to (keyring_host), whatever it says: orders
 * and figures go by machines. Valid until the folder is looked at again. */
void doors_place(const struct doors *doors, const struct hub_peer *peer,
                 struct msg_hello *hello);

/* Some times a second: is the folder as it was? *changed: other keys are valid than before (cut
 * who stands on one that is not). *rekey: doors_keys is another pair (bind anew). A folder that
 * cannot be read is told, and what was known stands. */
void doors_look(struct doors *doors, int64_t now_s, int64_t now_ms, bool *changed, bool *rekey);

/* Each key of the folder's that was revoked or has expired. */
void doors_invalid(struct doors *doors, void (*tell)(void *self, const struct hash *key),
                   void *self);

/* For loop_socket. */
void *doors_socket(const struct doors *doors);
enum err doors_readable(void *doors, int64_t now_ms) MUST_CHECK;

#endif

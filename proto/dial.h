/* dial: why a connection does not come about, in words for people.
 *
 * Listens to libzmq's monitor of one connecting socket. libzmq says what happened, not what it
 * means; the table in dial.c is what 4.3.4 was seen to say for each case. Where the far end has
 * another CURVE key it hangs up without a word, so that "another key" and "no drover broker"
 * cannot be told apart. Never used for membership. */

#ifndef PROTO_DIAL_H
#define PROTO_DIAL_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum dial_state {
    DIAL_TRYING,   /* nothing is known yet, or the network swallows what is sent */
    DIAL_NO_NAME,  /* the host's name does not resolve */
    DIAL_NOBODY,   /* nobody listens there */
    DIAL_NO_WORDS, /* who listens there does not speak */
    DIAL_HUNG_UP,  /* closed while the keys were compared */
    DIAL_MISMATCH, /* one side has a key, the other has none */
    DIAL_REFUSED,  /* this key is not let in */
    DIAL_THERE,    /* keys fit: what follows is the protocol's business */
};

struct address_list;
struct curve_keys;
struct dial;

/* Before zmq_connect. `keyed`: the socket has a key. Errors: ERR_IO. */
enum err dial_open(struct dial **out, void *context, void *socket, bool keyed) MUST_CHECK;
void dial_close(struct dial *dial); /* before its socket; NULL is fine */

/* Takes in what happened since; call it several times a second. Never waits. */
enum dial_state dial_look(struct dial *dial);
/* Is it known that nobody is there, or no such name? */
bool dial_nobody(const struct dial *dial);
/* What is wrong and what to do; of DIAL_THERE: that it gives no answer. */
const char *dial_words(const struct dial *dial);
/* The same as an error, with the address; always ERR_IO. */
enum err dial_fault(const struct dial *dial, const char *endpoint);
/* Did the far end hang up while keys were compared, since this was last asked? */
bool dial_hung_up(struct dial *dial);
/* Was it turned away, and will be as long as nobody changes a key? */
bool dial_hopeless(const struct dial *dial);
/* How often a handshake ended at this key, since one came through; whoever was not there meanwhile,
 * or another address, takes none of it back. */
uint64_t dial_denied(const struct dial *dial);

/* Another address is dialled from here on. While of that one nothing is known but that its name
 * does not resolve, what was found out of the last one counts. */
void dial_turned(struct dial *dial);

/* Bytes that have come on the connection that stands; -1: none does, or unknown. On a slow line a
 * message may take longer than anybody's patience: while its bytes come, the far end lives. */
int64_t dial_bytes(const struct dial *dial);

/* At `endpoint`, or one of several (address.h), is a socket there whose keys fit? Waits for it, at most `wait_ms`, less when it is hopeless.
 * `type`: ZMQ_DEALER for the control port, ZMQ_SUB for the dashboard. keys NULL: plain; with a
 * next_key both generations are tried, and server_key becomes the one that is there. `found` (or
 * NULL) becomes the one address that it is. Errors: ERR_RANGE (the address), ERR_IO in words with
 * the address and what to do. */
enum err dial_knock(const char *endpoint, int type, struct curve_keys *keys, long wait_ms,
                    struct address_list *found) MUST_CHECK;

#endif

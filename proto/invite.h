/* invite: a ticket as one line of text, and what becomes of it.
 *
 *     drover1:<base64url of: addresses, the broker's public key, the ticket's secret key, role,
 *              until when, a checksum>
 *
 * Whoever has the line may join as that role, as often as the ticket says: it is a secret. It
 * comes from a file, from standard input or from the environment, never from an argument, which
 * all users of a machine can read. A use exchanges it for a key that is made here and leaves
 * this machine in its public part only. */

#ifndef PROTO_INVITE_H
#define PROTO_INVITE_H

#include "proto/curve.h"

enum {
    INVITE_BROKERS = 8,
    INVITE_ADDRESS = 256,
    INVITE_ADDRESSES = INVITE_BROKERS * INVITE_ADDRESS,
    INVITE_TEXT = 4096
};
#define INVITE_VARIABLE "DROVER_TICKET"

struct invite {
    char broker[INVITE_BROKERS][INVITE_ADDRESS]; /* tcp://HOST:PORT, tried in turn */
    int n_broker;
    struct curve_keys keys; /* the ticket's pair, its role, the broker's public keys */
    int64_t expires_s;      /* 0: never */
};

/* The line, without its end; free it. Errors: ERR_RANGE (an address). */
enum err invite_write(char **out, const struct invite *invite) MUST_CHECK;
/* Errors: ERR_PARSE: what is no ticket, or one that lost a part on its way. */
enum err invite_read(struct invite *out, const char *text) MUST_CHECK;
/* From `file` ("-": standard input); "": from DROVER_TICKET, which is taken out of the
 * environment, so that no child inherits it. Errors: ERR_IO, ERR_STATE (there is none),
 * invite_read's. */
enum err invite_load(struct invite *out, const char *file) MUST_CHECK;
void invite_wipe(struct invite *invite);
/* All its addresses with commas, as they are dialled in turn; before them `first`, or "". */
void invite_addresses(char out[INVITE_ADDRESSES], const struct invite *invite,
                      const char *first);

/* Who joins, for people: name "" is the host's and the process's. */
struct invite_guest {
    const char *name, *host;
    int64_t wait_ms; /* patience with each address */
};

/* Uses it: dials, asks to be let in with a key of its own, waits for the answer. `keys` gets
 * that key, `broker` the address that answered. Blocks, at most wait_ms an address. Errors:
 * ERR_IO (nobody answers), ERR_STATE in the broker's words (expired, used up, revoked). */
enum err invite_accept(struct curve_keys *keys, char broker[INVITE_ADDRESS],
                       const struct invite *invite,
                       const struct invite_guest *guest) MUST_CHECK;

/* The order's two texts, for who has a connection already (a supervisor, for its host's workers):
 * ADMIN_ADMIT with these arguments (free them) asks for `keys`, a pair of curve_new's whose role
 * stands in the order; the answer's result says what it is called. */
char *invite_accept_ask(const struct curve_keys *keys, const struct invite_guest *guest);
void invite_accept_answer(struct curve_keys *keys, const char *result);

#endif

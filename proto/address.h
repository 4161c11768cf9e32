/* address: where a broker is dialled: tcp://HOST:PORT, HOST a name, an IPv4 address, or an IPv6
 * address in brackets; several with commas are tried in turn.
 *
 * A name may have addresses of both families while its broker listens at one of them, and
 * libzmq looks up one family at a time: so a name is two places to try, IPv4 first. */

#ifndef PROTO_ADDRESS_H
#define PROTO_ADDRESS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { ADDRESS_TEXT = 256, ADDRESSES = 8 };

struct address_place {
    char endpoint[ADDRESS_TEXT]; /* one, as libzmq takes it */
    bool v6;                     /* looked up as IPv6, and dialled so */
};

struct address_list {
    struct address_place place[2 * ADDRESSES];
    int n, now;       /* .place[now] is the one in turn */
    int64_t since_ms; /* for so long */
};

/* `text`: one or more. Errors: ERR_RANGE in words. */
enum err address_read(struct address_list *out, const char *text, int64_t now_ms) MUST_CHECK;

/* While no connection stands: is it the next one's turn? Where `nobody` can be is left soon, where
 * nothing comes back or a key is turned away after a while. One that is alone has always its turn. */
bool address_due(const struct address_list *list, bool nobody, int64_t now_ms);
void address_turn(struct address_list *list, int64_t now_ms);
const char *address_now(const struct address_list *list);

/* Dials the one in turn. Errors: ERR_RANGE (libzmq does not take it), ERR_IO. */
enum err address_connect(const struct address_list *list, void *socket) MUST_CHECK;

/* Before a socket listens at `endpoint`: an address in brackets wants IPv6, host "*" both.
 * Errors: ERR_IO. */
enum err address_listen(void *socket, const char *endpoint) MUST_CHECK;

/* Does who listens at `endpoint` listen everywhere? What it is reached by, others know. */
bool address_everywhere(const char *endpoint);

/* tcp://HOST:PORT of the port of `endpoint` (a text that ends in :PORT) at a host as it stands in
 * texts of all kinds: an IPv6 one is put in brackets. */
void address_at(char out[ADDRESS_TEXT], const char *host, const char *endpoint);

/* An IPv4 address that came by an IPv6 socket is written as one: "::ffff:1.2.3.4". */
const char *address_unmapped(const char *text);

#endif

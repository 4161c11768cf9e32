/* listen: where the broker's three ports are: given as addresses, or as descriptors that listen
 * already and that a supervisor keeps, so that a restarted broker has the same ports. */

#ifndef BROKER_LISTEN_H
#define BROKER_LISTEN_H

#include "proto/address.h"

enum { LISTEN_CONTROL, LISTEN_BULK, LISTEN_DASHBOARD, LISTENS, LISTEN_TEXT = 128 };

struct listen_at {
    char endpoint[LISTEN_TEXT];
    int fd; /* or -1 */
};

/* `control` as tcp://host:port; an empty `bulk` or `board` is the control port's host with port
 * +1 or +5 (any port if that is 0 or *). Errors: ERR_PARSE. */
enum err listen_addresses(struct listen_at out[LISTENS], const char *control, const char *bulk,
                          const char *board) MUST_CHECK;

/* `list` is three numbers, "3,4,5". Errors: ERR_PARSE; ERR_IO for what is no listening TCP
 * socket. */
enum err listen_descriptors(struct listen_at out[LISTENS], const char *list) MUST_CHECK;

/* Where others reach the bulk port, which listens at `endpoint`, when the broker is `as` to them:
 * "" or NULL: as it says itself; HOST: there, at the same port; HOST:PORT: PORT is the control port as they dial it, and bulk is
 * one further. Errors: ERR_RANGE. */
enum err listen_reach(char out[ADDRESS_TEXT], const char *endpoint, const char *as) MUST_CHECK;

#endif

/* fetch_wire: artifacts over the wire: from the broker's bulk port, or from a host that serves
 * and that the broker has named for it (PARENT).
 *
 * Owns the bulk connection, which goes where WELCOME says, and those to parents; what has come of
 * its pulls it gives on, to the broker and to the guests of this process (serving.h). A parent
 * that does not answer, is silent or says what is false is told of to the broker, which is asked
 * from then on. No clock; sockets are watched by the owner. */

#ifndef PROTO_FETCH_WIRE_H
#define PROTO_FETCH_WIRE_H

#include "proto/fetch_conf.h"

struct fetch_wire;
void fetch_wire_new(struct fetch_wire **out, const struct fetch_wire_conf *conf);
void fetch_wire_free(struct fetch_wire *wire); /* NULL is fine */

/* As fetch_serve; Errors: serving_open's. */
enum err fetch_wire_serve(struct fetch_wire *wire, const char *endpoint) MUST_CHECK;
/* As fetch_endpoint. Errors: peer_open's. */
enum err fetch_wire_endpoint(struct fetch_wire *wire, const char *bulk, const char *bulk_key,
                             int64_t now_ms) MUST_CHECK;

/* Begins a pull. Errors: ERR_RANGE (too many, or more than 32 GiB), ERR_NOMEM. */
enum err fetch_wire_want(struct fetch_wire *wire, const struct artifact *what) MUST_CHECK;
void fetch_wire_drop(struct fetch_wire *wire, const struct hash *hash);
/* The same; the digests of its chunks, the caller's to free, NULL if they had not come. */
struct hash *fetch_wire_end(struct fetch_wire *wire, const struct hash *hash);
/* The pull of `hash`; NULL: there is none. Borrowed until it is whole or dropped. */
struct blob_pull *fetch_wire_pull(const struct fetch_wire *wire, const struct hash *hash);
/* Who is asked for it, for people: an address. */
const char *fetch_wire_from(const struct fetch_wire *wire, const struct hash *hash);

/* Offers an artifact that is here whole, to the broker and to guests; shared, not taken. digest
 * as in blob_store_add. Errors: blob_store_add's, ERR_RANGE (FETCH_WIRE_OFFERED are offered). */
enum err fetch_wire_put(struct fetch_wire *wire, const struct artifact *what,
                        struct shared_memory *shared, const struct hash *digest) MUST_CHECK;
void fetch_wire_let_go(struct fetch_wire *wire, const struct hash *hash);
/* Shares of it that are kept here for that: 0 or 1. */
unsigned fetch_wire_holds(const struct fetch_wire *wire, const struct hash *hash);

/* To the broker. Errors: ERR_STATE: no connection, or its pipe is full. */
enum err fetch_wire_say(struct fetch_wire *wire, struct msg *msg) MUST_CHECK;

/* Each PEER_TICK_MS, and when one of its sockets is readable. */
enum err fetch_wire_tick(struct fetch_wire *wire, int64_t now_ms) MUST_CHECK;
enum err fetch_wire_readable(struct fetch_wire *wire, int64_t now_ms) MUST_CHECK;

uint64_t fetch_wire_pieces(const struct fetch_wire *wire); /* useful ones, so far */
uint64_t fetch_wire_bytes(const struct fetch_wire *wire);  /* all that came, so far */
double fetch_wire_rate(const struct fetch_wire *wire);     /* bytes a second; 0: unknown */

#endif

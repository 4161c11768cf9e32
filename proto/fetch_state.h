/* fetch_state: the wire of fetch as its files see it: fetch_source.c has the connections and what
 * is asked for, fetch_parent.c of whom, fetch_wire.c the rest. For those alone. */

#ifndef PROTO_FETCH_STATE_H
#define PROTO_FETCH_STATE_H

#include "proto/curve.h"
#include "proto/fetch_conf.h"
#include "proto/pace.h"

enum { FETCH_BROKER = 0, FETCH_SOURCES = 1 + FETCH_WIRE_PARENTS, FETCH_NOBODY = -1 };

struct fetch_source {
    struct fetch_wire *wire;
    struct peer *peer; /* NULL: free */
    struct curve_keys keys;
    char *endpoint;
    struct pace_meter pace;
    int64_t welcome_ms; /* when it was last known to be there, or dialled */
    int64_t heard_ms;   /* the last piece, or since when something is owed */
    int patience;       /* of the broker: how often what it owes was waited for, doubled */
    bool welcome, owes, failed; /* welcome: it has been, on this or an earlier connection */
};

struct fetch_pull {
    struct blob_pull *blob; /* NULL: free */
    uint64_t age;
    int from, before; /* sources */
    int next;         /* a parent that is being dialled for it: asked once it is there */
    char *failed;     /* why its parent was left, while the broker does not know; or NULL */
};

struct serving;
struct fetch_wire {
    struct fetch_wire_conf conf;
    struct fetch_source source[FETCH_SOURCES];
    struct fetch_pull pull[FETCH_WIRE_PULLS];
    struct blob_store *store;
    struct blob_asks *asks; /* of others, by the broker */
    struct serving *serving;
    struct pace_meter pace; /* of all sources */
    uint64_t ages, pieces;
    int64_t tick_ms;
    bool offer; /* an OFFER is due */
};

/* The pull of a hash, or NULL. */
struct fetch_pull *fetch_source_pull(const struct fetch_wire *wire, const struct hash *hash);
/* The bulk connection; as fetch_wire_endpoint. */
enum err fetch_source_endpoint(struct fetch_wire *wire, const char *bulk, const char *bulk_key,
                               int64_t now_ms) MUST_CHECK;
/* Asks for what is due; each PEER_TICK_MS too. */
void fetch_source_ask(struct fetch_wire *wire, int64_t now_ms);
enum err fetch_source_tick(struct fetch_wire *wire, int64_t now_ms) MUST_CHECK;
void fetch_source_close(struct fetch_source *source);
/* Its place among the sources. Opens it, at its endpoint: Errors: peer_open's, watch's. */
int fetch_source_number(const struct fetch_source *source);
enum err fetch_source_dial(struct fetch_source *source, const char *endpoint, const char *key,
                           int64_t now_ms) MUST_CHECK;

/* PARENT, of the broker's source. */
enum err fetch_parent_named(void *source, const struct msg *msg, int64_t now_ms) MUST_CHECK;
/* A parent has said WELCOME. */
void fetch_parent_there(struct fetch_source *parent);
/* The broker is asked from now on, and hears why: for a pull, for all of a parent's. */
void fetch_parent_leave(struct fetch_wire *wire, struct fetch_pull *pull, const char *why);
void fetch_parent_fail(struct fetch_source *parent, const char *why);
/* Who fails is left, who is not needed hung up. */
void fetch_parent_tick(struct fetch_wire *wire, int64_t now_ms);

/* What others are owed, or are to know: until the pipes are full. */
void fetch_wire_pump(struct fetch_wire *wire);

#endif

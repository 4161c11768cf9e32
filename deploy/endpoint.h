/* endpoint: how to reach a fleet: fleet.json in a run folder, or an address and a key. */

#ifndef DEPLOY_ENDPOINT_H
#define DEPLOY_ENDPOINT_H

#include "base/conf.h"
#include "deploy/plan.h"
#include "proto/curve.h"

/* The options of every command that speaks to a fleet. */
struct endpoint_options {
    char *run, *broker, *dashboard, *key;
};
extern const struct conf_key endpoint_keys[];

struct ports;

enum { ENDPOINT_TEXT = 2048 };

struct endpoint {
    /* Where each is dialled; several with commas are tried in turn. Unless it is known, a
     * dashboard is five ports further than control. */
    char control[ENDPOINT_TEXT], dashboard[ENDPOINT_TEXT];
    char key_path[4096]; /* of an operator's key; "" without */
    char follower_path
        [4096]; /* of a follower's key, for `drover serve`; "" where there is none */
    char annotator_path[4096]; /* of an annotator's, for `drover annotate`; likewise */
    char folder[4096];         /* of a fleet of this process's: its keys folder */
    char run[4096];            /* folder, "" when found by address */
    bool secure;
    struct curve_keys keys;
    long pid; /* of the supervisor, 0 unknown */
};

/* By `broker`, else by `run`, else the newest living run below the current folder.
 * Errors: ERR_STATE when there is none, with what to do; the key's. */
enum err endpoint_find(struct endpoint *out, const struct endpoint_options *options) MUST_CHECK;

/* A fleet of this process's in the folder `run`, at those ports: with the keys folder `keys`, or
 * one made anew in run/keys (""); writes run/fleet.json. `keys` of it are the supervisor's own.
 * Errors: the folder's, ERR_IO. */
enum err endpoint_make(struct endpoint *out, const char *run, const char *keys,
                       const struct ports *ports) MUST_CHECK;
/* The key file of one of its processes, "actor-1": made when it is missing, and the same at a
 * restart. Errors: ERR_IO; ERR_STATE (it was revoked). */
enum err endpoint_key(const struct endpoint *fleet, enum plan_role role, const char *name,
                      char path[4096]) MUST_CHECK;
/* One line on stderr: how workers elsewhere join. `host` as the broker listens, or as others reach
 * it; an IPv6 address without brackets. */
void endpoint_tell(const struct endpoint *fleet, const char *host, int port);
/* What fleet.json in the folder `run` says. Errors: ERR_IO, ERR_PARSE, the key's. */
enum err endpoint_read(struct endpoint *out, const char *run) MUST_CHECK;

/* The same of the fleet that works in `run`: of one that starts there, once it has written it (waits
 * at most 10 s). `pid`: its supervisor, which holds the folder's lock, and what a predecessor wrote
 * whose process may be there yet is passed over; 0: any that lives. Errors: also ERR_STATE: it does
 * not run. */
enum err endpoint_living(struct endpoint *out, const char *run, long pid) MUST_CHECK;

#endif

/* fleet: how to reach a fleet: fleet.json in a run folder, or an address and a key. */

#ifndef CLI_FLEET_H
#define CLI_FLEET_H

#include "base/conf.h"
#include "proto/curve.h"

/* The options of every command that speaks to a fleet. */
struct fleet_options {
    char *run, *broker, *dashboard, *key;
};
extern const struct conf_key fleet_keys[];

struct fleet {
    char control[128],
        dashboard[128];  /* endpoints; dashboard is control's host, port 5560, unless known */
    char key_path[4096]; /* "" without */
    char run[4096];      /* folder, "" when found by address */
    bool secure;
    struct curve_keys keys;
    long pid; /* of the supervisor, 0 unknown */
};

/* By `broker`, else by `run`, else the newest living run below the current folder.
 * Errors: ERR_STATE when there is none, with what to do; the key's. */
enum err fleet_find(struct fleet *out, const struct fleet_options *options) MUST_CHECK;

/* Writes run/fleet.json. */
enum err fleet_write(const struct fleet *fleet) MUST_CHECK;
enum err fleet_read(struct fleet *out, const char *run) MUST_CHECK;

#endif

/* checks: what a supervisor finds when it looks at its machine and its ways to the broker
 * (`drover doctor`). It tells what is there; what of it is bad is judged where hosts are
 * compared. */

#ifndef DEPLOY_CHECKS_H
#define DEPLOY_CHECKS_H

#include "proto/msg.h"

struct crew;
struct loop;

struct checks {
    uint64_t request;
    struct id asker;
    char *
        result; /* JSON: host, version, program, isa, cores, load, memory, memory_free, disk_free
                     (bytes), trouble, clock_ms, actors, threads, ways: [{at, words}] */
};

struct checks_conf {
    const struct crew *crew;
    const char *host, *control, *bulk; /* bulk "": not known */
    void (*done)(void *self, const struct checks *checks);
    void *self;
};

/* Looks, in the loop's pool, and calls `done` on the loop. Errors: ERR_IO. */
enum err checks_start(struct loop *loop, const struct checks_conf *conf,
                      const struct msg_admin *order, int64_t now_ms) MUST_CHECK;

#endif

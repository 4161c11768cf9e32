/* watch: what stands still and what failed, for the person at the learner's terminal.
 *
 * The broker says it (HB `wait`, FAIL); here it becomes a line, once for each change, with what
 * helps. Reads no clock: time is an argument. */

#ifndef LEARNER_FLEET_WATCH_H
#define LEARNER_FLEET_WATCH_H

#include "learner/run/progress.h"
#include "proto/msg.h"

enum { WATCH_AFTER_MS = 5000, WATCH_FAILS_MS = 10000 };

struct watch;
struct watch_conf {              /* borrowed */
    const char *broker, *key;    /* for the commands that help; key "" or NULL: none */
    const struct scorer *scorer; /* the run's table */
    uint32_t n_scorer;
    /* The shell command of a worker that the configuration names, or NULL; *number: which of
     * these it is, from 1. May be NULL. */
    const char *(*command)(const void *self, const char *scorer, int *number);
    const char *folder; /* of the run, if a supervisor starts its workers; else NULL */
    /* Where lines go; progress_line for the terminal. */
    void (*say)(void *self, const char *line);
    void *self;
};

void watch_new(struct watch **out, const struct watch_conf *conf);
void watch_free(struct watch *watch); /* NULL is fine */

/* A heartbeat's list: what has lasted WATCH_AFTER_MS, and what is paused at once. */
void watch_waits(struct watch *watch, const struct msg_wait *wait, uint32_t n);
/* Somebody failed: at most a line in WATCH_FAILS_MS for actors, and one for each scorer. */
void watch_fail(struct watch *watch, const struct msg_fail *fail, int64_t now_ms);

#endif

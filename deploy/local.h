/* local: a process of a fleet on this machine: a child with its descriptors and its log file. */

#ifndef DEPLOY_LOCAL_H
#define DEPLOY_LOCAL_H

#include "deploy/spec.h"

#include <stdint.h>

struct child;
struct loop;
struct ports;

struct local {
    struct spec spec;          /* .cores is filled in here */
    const struct ports *ports; /* for the broker */
    int parent_fd;             /* the pipe whose end means that the supervisor is gone */
};

/* The file that gets what it says; NULL for the learner, which shares our terminal. Freed with
 * free(). */
char *local_log(const struct plan *plan, enum plan_role role, int number);

/* Each child has a session of its own: the terminal's signals reach the supervisor alone, which
 * ends them in order. Workers and broker write to output_dir/logs; the learner shares our
 * terminal. Errors: ERR_IO names the program. */
enum err local_start(struct child **out, struct loop *loop, const struct local *local,
                     enum err (*ended)(void *self, struct child *child, int status, int signal,
                                       int64_t now_ms),
                     void *self) MUST_CHECK;

#endif

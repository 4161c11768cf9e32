/* memory_limit: how much memory this process may use: the machine's, or less where a control group
 * bounds it (a container, a batch job, a slice of systemd), in either version of the kernel's
 * groups. What plans memory and what watches it read the one figure. */

#ifndef BASE_MEMORY_LIMIT_H
#define BASE_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct memory_limit {
    uint64_t bytes;     /* that may be used; 0: not known */
    uint64_t available; /* of them now, what the kernel would give back counted in */
    uint64_t oom_kills; /* processes that the kernel ended for lack of it, machine and group */
    bool grouped;       /* a group's, not the machine's */
};

/* As it is now; what cannot be read stays 0. */
void memory_limit_look(struct memory_limit *out);
/* The same of another /proc and another tree of groups. */
void memory_limit_look_in(struct memory_limit *out, const char *proc, const char *groups);

/* The number behind `key` in a text of lines "KEY NUMBER" or "KEY: NUMBER"; 0 without. */
uint64_t memory_limit_figure(const char *text, const char *key);

#endif

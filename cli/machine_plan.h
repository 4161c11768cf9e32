/* machine_plan: what this machine is to those who compute on it, and how it is best shared out: for `drover
 * doctor`. */

#ifndef CLI_MACHINE_PLAN_H
#define CLI_MACHINE_PLAN_H

#include "base/cpu_limit.h"

#include <stdint.h>
#include <stdio.h>

enum { MACHINE_PLAN_WORD = 16 };

struct machine_plan {
    struct cpu_limit cpu;
    int nodes,
        caches; /* NUMA nodes and last-level caches of the processors that are ours; 0: not known */
    uint64_t cache_bytes; /* of one of these caches */
    char pages[MACHINE_PLAN_WORD],
        shared_pages[MACHINE_PLAN_WORD]; /* what transparent huge pages are set
                              to, for memory of a process and for pages that processes share; "": unknown */
    /* The plan: so many actors of so many threads, a learner of so many: they take turns. */
    int actors, actor_threads, learner_threads;
};

/* As it is now; folders as "/proc", "/sys" and "/sys/fs/cgroup", but for tests. What cannot be read is 0. */
void machine_plan_look(struct machine_plan *out, const char *proc, const char *sys,
                       const char *groups);

/* Lines for people. `seconds`: how long products and memory are measured, on all threads of the plan;
 * 0: not at all. */
void machine_plan_print(const struct machine_plan *plan, double seconds, FILE *to);

#endif

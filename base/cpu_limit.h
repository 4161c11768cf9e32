/* cpu_limit: on how many processors this process may compute at once: those that it is bound to
 * (sched_setaffinity(2), taskset, cpusets), or less where a control group's quota bounds its time. */

#ifndef BASE_CPU_LIMIT_H
#define BASE_CPU_LIMIT_H

struct cpu_limit {
    int cores;    /* at least 1: threads that compute should be no more */
    int machine;  /* processors that are online */
    int affinity; /* of them those that it may run on */
    double quota; /* processors' worth of time; 0: no bound */
};

/* As it is now, of the calling process. */
void cpu_limit_look(struct cpu_limit *out);
/* The same of another /proc and another tree of groups; `machine` as it is. */
void cpu_limit_look_in(struct cpu_limit *out, const char *proc, const char *groups);

#endif

/* paced: a broker among actors of given speeds, in simulated time: how long iterations take.
 *
 * An iteration is a batch of tasks that the learner opens at once; the next one begins when all of
 * its answers are there (overlap: none). Lengths follow from task and sample alone, as answers do. */

#ifndef TESTS_BROKER_PACED_H
#define TESTS_BROKER_PACED_H

#include "broker/broker.h"

#include <stdbool.h>

enum { PACED_HOSTS = 64, PACED_WORKS = 512, PACED_STEP_MS = 10, PACED_SAMPLES = 8 };

struct paced_work {
    uint64_t task, lease;
    uint32_t sample, length;
    double done; /* tokens */
    bool written;
};

struct paced_host {
    double speed; /* tokens per ms and slot */
    uint32_t slots;
    int64_t stop_ms, go_ms;    /* stands still, and is not heard, in between */
    int64_t every_ms, runs_ms; /* of each `every_ms` it runs so long; 0: always */
    int64_t link_ms;           /* what a version takes to it */
    /* its state */
    struct broker_member *member;
    struct paced_work work[PACED_WORKS];
    uint32_t works, freed;
    uint64_t seen, progress, version, newest; /* version: held */
    int64_t said_ms, newest_ms;
    uint64_t tokens; /* of answers that it wrote */
};

struct paced {
    struct paced_host host[PACED_HOSTS];
    uint32_t hosts, tasks, iterations; /* tasks: of an iteration */
    uint32_t mean, most;               /* tokens of answers */
    int64_t took_ms[64];               /* each iteration */
    uint64_t generated;                /* answers written, with those that nobody needed */
    uint64_t moved, copied;            /* as the broker counted */
    struct paced_run *run;
};

/* Plays all iterations. False: one took longer than an hour. */
bool paced_play(struct paced *paced);
/* Mean of the iterations from `first` on. */
double paced_mean_ms(const struct paced *paced, uint32_t first);

#endif

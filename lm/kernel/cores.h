/* cores: on how many threads this process computes. What OpenMP finds is the mask of processors alone; a
 * control group's quota counts, too (base/cpu_limit.h). */

#ifndef LM_KERNEL_CORES_H
#define LM_KERNEL_CORES_H

#include "base/conf.h"

enum { CORES_MAX = 1024 };

/* The key of whatever computes, of an `int threads`: what cores_choose takes. */
#define CORES_KEY(s) \
    CONF_AUTO(s, threads, CORES_MAX, \
              "threads that compute; auto: OMP_NUM_THREADS, else the cores that it may use")

/* Chooses for the process, and for this thread: `wanted` threads; 0: OMP_NUM_THREADS, or, where that is
 * not set, as many as it may use. Called before a model is made; returns the number. */
int cores_choose(int wanted);

/* What was chosen (as cores_choose(0) if nothing was), for this thread: OpenMP's number is each thread's
 * own, so each that computes says it first. */
void cores_thread(void);

#endif

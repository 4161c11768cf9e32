/* OpenMP keeps its number of threads a thread: omp_set_num_threads in main says nothing to the thread
 * that computes, which would begin with OMP_NUM_THREADS or all processors of the mask. So the number
 * is kept here, once a process. */
#include "lm/kernel/cores.h"

#include "base/cpu_limit.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int chosen;

int cores_choose(int wanted)
{
    const char *told = getenv("OMP_NUM_THREADS");
    const long by_told =
        told ? strtol(told, NULL, 10) : 0; /* of a list, a number a level: the first */
    struct cpu_limit limit;

    if (!wanted && by_told > 0)
        wanted = (int)(by_told < CORES_MAX ? by_told : CORES_MAX);
    if (!wanted) {
        cpu_limit_look(&limit);
        wanted = limit.cores;
    }
    atomic_store(&chosen, wanted);
    omp_set_num_threads(wanted);
    return wanted;
}

void cores_thread(void)
{
    const int n = atomic_load(&chosen);

    if (n)
        omp_set_num_threads(n);
    else
        cores_choose(0);
}

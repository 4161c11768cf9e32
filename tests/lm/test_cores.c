/* cores: a thread that computes has the number that was chosen, though OpenMP keeps its own for each. */

#define _GNU_SOURCE
#include "base/cpu_limit.h"
#include "lm/kernel/cores.h"
#include "tests/support/test.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

static int in_parallel(void)
{
    int n = 0;

#pragma omp parallel reduction(+ : n)
    n++;
    return n;
}

static void *bare(void *self)
{
    (void)self;
    return (void *)(intptr_t)in_parallel();
}

static void *said(void *self)
{
    (void)self;
    cores_thread();
    return (void *)(intptr_t)in_parallel();
}

static int in_thread(void *(*run)(void *))
{
    pthread_t thread;
    void *out;

    assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
    assert_int_equal(pthread_join(thread, &out), 0);
    return (int)(intptr_t)out;
}

static void a_number_is_kept_for_every_thread(void **state)
{
    (void)state;
    assert_int_equal(cores_choose(3), 3);
    assert_int_equal(in_parallel(), 3);
    assert_int_equal(in_thread(said), 3);
    assert_int_equal(cores_choose(5), 5);
    assert_int_equal(in_thread(said), 5);
    /* why cores_thread is there: without it a thread does not know */
    assert_int_not_equal(in_thread(bare), 5);
}

static void auto_follows_the_mask_and_the_variable(void **state)
{
    cpu_set_t all, first;
    struct cpu_limit limit;
    size_t cpu = 0;

    (void)state;
    cpu_limit_look(&limit);
    unsetenv("OMP_NUM_THREADS");
    assert_int_equal(cores_choose(0), limit.cores);
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&first);
    CPU_SET(cpu, &first);
    assert_int_equal(sched_setaffinity(0, sizeof first, &first), 0);
    assert_int_equal(cores_choose(0), 1);
    assert_int_equal(in_thread(said), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    setenv("OMP_NUM_THREADS", "7,2", 1);
    assert_int_equal(cores_choose(0), 7);
    setenv("OMP_NUM_THREADS", "many", 1);
    assert_int_equal(cores_choose(0), limit.cores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_kept_for_every_thread),
        cmocka_unit_test(auto_follows_the_mask_and_the_variable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The broker among simulated peers and faults. DROVER_SIM_SEEDS says how many seeds of each
 * kind, DROVER_SIM_FIRST the first one; a seed that fails is printed with its kind. */

#include "tests/support/test.h"

#include "base/log.h"
#include "tests/broker/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim sim;

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void many(uint32_t faults, uint64_t seeds)
{
    const uint64_t first = number("DROVER_SIM_FIRST", 0), n = number("DROVER_SIM_SEEDS", seeds);
    uint64_t twice = 0, samples = 0, moved = 0, copied = 0;

    for (uint64_t seed = first; seed < first + n; seed++) {
        const bool good = sim_run(&sim, seed, faults);

        if (!good)
            fail_msg("seed %llu, faults %u: %s", (unsigned long long)seed, faults, sim.words);
        twice += sim.twice;
        samples += sim.tasks * sim.samples;
        moved += sim.moved;
        copied += sim.copied;
        sim_fini(&sim);
    }
    printf("           faults %4u: %llu seeds, %llu samples, %llu written more than once, %llu "
           "moved, %llu copied\n",
           faults, (unsigned long long)n, (unsigned long long)samples,
           (unsigned long long)twice, (unsigned long long)moved, (unsigned long long)copied);
}

static void without_faults_all_is_done_once(void **state)
{
    (void)state;
    many(0, 200);
}

static void one_kind_of_fault_at_a_time(void **state)
{
    (void)state;
    for (uint32_t fault = SIM_KILL_BROKER; fault <= SIM_CANCEL; fault *= 2)
        many(fault, 60);
}

static void two_kinds_of_fault_at_a_time(void **state)
{
    (void)state;
    for (uint32_t one = SIM_KILL_BROKER; one <= SIM_CANCEL; one *= 2)
        for (uint32_t two = 2 * one; two <= SIM_CANCEL; two *= 2)
            many(one | two, 12);
}

static void all_faults_at_once(void **state)
{
    (void)state;
    many(2 * SIM_CANCEL - 1, 700);
}

static void a_broker_that_restarts_wastes_no_work(void **state)
{
    uint64_t twice = 0, given = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        assert_true(sim_run(&sim, seed, SIM_KILL_BROKER));
        twice += sim.twice;
        given += sim.copied + sim.late;
        sim_fini(&sim);
    }
    assert_true(twice <= given); /* claims come within the second that it waits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_all_is_done_once),
        cmocka_unit_test(one_kind_of_fault_at_a_time),
        cmocka_unit_test(two_kinds_of_fault_at_a_time),
        cmocka_unit_test(all_faults_at_once),
        cmocka_unit_test(a_broker_that_restarts_wastes_no_work),
    };

    if (log_level("error"))
        return 1;
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}

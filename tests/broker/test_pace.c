/* What slow, stuck and late hosts cost the others: iterations in simulated time, with them and
 * without. */

#include "tests/support/test.h"

#include "base/log.h"
#include "tests/broker/paced.h"

#include <stdio.h>

static struct paced paced;
static const double FAST = .05; /* tokens per ms and slot */

/* `n` hosts of 8 slots that do a token in 20 ms, and `more`, whose speed is set afterwards; 8
 * rounds of answers of 64 tokens on the average. */
static void fleet(uint32_t n, uint32_t more)
{
    paced = (struct paced){
        .hosts = n + more, .tasks = 8 * n, .iterations = 6, .mean = 64, .most = 256};
    for (uint32_t i = 0; i < n + more; i++)
        paced.host[i] = (struct paced_host){.speed = FAST, .slots = 8};
}

static double play(const char *what, double than)
{
    double ms;

    assert_true(paced_play(&paced));
    ms = paced_mean_ms(&paced, 0);
    printf("           %-34s %6.0f ms an iteration", what, ms);
    for (uint32_t k = 0; k < paced.iterations; k++)
        printf(" %lld", (long long)paced.took_ms[k]);
    printf("  (%llu written, %llu moved, %llu copied)", (unsigned long long)paced.generated,
           (unsigned long long)paced.moved, (unsigned long long)paced.copied);
    if (than > 0)
        printf("  x %.3f", ms / than);
    printf("\n");
    return ms;
}

static double alone(void)
{
    fleet(4, 0);
    return play("four hosts", 0);
}

static void a_dead_slow_host_costs_a_tenth_at_most(void **state)
{
    const double than = alone();

    (void)state;
    for (int k = 1; k <= 2; k++) {
        fleet(4, 1);
        paced.host[k == 1 ? 4 : 0].speed /= 50; /* the last to come, the first */
        if (k == 2)
            paced.host[4].speed = FAST;
        assert_true(play("and one of 1/50", than) <= 1.1 * than);
    }
    fleet(4, 1);
    paced.host[4].every_ms = 1000;
    paced.host[4].runs_ms = 20;
    assert_true(play("and one that runs 20 ms a second", than) <= 1.1 * than);
}

static void a_host_that_stops_costs_little(void **state)
{
    const double than = alone();

    (void)state;
    fleet(4, 1);
    paced.host[4].stop_ms = 5000;
    paced.host[4].go_ms = 65000;
    assert_true(play("and one that stops for 60 s", than) <= 1.1 * than);
}

static void weights_that_come_late_cost_nothing(void **state)
{
    const double than = alone();

    (void)state;
    fleet(4, 1);
    paced.host[4].link_ms = 1000000; /* never in time */
    assert_true(play("and one whose weights never come", than) <= 1.02 * than);
}

static void who_is_half_as_fast_does_its_half(void **state)
{
    double than;

    (void)state;
    fleet(4, 0);
    paced.tasks *= 4;
    than = play("four hosts, four times the work", 0);
    fleet(4, 4);
    for (int i = 4; i < 8; i++)
        paced.host[i].speed /= 2;
    paced.tasks *= 4;
    assert_true(play("and four of half the speed", than) <= .75 * than); /* 2/3 at best */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_slow_host_costs_a_tenth_at_most),
        cmocka_unit_test(a_host_that_stops_costs_little),
        cmocka_unit_test(weights_that_come_late_cost_nothing),
        cmocka_unit_test(who_is_half_as_fast_does_its_half),
    };

    if (log_level("error"))
        return 1;
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}

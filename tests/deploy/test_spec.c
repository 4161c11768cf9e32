/* spec: what each process is told, word by word. */

#include "tests/support/test.h"

#include "deploy/endpoint.h"
#include "deploy/spec.h"

#include <stdio.h>
#include <string.h>

static char *typed[] = {(char *)"prompts.yaml", (char *)"seed=1", NULL};
static struct plan plan = {.method = "ppo",
                           .output_dir = "runs/a",
                           .actors = 2,
                           .rewarders = 1,
                           .actor_isa = (char *)"avx2,scalar",
                           .worker = {{"mine", "python3 reward.py", 1, false}},
                           .n_workers = 1,
                           .learner = typed};
static const struct endpoint fleet = {.control = "tcp://h:1"};

/* Words and environment with blanks between; "|" before the environment. */
static const char *told(enum plan_role role, int number, bool again)
{
    static char text[1024];
    struct spec_told all;
    int n = 0;

    spec_make(&all, &(struct spec){role, number, &plan, &fleet, "k", 8, again});
    for (size_t i = 0; i < all.n_words; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s ", all.word[i]);
    assert_null(all.word[all.n_words]);
    n += snprintf(text + n, sizeof text - (size_t)n, "|");
    for (int i = 0; i < SPEC_ENVIRONMENT && all.env[i]; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %s", all.env[i]);
    spec_free(&all);
    return text;
}

static void each_role_is_told_its_own(void **state)
{
    (void)state;
    assert_string_equal(told(PLAN_BROKER, 0, false),
                        "drover-broker --keys=k | OMP_WAIT_POLICY=passive");
    assert_string_equal(
        told(PLAN_LEARNER, 0, false),
        "drover-learner ppo prompts.yaml seed=1 broker=tcp://h:1 broker_key=k | "
        "OMP_WAIT_POLICY=passive DROVER_TYPED=drover");
    assert_string_equal(told(PLAN_REWARDER, 1, false),
                        "drover-rewarder --broker=tcp://h:1 --key=k --name=rewarder-1 | "
                        "OMP_WAIT_POLICY=passive");
    assert_string_equal(told(PLAN_WORKER, 1, false),
                        "sh -c python3 reward.py | DROVER_BROKER=tcp://h:1 DROVER_KEY=k "
                        "DROVER_WORKER=mine");
}

/* Another port than its own a broker has to be told; a host alone it need not be. */
static void a_port_that_others_dial_is_told(void **state)
{
    static const struct {
        const char *as, *host, *told;
        int port;
    } rows[] = {
        {"", "", NULL, 0},
        {"head.example", "head.example", NULL, 0},
        {"head.example:7000", "head.example", " --advertise=head.example:7000 ", 7000},
        {"tcp://[fd00::7]:7000", "fd00::7", " --advertise=tcp://[fd00::7]:7000 ", 7000},
        {"fd00::7", "fd00::7", NULL, 0},
        {"[fd00::7]", "fd00::7", NULL, 0},
    };
    static const char *const bad[] = {"head:0", "head:x", "head:65531",
                                      ":7",     "a b",    "[fd00::7"};
    char host[PLAN_HOST];
    int port;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plan.advertise = (char *)(uintptr_t)rows[i].as;
        assert_ok(plan_reached(host, &port, &plan));
        assert_string_equal(host, rows[i].host);
        assert_int_equal(port, rows[i].port);
        if (rows[i].told)
            assert_non_null(strstr(told(PLAN_BROKER, 0, false), rows[i].told));
        else
            assert_null(strstr(told(PLAN_BROKER, 0, false), "--advertise"));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        plan.advertise = (char *)(uintptr_t)bad[i];
        if (plan_reached(host, &port, &plan) != ERR_RANGE)
            fail_msg("taken: %s", bad[i]);
    }
    plan.advertise = NULL;
}

/* A program of the user's dials one address. */
static void a_worker_is_told_one_address(void **state)
{
    const struct endpoint two = {.control = "tcp://h:1,tcp://i:2"};
    struct spec_told all;

    (void)state;
    spec_make(&all, &(struct spec){PLAN_WORKER, 1, &plan, &two, "k", 8, false});
    assert_string_equal(all.env[0], "DROVER_BROKER=tcp://h:1");
    spec_free(&all);
    spec_make(&all, &(struct spec){PLAN_ACTOR, 1, &plan, &two, "k", 8, false});
    assert_string_equal(all.word[1], "--broker=tcp://h:1,tcp://i:2");
    spec_free(&all);
}

/* One address: one process of the machine gives what it has to other machines. */
static void the_first_actor_serves_others(void **state)
{
    (void)state;
    plan.serve = (char *)"tcp://*:7000";
    plan.nice = 7;
    assert_non_null(strstr(told(PLAN_ACTOR, 1, false), " --serve=tcp://*:7000 --nice=7 "));
    assert_null(strstr(told(PLAN_ACTOR, 2, false), "--serve"));
    assert_null(strstr(told(PLAN_REWARDER, 1, false), "--serve"));
    plan.serve = NULL;
    plan.nice = 0;
}

/* Eight cores for two actors; the instruction sets in turn. */
static void actors_share_the_cores(void **state)
{
    (void)state;
    assert_string_equal(told(PLAN_ACTOR, 2, false),
                        "drover-actor --broker=tcp://h:1 --key=k --name=actor-2 | "
                        "OMP_WAIT_POLICY=passive OMP_NUM_THREADS=4 DROVER_ISA=scalar");
    plan.slots = 3;
    plan.actor_threads = 5;
    assert_string_equal(told(PLAN_ACTOR, 3, false),
                        "drover-actor --broker=tcp://h:1 --key=k --name=actor-3 --slots=3 | "
                        "OMP_WAIT_POLICY=passive OMP_NUM_THREADS=5 DROVER_ISA=avx2");
}

/* The second start of a learner must not refuse the folder of the first. */
static void a_learner_that_comes_again_goes_on(void **state)
{
    (void)state;
    assert_non_null(strstr(told(PLAN_LEARNER, 0, true), "seed=1 overwrite_output_dir=false "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_is_told_its_own),
        cmocka_unit_test(a_port_that_others_dial_is_told),
        cmocka_unit_test(a_worker_is_told_one_address),
        cmocka_unit_test(the_first_actor_serves_others),
        cmocka_unit_test(actors_share_the_cores),
        cmocka_unit_test(a_learner_that_comes_again_goes_on),
    };

    return cmocka_run_group_tests_name("deploy/spec", tests, NULL, NULL);
}

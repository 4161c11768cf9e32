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
        cmocka_unit_test(the_first_actor_serves_others),
        cmocka_unit_test(actors_share_the_cores),
        cmocka_unit_test(a_learner_that_comes_again_goes_on),
    };

    return cmocka_run_group_tests_name("deploy/spec", tests, NULL, NULL);
}

/* fixture_setup: the fixture of a file of tests, opened before each and closed after it. */

#ifndef TESTS_BROKER_FIXTURE_SETUP_H
#define TESTS_BROKER_FIXTURE_SETUP_H

#include "tests/broker/fixture.h"

enum { L = FIXTURE_LEARNER, A = FIXTURE_ACTOR, B = FIXTURE_ACTOR + 1, R = FIXTURE_REWARDER };

static struct broker_fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

/* A learner with n scorers, two actors, a rewarder of rules; all of them heard, none answered.
 */
static inline void all_here(const struct scorer *scorer, uint32_t n)
{
    fixture_learner(&fixture, 1, scorer, n);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_actor(&fixture, B, NULL, 0);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    fixture_learner_hb(&fixture, 1 << 20, 0, 0, NULL, 0);
    fixture_pass(&fixture, 1000);
    fixture_forget(&fixture);
}

#endif

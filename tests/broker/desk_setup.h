/* desk_setup: the desk of a file of tests, opened before each and closed after it. */

#ifndef TESTS_BROKER_DESK_SETUP_H
#define TESTS_BROKER_DESK_SETUP_H

#include "tests/broker/desk.h"

enum { L = DESK_LEARNER, A = DESK_ACTOR, B = DESK_ACTOR + 1, R = DESK_REWARDER };

static struct desk desk;

static int setup(void **state)
{
    (void)state;
    desk_open(&desk);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    desk_close(&desk);
    return 0;
}

/* A learner with n scorers, two actors, a rewarder of rules; all of them heard, none answered.
 */
static inline void all_here(const struct scorer *scorer, uint32_t n)
{
    desk_learner(&desk, 1, scorer, n);
    desk_actor(&desk, A, NULL, 0);
    desk_actor(&desk, B, NULL, 0);
    desk_rewarder(&desk, R, SCORER_RULE, "");
    desk_learner_hb(&desk, 1 << 20, 0, 0, NULL, 0);
    desk_pass(&desk, 1000);
    desk_forget(&desk);
}

#endif

/* fixture_written: a task whose answers are all written, and the tickets that come of it. */

#ifndef TESTS_BROKER_FIXTURE_WRITTEN_H
#define TESTS_BROKER_FIXTURE_WRITTEN_H

#include "tests/broker/fixture_ticket.h"

enum { S = FIXTURE_REWARDER + 1 };

/* A task of n samples, all written. */
static void written(const struct scorer *scorer, uint32_t scorers, uint32_t n)
{
    fixture_learner(&fixture, 1, scorer, scorers);
    fixture_learner_hb(&fixture, 1 << 20, 0, 0, NULL, 0);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_open_task(&fixture, 0, n, 0);
    for (uint32_t i = 0; i < n; i++)
        assert_ok(fixture_rollout(&fixture, A, 0, i, 1, 0));
    fixture_forget(&fixture);
}

#endif

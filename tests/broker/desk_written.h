/* desk_written: a task whose answers are all written, and the tickets that come of it. */

#ifndef TESTS_BROKER_DESK_WRITTEN_H
#define TESTS_BROKER_DESK_WRITTEN_H

#include "tests/broker/desk_setup.h"

#include <string.h>

enum { S = DESK_REWARDER + 1 };

static struct msg_item item[16];

/* A task of n samples, all written. */
static void written(const struct scorer *scorer, uint32_t scorers, uint32_t n)
{
    desk_learner(&desk, 1, scorer, scorers);
    desk_learner_hb(&desk, 1 << 20, 0, 0, NULL, 0);
    desk_actor(&desk, A, NULL, 0);
    desk_open_task(&desk, 0, n, 0);
    for (uint32_t i = 0; i < n; i++)
        assert_ok(desk_rollout(&desk, A, 0, i, 1, 0));
    desk_forget(&desk);
}

/* The oldest ticket to a rewarder; its items live until the next. */
static struct msg_ask ticket(uint32_t to)
{
    const struct msg *msg = desk_said(&desk, to, MSG_ASK);
    struct msg_ask ask;

    assert_non_null(msg);
    ask = msg->ask;
    memcpy(item, ask.item, ask.n_item * sizeof *item);
    ask.item = item;
    return ask;
}

#endif

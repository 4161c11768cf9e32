/* fixture_ticket: the tickets that a rewarder of the fixture gets. */

#ifndef TESTS_BROKER_FIXTURE_TICKET_H
#define TESTS_BROKER_FIXTURE_TICKET_H

#include "tests/broker/fixture_setup.h"

#include <string.h>

static struct msg_item item[16];

/* The oldest ticket to a rewarder; its items live until the next. */
static struct msg_ask ticket(uint32_t to)
{
    const struct msg *msg = fixture_said(&fixture, to, MSG_ASK);
    struct msg_ask ask;

    assert_non_null(msg);
    ask = msg->ask;
    memcpy(item, ask.item, ask.n_item * sizeof *item);
    ask.item = item;
    return ask;
}

#endif

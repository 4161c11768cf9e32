/* every_stats: the example of STATS, which every.c gives. */

#ifndef TESTS_PROTO_EVERY_STATS_H
#define TESTS_PROTO_EVERY_STATS_H

#include "proto/msg.h"

/* Its head is kept. What it points to lives on until the next call. */
struct msg every_stats(struct msg msg);

#endif

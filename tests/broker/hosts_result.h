/* hosts_result: how one of the simulated hosts fared. */

#ifndef TESTS_BROKER_HOSTS_RESULT_H
#define TESTS_BROKER_HOSTS_RESULT_H

#include <stdbool.h>
#include <stdint.h>

enum { HOSTS_MAX = 80, HOSTS_LEARNER = 0 };

struct hosts_result {
    int64_t done_ms;          /* when it had all; 0: not */
    uint64_t in, out;         /* bytes of pieces */
    int parents, turned_away; /* PARENTs that it heard; children that were no guests */
    bool whole;
};

#endif

/* comings: how much the log says of who comes and goes. Inside broker/ only. */

#ifndef BROKER_COMINGS_H
#define BROKER_COMINGS_H

#include <stdbool.h>
#include <stdint.h>

struct comings {
    int64_t from_ms; /* of the second that is counted */
    uint32_t lines, untold;
};

/* May another line of it be written? What was not is counted, and said a second later. */
bool comings_told(struct comings *comings, int64_t now_ms);

#endif

/* again: the timer that tries full pipes again. Inside broker/ only. */

#ifndef BROKER_AGAIN_H
#define BROKER_AGAIN_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct loop;

struct again { /* begins as zeros but for the pointers, all borrowed */
    struct loop *loop;
    struct broker *broker;
    int64_t *now_ms; /* set before the broker is called */
    bool runs;
};

/* After each event: if something waits, the broker is called soon, whatever comes or does not
 * come meanwhile, until nothing does. */
enum err again_soon(struct again *again) MUST_CHECK;

#endif

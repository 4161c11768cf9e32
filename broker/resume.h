/* resume: the timer that tries full pipes again. Inside broker/ only. */

#ifndef BROKER_RESUME_H
#define BROKER_RESUME_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct loop;

struct resume { /* begins as zeros but for the pointers, all borrowed */
    struct loop *loop;
    struct broker *broker;
    int64_t *now_ms; /* set before the broker is called */
    bool runs;
};

/* After each event: if something waits, the broker is called soon, whatever comes or does not
 * come meanwhile, until nothing does. */
enum err resume_soon(struct resume *resume) MUST_CHECK;

#endif

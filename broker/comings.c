/* Peers may come, go and ask as often as their keys allow, and a disk has an end: so many lines a
 * second tell of it. The dashboard has the newest of all. */

#include "broker/comings.h"

#include "base/log.h"

enum { LINES_S = 32, SECOND_MS = 1000 };

bool comings_told(struct comings *c, int64_t now_ms)
{
    if (now_ms - c->from_ms >= SECOND_MS) {
        if (c->untold)
            log_info("more", "untold=%u reason=\"of who comes and goes %d lines a second\"",
                     c->untold, LINES_S);
        *c = (struct comings){.from_ms = now_ms};
    }
    c->untold += c->lines >= LINES_S;
    return c->lines++ < LINES_S;
}

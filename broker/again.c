/* A ROUTER does not tell when one of its pipes has room again, so they are tried: the broker
 * itself knows which of them it is time for (backlog.c), and for all there is one timer. */

#include "broker/again.h"

#include "broker/broker.h"
#include "net/loop.h"

/* A pipe of 256 messages of 8 KiB that is read at once is empty after about as long; shorter, and the
 * timer would cost more than it brings. */
enum { RESUME_MS = 2 };

static enum err resume(void *self, int64_t now_ms)
{
    struct again *r = self;

    r->runs = false;
    *r->now_ms = now_ms;
    broker_resume(r->broker, now_ms);
    return again_soon(r);
}

enum err again_soon(struct again *r)
{
    if (r->runs || !broker_waits(r->broker))
        return OK;
    r->runs = true;
    return loop_after(r->loop, RESUME_MS, resume, r);
}

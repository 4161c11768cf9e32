/* One death with work in hand is no reason: its work is given to others at once, and the machine
 * that comes back is as good as before. Two without an answer in between are a worker that dies of
 * what it is given, and each time takes down as much as it had.
 *
 * The memory of those that are gone is a ring, looked through when somebody comes; what is older
 * than MEMORY_MS is not believed any more: a machine may have been repaired meanwhile. */

#include "broker/probation.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_MS = 600000, DEATHS = 2 };

void probation_fini(struct probation *p)
{
    free(p->past);
}

void probation_begin(struct broker_member *m, uint64_t expired, const char *reason)
{
    if (!m->trust)
        log_warn("probation", "peer=%s samples=%llu reason=\"%s\"", m->name,
                 (unsigned long long)expired, reason);
    m->trust = 1;
    m->expired += expired;
    text_print(m->error, sizeof m->error, "on probation: %s", reason);
}

void probation_answer(struct broker_member *m, int64_t credit_max)
{
    m->deaths = 0;
    m->trust *= 2;
    if (m->trust > credit_max)
        m->trust = 0; /* like any other */
}

void probation_come(struct probation *p, struct broker_member *m, int64_t now_ms)
{
    const uint64_t oldest = p->n > PROBATION_MAX ? p->n - PROBATION_MAX : 0;

    for (uint64_t i = p->n; i-- > oldest;) {
        struct probation_past *at = &p->past[i % PROBATION_MAX];

        if (now_ms - at->gone_ms > MEMORY_MS ||
            (memcmp(&at->id, &m->id, sizeof m->id) && strcmp(at->who, m->who) != 0))
            continue;
        m->trust = at->trust;
        m->expired = at->expired;
        m->deaths = at->deaths;
        m->answers = at->answers;
        m->pace_tokens = at->pace_tokens;
        m->pace_ms = at->pace_ms;
        at->gone_ms = now_ms - MEMORY_MS - 1; /* it is here: said once */
        if (m->deaths >= DEATHS)
            probation_begin(m, 0, "it died again and again with work in hand");
        else if (m->trust)
            text_print(m->error, sizeof m->error, "on probation, as when it left");
        return;
    }
}

void probation_gone(struct probation *p, struct broker_member *m, bool died, int64_t now_ms)
{
    struct probation_past *at;

    if (m->role != ROLE_ACTOR)
        return;
    if (!p->past)
        p->past = mem_new(PROBATION_MAX, sizeof *p->past);
    at = &p->past[p->n++ % PROBATION_MAX];
    *at = (struct probation_past){.id = m->id,
                                  .gone_ms = now_ms,
                                  .trust = m->trust,
                                  .expired = m->expired,
                                  .answers = m->answers,
                                  .deaths = m->deaths + (died && m->held),
                                  .pace_tokens = m->pace_tokens,
                                  .pace_ms = m->pace_ms};
    memcpy(at->who, m->who, sizeof at->who);
}

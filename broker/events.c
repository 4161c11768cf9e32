/* A ring of the latest, so that a fleet in which thousands come and go costs no more than one in
 * which nobody does. Why somebody went is in the words of who found out first: its BYE, or the hub.
 * A host whose supervisor is here says more of its own processes (STATS, `host`). */

#include "broker/events.h"

#include "proto/text.h"

#include <string.h>

/* Copies: the member is void soon, and its place in memory another's. */
static struct events_one *add(struct events *events, const struct broker_member *m,
                              int64_t now_ms)
{
    struct events_one *one;

    if (m->role == ROLE_OPERATOR || m->role == ROLE_GUEST || m->role == ROLE_WATCHER)
        return NULL;
    one = &events->one[events->n++ % EVENTS_MAX];
    *one = (struct events_one){.at_ms = now_ms, .role = m->role};
    memcpy(one->name, m->name, sizeof one->name);
    memcpy(one->host, m->host, sizeof one->host);
    memcpy(one->address, m->origin.address, sizeof one->address);
    return one;
}

void events_joined(struct events *events, const struct broker_member *member, int64_t now_ms)
{
    struct events_one *one = add(events, member, now_ms);

    if (one)
        one->joined = true;
}

void events_gone(struct events *events, const struct broker_member *member, bool died,
                 int64_t now_ms)
{
    struct events_one *one = add(events, member, now_ms);

    if (!one)
        return;
    one->died = died;
    text_print(one->cause, sizeof one->cause, "%s%s%s%s%s", member->cause,
               *member->trouble ? ": " : "", member->trouble,
               *member->error ? ", last error: " : "", member->error);
}

uint32_t events_list(const struct events *events, struct msg_stats_event *out, uint32_t max,
                     int64_t now_ms)
{
    uint32_t n = 0;

    for (uint64_t i = events->n; i-- > 0 && n < max && events->n - i <= EVENTS_MAX;) {
        const struct events_one *one = &events->one[i % EVENTS_MAX];
        const int64_t age_ms = now_ms - one->at_ms;

        out[n++] =
            (struct msg_stats_event){.role = one->role,
                                     .age_ms = age_ms > LIMIT_MS ? LIMIT_MS : (uint32_t)age_ms,
                                     .name = one->name,
                                     .host = one->host,
                                     .address = one->address,
                                     .joined = one->joined,
                                     .died = one->died,
                                     .cause = one->cause};
    }
    return n;
}

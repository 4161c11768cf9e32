/* Sixty sums, one a second, and their sum, which is kept by adding the newest and taking away the
 * oldest: what is asked of the last minute costs nothing, and no time is kept. One pass over the
 * members a second fills them.
 *
 * How long is left is told from when the last iterations were done: the mean time of one, less what
 * the present one has had already. */

#include "broker/minute.h"

#include "broker/state.h"
#include "broker/wanted.h"

#include <string.h>

_Static_assert((int)MINUTE_STALE == (int)STATE_STALE, "the same lags");
_Static_assert((int)ROLE_REWARDER < (int)MINUTE_ROLES, "roles that work");

enum { LONG_MS = 20000, MINUTE_NOW = 3 };

static void add(struct minute_count *to, const struct minute_count *from, uint64_t sign)
{
    for (int i = 0; i < MINUTE_ROLES; i++) {
        to->busy_ms[i] += sign * from->busy_ms[i];
        to->idle_ms[i] += sign * from->idle_ms[i];
    }
    for (int i = 0; i < MINUTE_STALE; i++)
        to->stale[i] += sign * from->stale[i];
    to->actors += sign * from->actors;
    to->without += sign * from->without;
}

/* Counters that fell are those of another process, which counts from zero. */
static void count(struct minute_count *second, const struct broker_member *m)
{
    const struct members_count *was =
        m->n_past ? &m->past[(m->n_past - 1) % MEMBERS_RATES] : &m->now;

    if ((int)m->role >= MINUTE_ROLES || m->now.busy_ms < was->busy_ms ||
        m->now.idle_ms < was->idle_ms)
        return;
    second->busy_ms[m->role] += m->now.busy_ms - was->busy_ms;
    second->idle_ms[m->role] += m->now.idle_ms - was->idle_ms;
}

/* So many iterations before the last one that was done; NULL if it is not known. */
static const struct minute_step *step_at(const struct minute *minute, uint32_t back)
{
    return back < minute->n_step && back < MINUTE_STEPS
               ? &minute->step[(minute->n_step - 1 - back) % MINUTE_STEPS]
               : NULL;
}

/* A step that is below the last is another run's, or this run's after its learner took iterations
 * back: what was measured before says nothing of it. */
static void note_step(struct minute *minute, uint64_t step, int64_t now_ms)
{
    const struct minute_step *last = step_at(minute, 0);
    struct minute_step *next;

    if (last && last->step == step)
        return;
    if (last && step < last->step) /* another run */
        minute->n_step = 0;
    next = &minute->step[minute->n_step++ % MINUTE_STEPS];
    next->step = step;
    next->at_ms = now_ms;
    memcpy(next->busy_ms, minute->busy_ms, sizeof next->busy_ms);
    memcpy(next->idle_ms, minute->idle_ms, sizeof next->idle_ms);
}

/* The learner's own actor is left out: it works when others fail, and is idle otherwise. */
void minute_second(struct broker *b)
{
    struct minute *minute = &b->minute;
    struct minute_count *second = &minute->second[minute->n++ % MINUTE_SECONDS];
    const struct version *next = wanted_next(b);

    add(&minute->sum, second, UINT64_MAX); /* -1: sums are taken modulo 2^64 */
    memset(second, 0, sizeof *second);
    for (const struct broker_member *m = b->members.first; m; m = m->next) {
        if (!m->greeted || run_is_own(&b->run, m))
            continue;
        count(second, m);
        if (m->role == ROLE_ACTOR) {
            second->actors++;
            second->without += next && !m->leases && !wanted_held(m, next);
        }
    }
    for (int i = 0; i < MINUTE_STALE; i++) {
        second->stale[i] = b->counters.stale[i] - minute->stale[i];
        minute->stale[i] = b->counters.stale[i];
    }
    add(&minute->sum, second, 1);
    for (int i = 0; i < MINUTE_ROLES; i++) {
        minute->busy_ms[i] += second->busy_ms[i];
        minute->idle_ms[i] += second->idle_ms[i];
    }
    if (b->run.bound)
        note_step(minute, b->run.step, b->now_ms);
}

double minute_idle(const struct minute *minute, uint32_t role)
{
    const double busy = (double)minute->sum.busy_ms[role],
                 idle = (double)minute->sum.idle_ms[role];

    return busy + idle > 0 ? idle / (busy + idle) : 0;
}

/* Over the latest iterations that together took a minute; less than that only where one alone takes
 * LONG_MS. One that takes more than twice as long as they did tells more than they do. */
bool minute_whole(const struct minute *minute, uint32_t role, int64_t now_ms, double *idle)
{
    const struct minute_step *last = step_at(minute, 0), *first = step_at(minute, 1);
    const bool is_long = first && last->at_ms - first->at_ms >= LONG_MS;
    uint32_t n = 1;
    double busy, rest;

    while (step_at(minute, n + 1) && last->at_ms - first->at_ms < MINUTE_SECONDS * 1000)
        first = step_at(minute, ++n);
    if (!first || (!is_long && last->at_ms - first->at_ms < MINUTE_SECONDS * 1000) ||
        (now_ms - last->at_ms) * n > 2 * (last->at_ms - first->at_ms))
        return false;
    busy = (double)(last->busy_ms[role] - first->busy_ms[role]);
    rest = (double)(last->idle_ms[role] - first->idle_ms[role]);
    *idle = busy + rest > 0 ? rest / (busy + rest) : 0;
    return busy + rest > 0;
}

double minute_without(const struct minute *minute)
{
    return minute->sum.actors ? (double)minute->sum.without / (double)minute->sum.actors : 0;
}

double minute_without_now(const struct minute *minute)
{
    uint64_t actors = 0, without = 0;

    for (uint32_t i = 1; i <= MINUTE_NOW && i <= minute->n; i++) {
        const struct minute_count *second = &minute->second[(minute->n - i) % MINUTE_SECONDS];

        actors += second->actors;
        without += second->without;
    }
    return actors ? (double)without / (double)actors : 0;
}

uint64_t minute_left_ms(const struct minute *minute, uint64_t total, int64_t now_ms)
{
    const uint32_t n = minute->n_step < MINUTE_STEPS ? minute->n_step : MINUTE_STEPS;
    const struct minute_step *first, *last;
    double each, left;

    /* Since when the first of them ran is not known: it may have been going when we came. */
    if (n < 3)
        return 0;
    last = &minute->step[(minute->n_step - 1) % MINUTE_STEPS];
    first = &minute->step[(minute->n_step - n + (n < MINUTE_STEPS)) % MINUTE_STEPS];
    if (last->step <= first->step || total <= last->step)
        return 0;
    each = (double)(last->at_ms - first->at_ms) / (double)(last->step - first->step);
    left = each * (double)(total - last->step) - (double)(now_ms - last->at_ms);
    /* Late: one iteration's time at least is what the ones behind it will take. */
    if (left < each * (double)(total - last->step - 1))
        left = each * (double)(total - last->step - 1);
    return left < 1 ? 1 : left < (double)LIMIT_COUNT ? (uint64_t)left : LIMIT_COUNT;
}

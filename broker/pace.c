/* Two sums per actor: tokens of answers, and the time that samples were in its hands (Little's law:
 * their quotient is what one place there yields). To both is added what a usual actor would have
 * done with a full set of slots for one answer: a new actor begins as a usual one, and each answer,
 * or the want of one, moves it away from there. Sums are halved when they are long enough, so that
 * what a machine does now counts more than what it did.
 *
 * What is usual: actors in order of speed, fastest first, each with as many tokens as it does in a
 * ms; the one at which half of all is reached. So a few that are fast and do most are the measure,
 * and a crowd that is slow and does little is not; where all are alike any of them is.
 *
 * Slow is who takes half as long again: below that the figures are noise. A slow one gets a sample
 * only so far back in the queue that the others would not come to it sooner (pace_from): it
 * works for the fleet and nobody waits for it. One that is not heard for QUIET_MS (its heartbeats
 * come each second) counts as standing still before the hub gives it up. */

#include "broker/pace.h"

#include "base/mem.h"
#include "broker/state.h"

#include <stdlib.h>

enum {
    QUIET_MS = 2500,
    SLOW = 3,          /* halves as long as usual */
    PROMPT_MS = 200,   /* who is done so soon makes nobody wait */
    LONG_MS = 1 << 17, /* of time in hand, for each slot: then it is halved */
    LENGTHS = 32,      /* answers over which their length is averaged */
};

void pace_fini(struct pace *pace)
{
    free(pace->sorted);
}

void pace_hold(struct broker_member *m, int64_t more, int64_t now_ms)
{
    const double slots = m->slots ? m->slots : 1;

    if (m->held && now_ms > m->pace_at_ms)
        m->pace_ms += (double)m->held * (double)(now_ms - m->pace_at_ms);
    m->pace_at_ms = now_ms;
    if (!m->held)
        m->held_ms = now_ms;
    m->held = (uint32_t)((int64_t)m->held + more);
    if (m->pace_ms > LONG_MS * slots) {
        m->pace_ms /= 2;
        m->pace_tokens /= 2;
    }
}

void pace_answer(struct broker *b, struct broker_member *m, uint32_t tokens, int64_t now_ms)
{
    struct pace *pace = &b->pace;

    pace_hold(m, 0, now_ms);
    m->pace_tokens += tokens + 1; /* one for the prompt: an answer of none took time, too */
    m->answers++;
    pace->length += pace->length > 0 ? (tokens + 1 - pace->length) / LENGTHS : tokens + 1;
}

/* With what a usual one would have done besides. */
static double speed_of(const struct pace *pace, const struct broker_member *m)
{
    const double ms =
        pace->usual > 0 ? (m->slots ? m->slots : 1) * pace->length / pace->usual : 0;

    if (m->quiet || m->pace_ms + ms <= 0)
        return 0;
    return (m->pace_tokens + pace->usual * ms) / (m->pace_ms + ms);
}

/* What it can have in hand at once. */
static double places(const struct broker_member *m)
{
    return (double)m->held + (m->avail > 0 ? (double)m->avail : 0);
}

static bool is_able(const struct broker *b, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && m->greeted && !m->draining && !m->resting && m->n_image &&
           !run_is_own(&b->run, m);
}

static int falling(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* Pairs of speed and flow, as `sorted` has them. Before the first answers nobody is in it. Nor is
 * anybody when those who brought some are gone: what was usual of them says nothing of who is here
 * now. (Who is only not heard, or rests, is still the measure.) */
static void measure(struct broker *b, bool any)
{
    struct pace *pace = &b->pace;
    double all = 0, sum = 0;
    uint32_t i = 0;

    if (!any)
        pace->usual = 0;
    if (!pace->n_sorted)
        return;
    qsort(pace->sorted, pace->n_sorted, 2 * sizeof *pace->sorted, falling);
    for (uint32_t k = 0; k < pace->n_sorted; k++)
        all += pace->sorted[2 * k + 1];
    while (i + 1 < pace->n_sorted && (sum += pace->sorted[2 * i + 1]) < all / 2)
        i++;
    pace->usual = pace->sorted[2 * i];
}

/* What is usual must not follow from itself: only those count that brought answers, by these
 * alone. */
static void note(struct pace *pace, const struct broker_member *m)
{
    double *at = pace->sorted + (size_t)2 * pace->n_sorted;

    if (!m->answers || m->pace_ms <= 0)
        return;
    at[0] = m->pace_tokens / m->pace_ms;
    at[1] = at[0] * (m->slots ? m->slots : 1);
    pace->n_sorted++;
}

static void judge(struct broker *b, struct broker_member *m)
{
    const struct pace *pace = &b->pace;

    /* Nobody is slow beside nobody. */
    if (pace->usual <= 0) {
        m->speed = 0;
        m->slow = false;
        return;
    }
    m->speed = speed_of(pace, m);
    m->slow =
        m->quiet || (SLOW * m->speed < 2 * pace->usual && pace_takes_ms(b, m) > PROMPT_MS);
    if (is_able(b, m))
        b->pace.flow += m->speed * places(m);
}

void pace_tick(struct broker *b, int64_t now_ms)
{
    struct pace *pace = &b->pace;
    bool any = false; /* who brought answers */

    pace->sorted = mem_grow(pace->sorted, b->members.n + 1, 2 * sizeof *pace->sorted);
    pace->n_sorted = 0;
    pace->flow = 0;
    for (struct broker_member *m = b->members.first; m; m = m->next) {
        if (m->role != ROLE_ACTOR)
            continue;
        pace_hold(m, 0, now_ms);
        m->quiet = now_ms - m->heard_ms > QUIET_MS;
        any |= m->answers > 0;
        if (!m->quiet && is_able(b, m))
            note(pace, m);
    }
    measure(b, any);
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_ACTOR)
            judge(b, m);
}

/* Half is gone in half a minute: after some minutes it gets another try. */
void pace_second(struct broker *b)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_ACTOR && !m->held) {
            m->pace_ms -= m->pace_ms / 45;
            m->pace_tokens -= m->pace_tokens / 45;
        }
}

double pace_takes_ms(const struct broker *b, const struct broker_member *m)
{
    return m->speed > 0 ? b->pace.length / m->speed : (double)LIMIT_MS;
}

double pace_usual_ms(const struct broker *b)
{
    return b->pace.usual > 0 ? b->pace.length / b->pace.usual : 0;
}

/* What is in hand is half done, on the average. */
double pace_from(const struct broker *b, const struct broker_member *m)
{
    const double spare = pace_takes_ms(b, m) - pace_usual_ms(b);
    const double done = b->pace.length > 0 ? spare * b->pace.flow / b->pace.length : 0;

    return m->slow ? done - (double)b->tasks.count[SAMPLE_LEASED] / 2 : 0;
}

/* That a lease lives while its holder's progress moves is the holder's own word: one that
 * counts up and brings nothing could hold every sample for ever. So a lease has an end of its
 * own: OVERDUE times as long as answers usually take here, for as many tokens, and never
 * shorter than the silence that ends a lease; before any answer has come, UNKNOWN times that
 * silence. What is usual is a running median: it moves a sixteenth up or down with each
 * answer, so that a few that are held back on purpose do not stretch it.
 *
 * The end counts only while another actor has room and nothing else to do: an honest machine
 * that is slow is never hurried by a busy fleet, and never when it is alone. It loses nothing
 * either: what it has begun it finishes (REVOKE), and the first answer to come is taken.
 * Called by the pump each tick, after what waits was given out: who has room then has nothing to
 * do. Whose lease was overdue is on probation (probation.h). */

#include "broker/overdue.h"

#include "broker/blame.h"
#include "broker/hold.h"
#include "broker/room.h"

enum { OVERDUE = 8, UNKNOWN = 10, REST_MS = 1000 };

void overdue_learn(struct broker *b, const struct open_task *task, const struct lease *lease,
                   int64_t now_ms)
{
    /* For each token that might have been decoded: limit_ms knows no more of a sample that is
     * not here yet. */
    const int64_t took_us = (now_ms - lease->granted_ms) * 1000 / task->def->decoding.max_new;
    const int64_t step = b->token_us / 16 + 1;
    struct broker_member *holder = lease->holder;

    if (!b->token_us)
        b->token_us = took_us + 1;
    else if (took_us > b->token_us)
        b->token_us += step;
    else if (b->token_us > step)
        b->token_us -= step;
    probation_answer(holder, b->limits.credit_max);
}

static int64_t limit_ms(const struct broker *b, const struct open_task *task)
{
    const int64_t usual = b->token_us * task->def->decoding.max_new / 1000;

    if (!b->token_us)
        return UNKNOWN * b->limits.lease_ms;
    return OVERDUE * usual > b->limits.lease_ms ? OVERDUE * usual : b->limits.lease_ms;
}

/* Is there another one, with nothing to do, that could? */
static bool idle_beside(const struct broker *b, const struct broker_member *holder,
                        const struct open_sample *sample)
{
    const struct room_list *lists[] = {&b->room.prompt, &b->room.slow};

    for (int i = 0; i < 2; i++)
        for (const struct broker_member *m = lists[i]->first; m; m = m->room_next)
            if (m != holder && room_has(b, m) && blame_may(b, m, sample))
                return true;
    return false;
}

/* Looked at last, idle_beside goes over all that have room: only for a lease that is overdue. */
static void take_back(struct broker *b, struct broker_member *m, int64_t now_ms)
{
    for (uint32_t slot = m->lease, next; slot != LEASE_NONE; slot = next) {
        struct lease *lease = &b->leases.slot[slot];
        const struct open_task *task = hold_of(b, lease);

        next = lease->next;
        if (!task || now_ms - lease->granted_ms < limit_ms(b, task) ||
            !idle_beside(b, m, &task->sample[lease->first]))
            continue;
        b->counters.expired += lease->left;
        probation_begin(m, lease->left, "its work was overdue");
        hold_take_back(b, lease, now_ms);
        room_rest(m, REST_MS, now_ms);
    }
}

void overdue_expire(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        take_back(b, m, now_ms);
}

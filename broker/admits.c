/* A ticket has so many uses and a host so many workers (proto/registrar_admit.c), so that a yes
 * costs what was allowed. A no, or the same use said again, costs the head a look at the folder
 * and can be asked for without end: so few orders of one key wait at once, after a no the next one
 * waits a second, and no key has more than ADMITS_SECOND. A joiner asks each two seconds, and may
 * be one of thousands with the same ticket: what is dropped here it asks again.
 *
 * Keys lie in a short table, of which the one that asked longest ago makes way. */

#include "broker/admits.h"

#include "base/log.h"

enum { SECOND_MS = 1000 };

static struct admits_key *find(struct admits *a, const struct hash *key)
{
    struct admits_key *oldest = a->of;

    for (int i = 0; i < ADMITS_KEYS; i++) {
        if (a->of[i].asked_ms && hash_same(&a->of[i].key, key))
            return &a->of[i];
        if (a->of[i].asked_ms < oldest->asked_ms)
            oldest = &a->of[i];
    }
    *oldest = (struct admits_key){.key = *key};
    return oldest;
}

static bool is_due(struct admits_key *of, int64_t now_ms)
{
    if (of->waiting && now_ms - of->asked_ms >= ADMITS_LOST_MS)
        of->waiting = 0;
    if (now_ms - of->from_ms >= SECOND_MS) {
        of->from_ms = now_ms;
        of->said = 0;
    }
    return of->waiting < ADMITS_WAIT && of->said < ADMITS_SECOND &&
           (!of->no_ms || now_ms - of->no_ms >= ADMITS_NO_MS);
}

static void drop(struct admits *a, int64_t now_ms)
{
    a->dropped++;
    if (a->told && now_ms - a->told_ms < SECOND_MS)
        return;
    log_info("admit", "dropped=%llu reason=\"asked more often than is answered\"",
             (unsigned long long)(a->dropped - a->told));
    a->told = a->dropped;
    a->told_ms = now_ms;
}

bool admits_may(struct admits *a, const struct hash *key, int64_t now_ms)
{
    struct admits_key *const of = find(a, key);

    if (!is_due(of, now_ms)) {
        drop(a, now_ms);
        return false;
    }
    of->asked_ms = now_ms > 0 ? now_ms : 1;
    of->waiting++;
    of->said++;
    return true;
}

void admits_answered(struct admits *a, const struct hash *key, bool ok, int64_t now_ms)
{
    for (int i = 0; i < ADMITS_KEYS; i++) {
        struct admits_key *const of = &a->of[i];

        if (!of->asked_ms || !hash_same(&of->key, key))
            continue;
        of->waiting -= of->waiting > 0;
        of->no_ms = ok ? 0 : now_ms;
    }
}

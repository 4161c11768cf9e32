/* A worker that says no number (0: of another make, or older than the number) is not compared. Who
 * was turned away ends; its supervisor may start it again and again, so it is a wait with a name
 * for a minute after the last time. */

#include "broker/unlike.h"

#include "base/log.h"
#include "proto/text.h"

enum { LATELY_MS = 60000 };

static bool is_unlike(const struct broker *b, uint32_t role, uint32_t numerics)
{
    return (role == ROLE_ACTOR || role == ROLE_REWARDER) && b->run.bound && b->run.numerics &&
           numerics && numerics != b->run.numerics;
}

bool unlike_lately(const struct broker *b, int64_t now_ms)
{
    return b->unlike.count && now_ms - b->unlike.last_ms < LATELY_MS;
}

static void note(struct broker *b, const char *name, uint32_t numerics, int64_t now_ms)
{
    struct unlike *const u = &b->unlike;

    if (!unlike_lately(b, now_ms))
        u->since_ms = now_ms;
    u->count++;
    u->last_ms = now_ms;
    text_print(u->words, sizeof u->words,
               "%s turned away: its build computes other bits (numerics %u) than the learner's "
               "(numerics %u); give its machine the learner's build of drover",
               name, numerics, b->run.numerics);
    log_warn("unlike", "peer=%s numerics=%u learner=%u count=%llu", name, numerics,
             b->run.numerics, (unsigned long long)u->count);
}

bool unlike_admits(struct broker *b, const struct msg_hello *hello, enum refuse_code *code,
                   const char **words, int64_t now_ms)
{
    char name[MEMBERS_NAME];

    if (!is_unlike(b, hello->role, hello->numerics))
        return true;
    text_print(name, sizeof name, "%s", hello->name);
    note(b, name, hello->numerics, now_ms);
    *code = REFUSE_NUMERICS;
    *words = b->unlike.words;
    return false;
}

void unlike_bound(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (is_unlike(b, (uint32_t)m->role, m->numerics)) {
            note(b, m->name, m->numerics, now_ms);
            outbox_refuse(&b->outbox, m, REFUSE_NUMERICS, b->unlike.words);
        }
}

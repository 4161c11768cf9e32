/* A build that says its number is wrong, or a machine that computes otherwise than others of its
 * kind (a broken unit, a flag of the compiler), is found by golden numbers, which HELLO and each
 * heartbeat bring: compared before a lease names the image, for an actor says that it holds one
 * together with its number, and the learner's was here with the version.
 *
 * A worker that says no number (0: of another make, or older than the number) is not compared. Who
 * was turned away ends; its supervisor may start it again and again, so it is a wait with a name
 * for a minute after the last time. */

#include "broker/unlike.h"

#include "base/log.h"
#include "broker/hold.h"
#include "broker/room.h"
#include "proto/text.h"

#include <string.h>

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

static void count(struct unlike *u, bool lately, int64_t now_ms)
{
    if (!lately)
        u->since_ms = now_ms;
    u->count++;
    u->last_ms = now_ms;
}

static void note(struct broker *b, const char *name, uint32_t numerics, int64_t now_ms)
{
    struct unlike *const u = &b->unlike;

    count(u, unlike_lately(b, now_ms), now_ms);
    text_print(u->words, sizeof u->words,
               "%s turned away: its build computes other bits (numerics %u) than the learner's "
               "(numerics %u); give its machine the learner's build of drover",
               name, numerics, b->run.numerics);
    log_warn("unlike", "peer=%s numerics=%u learner=%u count=%llu", name, numerics,
             b->run.numerics, (unsigned long long)u->count);
}

/* The first image with which it computes something else than the learner; -1: none is known. */
static int other_bits(const struct broker *b, const struct version *image,
                      const uint32_t *golden, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t ours = run_golden(&b->run, &image[i]);

        if (ours && golden[i] && golden[i] != ours)
            return (int)i;
    }
    return -1;
}

static void note_golden(struct broker *b, const char *name, const char *build, const char *isa,
                        const struct version *image, uint32_t golden, int64_t now_ms)
{
    struct unlike *const u = &b->unlike;
    const uint32_t ours = run_golden(&b->run, image);

    count(u, unlike_lately(b, now_ms), now_ms);
    text_print(
        u->words, sizeof u->words,
        "%s turned away: with the weights of version %llu its machine (build %s, %s) "
        "computes other bits (golden number %08x) than the learner's (%08x); give it the "
        "learner's build of drover, or another machine",
        name, (unsigned long long)image->number, build, isa && *isa ? isa : "?", golden, ours);
    log_warn("unlike", "peer=%s version=%llu golden=%08x learner=%08x count=%llu", name,
             (unsigned long long)image->number, golden, ours, (unsigned long long)u->count);
}

bool unlike_admits(struct broker *b, const struct msg_hello *hello, enum refuse_code *code,
                   const char **words, int64_t now_ms)
{
    const int other = hello->role == ROLE_ACTOR
                          ? other_bits(b, hello->image, hello->golden, hello->n_golden)
                          : -1;
    char name[MEMBERS_NAME];

    text_print(name, sizeof name, "%s", hello->name);
    if (is_unlike(b, hello->role, hello->numerics))
        note(b, name, hello->numerics, now_ms);
    else if (other >= 0)
        note_golden(b, name, hello->build, hello->isa, &hello->image[other],
                    hello->golden[other], now_ms);
    else
        return true;
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

/* Nothing it had is its fault: it goes back before the member is gone as one that died. */
bool unlike_hears(struct broker *b, struct broker_member *m, const struct msg_hb *hb,
                  int64_t now_ms)
{
    const int other = other_bits(b, hb->image, hb->golden, hb->n_golden);

    if (other < 0)
        return false;
    note_golden(b, m->name, m->origin.build, m->isa, &hb->image[other], hb->golden[other],
                now_ms);
    hold_requeue_all(b, m, now_ms);
    m->greeted = false;
    room_forget(b, m);
    outbox_refuse(&b->outbox, m, REFUSE_NUMERICS, b->unlike.words);
    return true;
}

/* A word, once: who wonders later which build wrote what finds it in the log. */
static void say_build(struct broker *b, const struct broker_member *m)
{
    struct unlike *const u = &b->unlike;

    for (uint32_t i = 0; i < u->n_build; i++)
        if (!strcmp(u->build[i], m->origin.build))
            return;
    if (u->n_build == STATE_BUILDS)
        return;
    memcpy(u->build[u->n_build++], m->origin.build, sizeof u->build[0]);
    log_info("build", "peer=%s build=%s learner=%s numerics=%u same_bits=1", m->who,
             m->origin.build, b->run.build, m->numerics);
}

void unlike_builds(struct broker *b, char *words, size_t room)
{
    const struct broker_member *first = NULL;
    uint32_t n = 0;

    *words = 0;
    for (const struct broker_member *m = b->members.first; m; m = m->next) {
        if ((m->role != ROLE_ACTOR && m->role != ROLE_REWARDER) || !b->run.bound ||
            !b->run.numerics || m->numerics != b->run.numerics ||
            !strcmp(m->origin.build, b->run.build))
            continue;
        say_build(b, m);
        first = first ? first : m;
        n++;
    }
    if (n)
        text_print(
            words, room,
            "%u worker%s of another build than the learner's (%s; %s has %s): their bits "
            "are the same (numerics %u)",
            n, n > 1 ? "s" : "", b->run.build, first->who, first->origin.build,
            b->run.numerics);
}

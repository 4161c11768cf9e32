/* Runs are served one after another; run.c says when one may begin, who comes before that waits here.
 *
 * A learner that waits is no member: it is refused (BUSY) and says HELLO each second, which keeps
 * its place. When nothing is served any more, the next HELLO of the first one is let in; the
 * others, and who comes now, stay behind it.
 *
 * A broker that was restarted knows nobody. The run that was under way must not lose its place to
 * one that waits and happens to say HELLO sooner: so in the first TURNS_YOUNG_MS who was told
 * elsewhere to wait is not let in, unless its own run has begun, and the order among those that
 * wait is by how long they say that they have. Where a run is known to have been under way, by who
 * started this broker again or by a worker that has worked for one, no other begins in that time
 * either. Later nobody's word is taken for that. */

#include "broker/turns.h"

#include "base/log.h"
#include "broker/state.h"
#include "proto/text.h"

#include <string.h>

enum { NAMED = 5 }; /* runs that are told by name to who waits behind them */

void turns_name(char out[MEMBERS_NAME], const char *name, const struct id *run)
{
    if (name && *name)
        text_print(out, MEMBERS_NAME, "%s", name);
    else
        text_print(out, MEMBERS_NAME, "run %02x%02x%02x%02x", run->byte[0], run->byte[1],
                   run->byte[2], run->byte[3]);
}

static bool is_same(const struct turns_one *one, const struct msg *msg)
{
    return !memcmp(&one->peer, &msg->hello.peer, sizeof one->peer) &&
           one->incarnation == msg->hello.incarnation &&
           !memcmp(&one->run, &msg->head.run, sizeof one->run);
}

/* Its place, from 0; `n` if it has none. */
static uint32_t find(const struct turns *t, const struct msg *msg)
{
    uint32_t at = 0;

    while (at < t->n && !is_same(&t->one[at], msg))
        at++;
    return at;
}

static void take_out(struct turns *t, uint32_t at, const char *why)
{
    log_info("turn", "run=\"%s\" host=%s state=%s", t->one[at].name, t->one[at].host, why);
    t->n--;
    memmove(&t->one[at], &t->one[at + 1], (t->n - at) * sizeof t->one[0]);
}

static bool is_young(const struct broker *b, int64_t now_ms)
{
    return now_ms - b->born_ms < TURNS_YOUNG_MS;
}

/* Nothing is served: is it this one that comes next? */
static bool is_next(const struct broker *b, const struct msg *msg, uint32_t at, int64_t now_ms)
{
    if (!b->run.bound && is_young(b, now_ms) &&
        (msg->hello.begun ||
         (b->turns.under_way && !memcmp(&b->turns.worked, &msg->head.run, sizeof(struct id)))))
        return true;
    if (!b->run.bound && is_young(b, now_ms) && (msg->hello.waited_ms || b->turns.under_way))
        return false;
    return at == 0; /* nobody waits, or it is the first */
}

/* A new one at the end; in a young broker before those that say that they came later. NULL: there
 * is no room. */
static struct turns_one *put_in(struct broker *b, void *link, const struct msg *msg,
                                int64_t now_ms)
{
    struct turns *const t = &b->turns;
    const int64_t waited_ms = is_young(b, now_ms) ? msg->hello.waited_ms : 0;
    struct writer writer = {.address = ""};
    struct turns_one *one;
    uint32_t at = t->n;

    if (t->n == TURNS_MAX)
        return NULL;
    while (waited_ms && at && t->one[at - 1].since_ms > now_ms - waited_ms)
        at--;
    one = &t->one[at];
    memmove(one + 1, one, (t->n++ - at) * sizeof *one);
    *one = (struct turns_one){.run = msg->head.run,
                              .peer = msg->hello.peer,
                              .incarnation = msg->hello.incarnation,
                              .since_ms = now_ms - waited_ms};
    turns_name(one->name, msg->hello.run_name, &msg->head.run);
    text_print(one->host, sizeof one->host, "%s", msg->hello.host ? msg->hello.host : "");
    if (b->sink.origin)
        b->sink.origin(b->sink.self, link, &writer);
    text_print(one->address, sizeof one->address, "%s", writer.address);
    log_info("turn", "run=\"%s\" host=%s state=waits place=%u", one->name, one->host, at + 1);
    return one;
}

/* What who stands at `at` waits for, in words; `served`: a run is. */
static void say_why(struct broker *b, uint32_t at, bool served)
{
    struct turns *const t = &b->turns;
    const uint32_t before = at + served;
    size_t n;

    if (!before) {
        text_print(
            t->words, sizeof t->words,
            "waits some seconds: this broker has just begun, and a run that was under way "
            "goes first");
        return;
    }
    n = text_print(t->words, sizeof t->words, "waits behind %u run%s: %s", before,
                   before > 1 ? "s" : "", served ? b->run.name : t->one[0].name);
    for (uint32_t i = served ? 0 : 1; i < at && i < NAMED; i++)
        n += text_print(t->words + n, sizeof t->words - n, ", %s", t->one[i].name);
    if (at > NAMED)
        text_print(t->words + n, sizeof t->words - n, " and %u more", at - NAMED);
}

bool turns_admit(struct broker *b, struct broker_member *was, void *link, const struct msg *msg,
                 enum refuse_code *code, const char **words, int64_t now_ms)
{
    struct turns *const t = &b->turns;
    const bool may = run_admits(&b->run, was, msg, b->limits.hold_ms, now_ms, code, words);
    uint32_t at = find(t, msg);

    if (!run_is_other(&b->run, msg) || (may && is_next(b, msg, at, now_ms))) {
        if (at < t->n)
            take_out(t, at, may ? "served" : "left");
        return may;
    }
    *code = REFUSE_BUSY;
    *words = "another run is served here, and no more than 64 may wait for their turn";
    if (at == t->n && !put_in(b, link, msg, now_ms))
        return false;
    at = find(t, msg); /* a young broker has put it before others */
    t->one[at].heard_ms = now_ms;
    if (was && b->run.learner == was) /* what it served before it leaves with this */
        b->run.left = true;
    say_why(b, at, !may);
    *words = t->words;
    return false;
}

void turns_heard(struct broker *b, const struct msg *msg)
{
    static const struct id none;
    const uint32_t role = msg->hello.role;

    if ((role == ROLE_ACTOR || role == ROLE_REWARDER) &&
        memcmp(&msg->head.run, &none, sizeof none) != 0) {
        b->turns.under_way = true;
        b->turns.worked = msg->head.run;
    }
}

void turns_tick(struct broker *b, int64_t now_ms)
{
    struct turns *const t = &b->turns;

    for (uint32_t i = t->n; i-- > 0;)
        if (now_ms - t->one[i].heard_ms >= TURNS_SILENT_MS)
            take_out(t, i, "left");
}

void turns_slept(struct broker *b, int64_t slept_ms, int64_t now_ms)
{
    for (uint32_t i = 0; i < b->turns.n; i++) {
        int64_t *const heard = &b->turns.one[i].heard_ms;

        *heard = *heard + slept_ms < now_ms ? *heard + slept_ms : now_ms;
    }
}

uint32_t turns_list(const struct broker *b, struct msg_stats_turn *out, uint32_t max,
                    int64_t now_ms)
{
    const struct turns *const t = &b->turns;
    uint32_t n = 0;

    for (; n < t->n && n < max; n++)
        out[n] = (struct msg_stats_turn){.run = t->one[n].run,
                                         .name = t->one[n].name,
                                         .host = t->one[n].host,
                                         .address = t->one[n].address,
                                         .place = n + 1,
                                         .wait_ms = (uint64_t)(now_ms - t->one[n].since_ms)};
    return n;
}

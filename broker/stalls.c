/* Beside what waits.c tells the learner as well: whoever is not heard, before the hub gives it up;
 * who says that something is in its way; the learner's link, when weights leave by it slower than
 * they are wanted; who has work in hand and does none of it.
 *
 * Where nothing of a machine is heard it is the machine that is named: its cable, its power; else the
 * process. While this broker itself was stopped nobody was silent (broker.c, excuse). */

#include "broker/stalls.h"

#include "broker/uplink.h"
#include "proto/role.h"
#include "proto/text.h"

static uint32_t age(int64_t since_ms, int64_t now_ms)
{
    const int64_t ms = now_ms - since_ms;

    return ms < 0 ? 0 : ms > LIMIT_MS ? LIMIT_MS : (uint32_t)ms;
}

/* The next one, whose words are still to be written; NULL: there is no room. */
static char *add(struct stalls *out, struct msg_wait *wait, const char *advice,
                 int64_t since_ms, int64_t now_ms)
{
    char *words;

    if (out->n == STALLS_MAX)
        return NULL;
    words = out->words[out->n];
    wait[out->n++] = (struct msg_wait){
        .name = words, .age_ms = age(since_ms, now_ms), .scorer = "", .advice = advice};
    return words;
}

static bool is_silent(const struct broker_member *m, int64_t now_ms)
{
    return m->greeted && m->role <= ROLE_SUPERVISOR && now_ms - m->heard_ms >= STALLS_SILENT_MS;
}

bool stalls_learner_silent(const struct broker *b, int64_t now_ms)
{
    return b->run.learner && is_silent(b->run.learner, now_ms);
}

/* One machine: all of its processes, or one of them and how many more. */
static void add_silent(const struct broker *b, const struct places *places, uint32_t at,
                       struct stalls *out, struct msg_wait *wait, int64_t now_ms)
{
    const struct msg_stats_host *host = &places->host[at];
    const struct broker_member *first = NULL;
    uint32_t n = 0;
    char *words, more[32] = "";

    for (uint32_t i = 0; i < host->processes; i++) {
        const struct broker_member *m = places->member[places->first[at] + i];

        if (!is_silent(m, now_ms))
            continue;
        n++;
        /* The learner is the one that all wait for; else who is silent for longest. */
        if (!first || m == b->run.learner ||
            (first != b->run.learner && m->heard_ms < first->heard_ms))
            first = m;
    }
    if (!n)
        return;
    words = add(out, wait,
                n > 1 && n == host->processes
                    ? "look at that machine, its cable and its power"
                    : "is it stopped, or is its machine overloaded? Kill it: it is replaced",
                first->heard_ms, now_ms);
    if (!words)
        return;
    if (n > 1)
        text_print(more, sizeof more, " and %u more there", n - 1);
    if (n > 1 && n == host->processes)
        text_print(words, WAITS_WORDS, "nothing is heard of %s: %u processes%s", host->name, n,
                   first == b->run.learner ? ", the learner among them" : "");
    else
        text_print(words, WAITS_WORDS, "nothing is heard of the %s %s at %s%s",
                   role_name(first->role), first->name, host->name, more);
}

/* As it says itself. */
static void add_trouble(const struct broker_member *m, struct stalls *out,
                        struct msg_wait *wait, int64_t now_ms)
{
    char *words =
        add(out, wait,
            m->role == ROLE_LEARNER
                ? "a faster disk, or an emptier one, for the run's folder"
                : "free disk or memory there, or give its work to others: drover drain",
            m->trouble_ms, now_ms);

    if (words)
        text_print(words, WAITS_WORDS, "%s%s: %s",
                   m->role == ROLE_LEARNER ? "the learner at " : "",
                   *m->host ? m->host : m->who, m->trouble);
}

/* A thread that hangs below a loop that lives. Weights that come are progress, too. */
static void add_stuck(const struct broker_member *m, struct stalls *out, struct msg_wait *wait,
                      int64_t now_ms)
{
    char *words = add(out, wait, "look at its log, or kill it: others do its work",
                      m->progress_ms, now_ms);

    if (words)
        text_print(words, WAITS_WORDS, "the %s %s at %s has %u in hand and does nothing",
                   role_name(m->role), m->name, *m->host ? m->host : m->origin.address,
                   m->role == ROLE_ACTOR ? m->held : m->tickets);
}

static bool is_stuck(const struct broker_member *m, int64_t now_ms)
{
    const int64_t quiet_ms = now_ms - m->progress_ms;

    return (m->role == ROLE_ACTOR && m->held && quiet_ms >= STALLS_STUCK_MS &&
            now_ms - m->held_ms >= STALLS_STUCK_MS) ||
           (m->role == ROLE_REWARDER && m->tickets && quiet_ms >= STALLS_UNSCORED_MS);
}

static void add_uplink(const struct broker *b, struct stalls *out, struct msg_wait *wait,
                       int64_t now_ms)
{
    char text[128], *words;

    if (!uplink_words(b, text, sizeof text))
        return;
    words = add(out, wait,
                "a faster link for the learner, or an adapter instead of whole weights: more "
                "actors would wait, too",
                b->uplink.since_ms, now_ms);
    if (words)
        text_print(words, WAITS_WORDS, "%s", text);
}

/* It holds nobody up, since others give; but a machine that gives false bytes wants looking at. */
static void add_giver(const struct broker *b, struct stalls *out, struct msg_wait *wait,
                      int64_t now_ms)
{
    char *words;

    if (!b->giver_ms || now_ms - b->giver_ms >= STALLS_GIVER_MS)
        return;
    words = add(out, wait, "look at that machine: its link, its memory, who has its keys",
                b->giver_ms, now_ms);
    if (words)
        text_print(words, WAITS_WORDS, "%s", b->giver);
}

/* What all wait for first; then machines, then processes. */
uint32_t stalls_list(const struct broker *b, const struct places *places, struct stalls *out,
                     struct msg_wait *wait, int64_t now_ms)
{
    out->n = 0;
    if (b->run.learner && *b->run.learner->trouble)
        add_trouble(b->run.learner, out, wait, now_ms);
    add_uplink(b, out, wait, now_ms);
    for (uint32_t i = 0; i < places->n; i++)
        add_silent(b, places, i, out, wait, now_ms);
    for (const struct broker_member *m = b->members.first; m; m = m->next) {
        if (!m->greeted || is_silent(m, now_ms))
            continue;
        if (m != b->run.learner && *m->trouble)
            add_trouble(m, out, wait, now_ms);
        if (is_stuck(m, now_ms))
            add_stuck(m, out, wait, now_ms);
    }
    add_giver(b, out, wait, now_ms);
    return out->n;
}

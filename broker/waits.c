/* waits: what stands still, in words: for STATS, and for the learner's terminal. */

#include "broker/waits.h"

#include "broker/state.h"
#include "broker/unlike.h"
#include "broker/wanted.h"
#include "proto/limit.h"
#include "proto/text.h"

/* What travels is at most LIMIT_MS, and no age is below zero. */
static uint32_t age(int64_t since_ms, int64_t now_ms)
{
    const int64_t ms = now_ms - since_ms;

    return ms < 0 ? 0 : ms > LIMIT_MS ? LIMIT_MS : (uint32_t)ms;
}

/* Since when the oldest sample stands in each state; `now_ms` where there is none. One pass
 * over all of them a second costs less than lists that every move would have to keep. */
static void scan_places(const struct broker *b, int64_t oldest[SAMPLE_STATES], int64_t now_ms)
{
    for (int state = 0; state < SAMPLE_STATES; state++)
        oldest[state] = now_ms;
    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);

        for (uint32_t i = 0; task && i < task->def->samples; i++) {
            const struct open_sample *at = &task->sample[i];

            if (at->since_ms < oldest[at->state])
                oldest[at->state] = at->since_ms;
        }
    }
}

/* The next one, whose words are still to be written. */
static char *add(struct waits *out, const char *scorer, const char *advice, int64_t since_ms,
                 int64_t now_ms)
{
    struct msg_wait *wait = &out->wait[out->n];
    char *words = out->words[out->n++];

    *wait = (struct msg_wait){
        .name = words, .age_ms = age(since_ms, now_ms), .scorer = scorer, .advice = advice};
    return words;
}

static void add_wait(struct waits *out, const char *words, const char *advice, int64_t since_ms,
                     int64_t now_ms)
{
    text_print(add(out, "", advice, since_ms, now_ms), WAITS_WORDS, "%s", words);
}

/* The learner's own actor does not count: it has only what others failed (blame.c), so what
 * merely waits would wait on beside it. */
static bool has_worker(const struct broker *b)
{
    for (const struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_ACTOR && m->greeted && !run_is_own(&b->run, m))
            return true;
    return false;
}

static bool has_own(const struct broker *b)
{
    for (const struct broker_member *m = b->members.first; m; m = m->next)
        if (m->greeted && run_is_own(&b->run, m))
            return true;
    return false;
}

static bool offered(const struct broker *b, const struct scorer *scorer)
{
    for (const struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_REWARDER && m->greeted && members_can(m, scorer))
            return true;
    return false;
}

/* That nobody offers it is said rather than that it is paused: a pause ends by itself once
 * somebody comes, and a person has to bring somebody. */
static void add_scorers(const struct broker *b, struct waits *out, int64_t oldest,
                        int64_t now_ms)
{
    for (uint32_t j = 0; j < b->run.n_scorer; j++) {
        const struct scorer *scorer = &b->run.scorer[j];
        const struct breaker *at = &b->breaker[j];

        if (b->ask[j].n && !offered(b, scorer)) {
            text_print(add(out, scorer->name,
                           scorer->kind == SCORER_WORKER ? "start the worker of that name"
                                                         : "add a rewarder",
                           oldest, now_ms),
                       WAITS_WORDS, "%s: nobody offers this scorer", scorer->name);
        } else if (breaker_open(at)) {
            text_print(add(out, scorer->name, "mend it: it is tried now and then", at->since_ms,
                           now_ms),
                       WAITS_WORDS, "%s is paused: it failed %u times in a row, last at %s: %s",
                       scorer->name, at->fails, at->who, at->words);
            out->wait[out->n - 1].paused = true;
        }
    }
}

/* Nobody holds what is needed next. */
static void add_weights(const struct broker *b, struct waits *out, int64_t oldest,
                        int64_t now_ms)
{
    char who[WAITS_WORDS / 2];
    const uint32_t n = wanted_lacking(b, who, sizeof who);

    if (n)
        text_print(add(out, "", "", oldest, now_ms), WAITS_WORDS,
                   "weights on their way to %u actor%s: %s", n, n > 1 ? "s" : "", who);
}

/* What is wrong with this process itself. */
static void add_process(const struct broker *b, struct waits *out, int64_t now_ms)
{
    if (*b->missing)
        add_wait(out, b->missing, "", b->missing_ms, now_ms);
}

/* What it said last of all is why, if it could say so. */
static void add_away(const struct broker *b, struct waits *out, int64_t now_ms)
{
    const struct run_state *run = &b->run;

    if (run->left)
        add_wait(out, "the learner has left: no other has come",
                 "start it again: it goes on from its checkpoint", run->seen_ms, now_ms);
    else
        text_print(add(out, "",
                       *run->trouble ? "mend that, then start it again: it goes on"
                                     : "start it again, unless a supervisor does",
                       run->seen_ms, now_ms),
                   WAITS_WORDS, "the learner is away%s%s", *run->trouble ? ": " : "",
                   run->trouble);
}

void waits_list(const struct broker *b, struct waits *out, int64_t now_ms)
{
    const struct run_state *run = &b->run;
    int64_t oldest[SAMPLE_STATES];

    out->n = 0;
    scan_places(b, oldest, now_ms);
    add_process(b, out, now_ms);
    if (!run->bound)
        add_wait(out, "no learner has come", "start the learner", b->born_ms, now_ms);
    else if (!run->learner && !run->done)
        add_away(b, out, now_ms);
    if (b->tasks.count[SAMPLE_WAITING] && !has_worker(b))
        add_wait(out, "no actor", "add an actor", oldest[SAMPLE_WAITING], now_ms);
    add_weights(b, out, oldest[SAMPLE_WAITING], now_ms);
    if (unlike_lately(b, now_ms))
        add_wait(out, b->unlike.words, "give it the learner's build", b->unlike.since_ms,
                 now_ms);
    if (run->owned && !has_own(b))
        add_wait(out, "the learner's own actor has not come", "", oldest[SAMPLE_WAITING],
                 now_ms);
    if (b->tasks.count[SAMPLE_WAITING] && b->space_short)
        add_wait(out, "no space for more answers", "", oldest[SAMPLE_WAITING], now_ms);
    add_scorers(b, out, oldest[SAMPLE_SCORING], now_ms);
    /* Heartbeats are written after the pump has sent what fits: what is still queued did not.
     */
    if (b->to_learner.n && run->learner && run->learner->greeted)
        add_wait(out, "the learner has no room", "", oldest[SAMPLE_READY], now_ms);
}

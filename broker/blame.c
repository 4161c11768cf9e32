/* blame: who failed which sample, and who may still try it.
 *
 * No worker's word ends a run. A sample that three workers failed, or all that are here, is for
 * the learner's own actor (HELLO `own`, whose id nobody else knows); when that fails it as
 * well, it is dropped as poison, with the words of each. A worker counts once a sample: by its
 * peer id, and by its name, so that it does not count twice when it comes back. One that comes
 * back under another name reaches the three sooner; all it gains is that the learner does the
 * work. Each try is told to the learner, whose journal keeps it, and who says it again to a new
 * broker. */

#include "broker/blame.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/state.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    OWN_TRIES = 2,   /* of the learner's own actor: one death may be chance */
    ALONE_MS = 5000, /* how long to wait for another worker when there is none */
    POISON_TEXT = 1024,
};

static const struct id nobody;

bool blame_is_own(const struct broker *b, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && memcmp(&b->run.own, &nobody, sizeof nobody) != 0 &&
           !memcmp(&b->run.own, &m->id, sizeof m->id);
}

/* The worker as people see it, and as it is known again: what it calls itself, and where. */
struct who {
    char text[sizeof((struct tries *)0)->by[0].who];
};

static struct who who_is(const struct origin *origin)
{
    struct who who;

    text_print(who.text, sizeof who.text, "%s%s%s", origin->name,
               *origin->address ? " at " : "", origin->address);
    return who;
}

static struct who who_of(const struct broker_member *m)
{
    return who_is(&m->origin);
}

static bool tried(const struct tries *tries, const struct id *peer, const char *who)
{
    for (uint32_t i = 0; i < tries->n; i++)
        if (!memcmp(&tries->by[i].peer, peer, sizeof *peer) || !strcmp(tries->by[i].who, who))
            return true;
    return false;
}

bool blame_may(const struct broker *b, const struct broker_member *m,
               const struct open_sample *at)
{
    if (blame_is_own(b, m))
        return at->own;
    return !at->own && (!at->tries || !tried(at->tries, &m->id, who_of(m).text));
}

/* ---- what is told to the learner */

static void tell(struct broker *b, uint64_t task, uint32_t sample, const char *who,
                 const char *reason)
{
    struct msg msg = {.head.type = MSG_FAIL,
                      .fail = {.task = task, .sample = sample, .who = who, .reason = reason}};

    if (b->run.learner && b->run.learner->greeted)
        broker_send(b, b->run.learner, &msg); /* unsent: its next HELLO has it said again */
}

void blame_again(struct broker *b, const struct open_task *task, uint32_t sample)
{
    const struct tries *tries = task->sample[sample].tries;

    for (uint32_t i = 0; tries && i < tries->n; i++)
        tell(b, task->def->id, sample, tries->by[i].who, tries->by[i].reason);
}

void blame_scorer(struct broker *b, const struct scorer *scorer, const char *who,
                  const char *reason)
{
    struct msg msg = {.head.type = MSG_FAIL,
                      .fail = {.scorer = scorer->hash, .who = who, .reason = reason}};

    if (b->run.learner && b->run.learner->greeted)
        broker_send(b, b->run.learner, &msg);
}

/* ---- tries */

/* False: it is known already, or three are. */
static bool add_try(struct open_sample *at, const struct id *peer, const char *who,
                    const char *reason)
{
    struct tries *tries = at->tries;

    if (tries && (tried(tries, peer, who) || tries->n == BLAME_WORKERS))
        return false;
    if (!tries)
        tries = at->tries = mem_new(1, sizeof *tries);
    tries->by[tries->n].peer = *peer;
    text_print(tries->by[tries->n].who, sizeof tries->by[0].who, "%s", who);
    text_print(tries->by[tries->n].reason, sizeof tries->by[0].reason, "%s", reason);
    tries->n++;
    return true;
}

/* Each worker's words, as far as there is room. */
static void list(char *out, size_t room, const struct open_sample *at)
{
    const struct tries *tries = at->tries;
    size_t n = 0;

    out[0] = 0;
    for (uint32_t i = 0; tries && i < tries->n && n < room; i++)
        n += text_print(out + n, room - n, "%s%s: %s", i ? "; " : "", tries->by[i].who,
                        tries->by[i].reason);
    if (tries && tries->own && n < room)
        text_print(out + n, room - n, "%sthe learner's own actor: %s", tries->n ? "; " : "",
                   tries->own_reason);
}

static void poison(struct broker *b, struct open_task *task, uint32_t sample, int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];
    char words[POISON_TEXT];

    list(words, sizeof words, at);
    free(at->error);
    at->error = mem_text(words);
    log_warn("poison", "task=%llu sample=%u attempts=%u reason=\"%s\"",
             (unsigned long long)task->def->id, sample, at->attempts, words);
    grant_release(b, at, NULL);
    at->drop = DROP_POISON;
    at->sent = false;
    tasks_move(&b->tasks, task, sample, SAMPLE_DROPPED, now_ms);
    to_learner_queue(b, task, sample);
    to_learner_send(b, now_ms);
}

void blame_actor(struct broker *b, struct open_task *task, uint32_t sample,
                 const struct broker_member *by, const char *reason, int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];

    b->run.tried = true;
    at->not_before_ms = now_ms + rollouts_rest_ms(b, at->attempts++);
    if (!blame_is_own(b, by)) {
        const struct who who = who_of(by);

        if (add_try(at, &by->id, who.text, reason))
            tell(b, task->def->id, sample, who.text, reason);
        return;
    }
    if (!at->tries)
        at->tries = mem_new(1, sizeof *at->tries);
    text_print(at->tries->own_reason, sizeof at->tries->own_reason, "%s", reason);
    if (++at->tries->own >= OWN_TRIES)
        poison(b, task, sample, now_ms);
}

void blame_false(struct broker *b, struct open_sample *at, const struct origin *by,
                 const char *reason)
{
    struct who who;

    if (at->state > SAMPLE_LEASED)
        return;
    b->run.tried = true;
    who = who_is(by);
    add_try(at, &by->peer, who.text, reason);
}

enum err blame_on_fail(struct broker *b, struct broker_member *from, const struct msg *msg,
                       int64_t now)
{
    const struct msg_fail *fail = &msg->fail;
    struct open_sample *at = tasks_sample(&b->tasks, fail->task, fail->sample);

    (void)from, (void)now;
    if (!at || at->state >= SAMPLE_DROPPED || !*fail->who)
        return OK;
    b->run.tried = true;
    at->attempts += add_try(at, &nobody, fail->who, fail->reason);
    return OK;
}

void blame_renew(struct broker *b, struct open_task *task, uint32_t sample, int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];

    if (at->state == SAMPLE_DROPPED && at->drop == DROP_POISON)
        tasks_revive(&b->tasks, task, sample, now_ms);
    at->own = false;
    if (at->tries)
        at->tries->own = 0;
}

/* ---- whose turn it is */

static bool works(const struct broker *b, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && m->greeted && !m->draining && !blame_is_own(b, m);
}

static bool is_for_own(const struct broker *b, const struct open_sample *at, int64_t now_ms)
{
    const uint32_t n = at->tries ? at->tries->n : 0;
    bool here = false;

    /* Where somebody was set aside, what nobody has tried is for it, too, once nobody is left.
     */
    if (n == BLAME_WORKERS)
        return true;
    for (const struct broker_member *m = b->first; m; m = m->next) {
        if (!works(b, m))
            continue;
        here = true;
        if (suspects_worst(b, m)) /* it has lied, or comes from where liars are */
            continue;
        if (!at->tries || !tried(at->tries, &m->id, who_of(m).text))
            return false;
    }
    return here || ((n || b->suspects.n) && now_ms - at->since_ms >= ALONE_MS);
}

/* A learner that has no actor of its own: whoever is here tries again. */
static void forgive(struct open_sample *at)
{
    if (at->tries)
        at->tries->n = 0;
}

void blame_look(struct broker *b, const struct open_task *task, uint32_t i, int64_t now_ms)
{
    struct open_sample *at = &task->sample[i];
    struct run_state *run = &b->run;
    const bool has_own = memcmp(&run->own, &nobody, sizeof nobody) != 0;

    if (at->state == SAMPLE_WAITING) {
        at->own = is_for_own(b, at, now_ms);
        if (at->own && !has_own) {
            forgive(at);
            at->own = false;
        }
    }
    if (!at->own || at->state > SAMPLE_LEASED)
        return;
    if (!run->owned++) {
        const size_t n =
            text_print(run->wants_own, sizeof run->wants_own,
                       "task %llu sample %u: ", (unsigned long long)task->def->id, i);
        if (at->tries)
            list(run->wants_own + n, sizeof run->wants_own - n, at);
        else
            text_print(run->wants_own + n, sizeof run->wants_own - n,
                       "no actor is here but what was set aside for false answers");
    }
}

void blame_tick(struct broker *b, int64_t now_ms)
{
    b->run.owned = 0;
    b->run.wants_own[0] = 0;
    if (!b->run.tried)
        return;
    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);

        for (uint32_t i = 0; task && task->epoch == b->run.epoch && i < task->def->samples; i++)
            blame_look(b, task, i, now_ms);
    }
}

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
#include "broker/hold.h"
#include "broker/to_learner.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    OWN_TRIES = 2,   /* of the learner's own actor: one death may be chance */
    ALONE_MS = 5000, /* how long to wait for another worker when there is none */
    POISON_TEXT = 1024,
};

static const struct id nobody;

/* By id or by name: either may be new when a worker comes back. */
static bool tried(const struct tries *tries, const struct id *peer, const char *who)
{
    for (uint32_t i = 0; i < tries->n_by; i++)
        if (!memcmp(&tries->by[i].peer, peer, sizeof *peer) || !strcmp(tries->by[i].who, who))
            return true;
    return false;
}

bool blame_may(const struct broker *b, const struct broker_member *m,
               const struct open_sample *at)
{
    if (run_is_own(&b->run, m))
        return at->own;
    return !at->own && (!at->tries || !tried(at->tries, &m->id, m->who));
}

/* ---- what is told to the learner */

static void tell(struct broker *b, uint64_t task, uint32_t sample, const char *who,
                 const char *reason)
{
    struct msg msg = {.head.type = MSG_FAIL,
                      .fail = {.task = task, .sample = sample, .who = who, .reason = reason}};

    to_learner_tell(b, &msg);
}

void blame_again(struct broker *b, const struct open_task *task, uint32_t sample)
{
    const struct tries *tries = task->sample[sample].tries;

    for (uint32_t i = 0; tries && i < tries->n_by; i++)
        tell(b, task->def->id, sample, tries->by[i].who, tries->by[i].reason);
}

void blame_all_again(struct broker *b)
{
    for (uint64_t id = b->tasks.base; b->run.tried && id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);

        for (uint32_t i = 0; task && task->epoch == b->run.epoch && i < task->def->samples; i++)
            blame_again(b, task, i);
    }
}

/* ---- tries */

/* False: it is known already, or three are. */
static bool add_try(struct open_sample *at, const struct id *peer, const char *who,
                    const char *reason)
{
    struct tries *tries = at->tries;

    if (tries && (tried(tries, peer, who) || tries->n_by == BLAME_WORKERS))
        return false;
    if (!tries)
        tries = at->tries = mem_new(1, sizeof *tries);
    tries->by[tries->n_by].peer = *peer;
    text_print(tries->by[tries->n_by].who, sizeof tries->by[0].who, "%s", who);
    text_print(tries->by[tries->n_by].reason, sizeof tries->by[0].reason, "%s", reason);
    tries->n_by++;
    return true;
}

/* Each worker's words, as far as there is room. */
static void list(char *out, size_t room, const struct open_sample *at)
{
    const struct tries *tries = at->tries;
    size_t n = 0;

    out[0] = 0;
    for (uint32_t i = 0; tries && i < tries->n_by && n < room; i++)
        n += text_print(out + n, room - n, "%s%s: %s", i ? "; " : "", tries->by[i].who,
                        tries->by[i].reason);
    if (tries && tries->own && n < room)
        text_print(out + n, room - n, "%sthe learner's own actor: %s", tries->n_by ? "; " : "",
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
    hold_release(b, at, NULL);
    at->drop = DROP_POISON;
    at->sent = false;
    tasks_move(&b->tasks, task, sample, SAMPLE_DROPPED, now_ms);
    to_learner_queue(b, task, sample);
}

void blame_actor(struct broker *b, struct open_task *task, uint32_t sample,
                 const struct broker_member *by, const char *reason, int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];

    b->run.tried = true;
    /* Longer with each attempt: what fails at once would else go round without end. */
    at->not_before_ms = now_ms + limits_rest_ms(&b->limits, at->attempts++);
    /* Only tries of others are told and kept: the learner's next start may have more memory
     * (docs/decisions/0012). */
    if (!run_is_own(&b->run, by)) {
        if (add_try(at, &by->id, by->who, reason))
            tell(b, task->def->id, sample, by->who, reason);
        return;
    }
    if (!at->tries)
        at->tries = mem_new(1, sizeof *at->tries);
    text_print(at->tries->own_reason, sizeof at->tries->own_reason, "%s", reason);
    if (++at->tries->own >= OWN_TRIES)
        poison(b, task, sample, now_ms);
}

/* The only thing that an actor had in hand when it died: more, and nobody knows which it was. */
void blame_died(struct broker *b, const struct broker_member *actor, int64_t now_ms)
{
    const struct lease only = b->leases.slot[actor->leases == 1 ? actor->lease : 0];
    struct open_task *task;

    if (actor->leases != 1 || only.left != 1 || only.wanted)
        return;
    task = hold_of(b, &only);
    for (uint32_t i = only.first; task && i - only.first < only.count; i++)
        if (task->sample[i].state == SAMPLE_LEASED && task->sample[i].lease == actor->lease) {
            blame_actor(b, task, i, actor, "its actor died", now_ms);
            return;
        }
}

void blame_false(struct broker *b, struct open_sample *at, const struct origin *by,
                 const char *reason)
{
    char who[MEMBERS_WHO];

    /* An answer to it is here: another's, which nothing speaks against. */
    if (at->state > SAMPLE_LEASED)
        return;
    b->run.tried = true;
    members_who(who, by);
    add_try(at, &by->peer, who, reason);
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
    /* From its journal: the peer's id is not kept there, its name is (`nobody`). */
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

/* Who is there to work, looked at once a tick: with thousands of samples and of members each
 * sample cannot look at each member. */
struct workers {
    bool here;   /* somebody, besides the learner's own actor */
    bool honest; /* somebody against whom nothing speaks */
};

static bool works(const struct broker *b, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && m->greeted && !m->draining && !run_is_own(&b->run, m);
}

static struct workers look_around(const struct broker *b)
{
    struct workers out = {false, false};

    for (const struct broker_member *m = b->members.first; m && !out.honest; m = m->next) {
        if (!works(b, m))
            continue;
        out.here = true;
        out.honest = !suspects_worst(&b->suspects, &b->run, m);
    }
    return out;
}

/* Is there a worker that may still try it? Only a sample that somebody failed asks so. */
static bool untried(const struct broker *b, const struct tries *tries)
{
    for (const struct broker_member *m = b->members.first; m; m = m->next)
        if (works(b, m) && !suspects_worst(&b->suspects, &b->run, m) &&
            !tried(tries, &m->id, m->who))
            return true;
    return false;
}

/* Where somebody was set aside, what nobody has tried is for the learner's own actor, too, once
 * nobody is left. */
static bool is_for_own(const struct broker *b, const struct open_sample *at,
                       const struct workers *workers, int64_t now_ms)
{
    const uint32_t n = at->tries ? at->tries->n_by : 0;

    if (n == BLAME_WORKERS)
        return true;
    /* Somebody may still do it. */
    if (n ? workers->honest && untried(b, at->tries) : workers->honest)
        return false;
    /* All that are here have failed it or lied: at once. Nobody is here: somebody may come, so
     * a while later. */
    return workers->here || ((n || b->suspects.n_suspect) && now_ms - at->since_ms >= ALONE_MS);
}

/* A learner that has no actor of its own: whoever is here tries again. */
static void forgive(struct open_sample *at)
{
    if (at->tries)
        at->tries->n_by = 0;
}

/* Why the first of them needs the learner's own actor, for its terminal. */
static void say_why(struct run_state *run, const struct open_task *task, uint32_t sample)
{
    const struct open_sample *at = &task->sample[sample];
    const size_t n =
        text_print(run->wants_own, sizeof run->wants_own,
                   "task %llu sample %u: ", (unsigned long long)task->def->id, sample);

    if (at->tries)
        list(run->wants_own + n, sizeof run->wants_own - n, at);
    else
        text_print(run->wants_own + n, sizeof run->wants_own - n,
                   "no actor is here but what was set aside for false answers");
}

static void look(struct broker *b, const struct open_task *task, uint32_t sample,
                 const struct workers *workers, int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];

    if (at->state == SAMPLE_WAITING) {
        /* Worked out anew each tick: it is anybody's again once another worker comes. */
        at->own = is_for_own(b, at, workers, now_ms);
        if (at->own && !run_has_own(&b->run)) {
            forgive(at);
            at->own = false;
        }
    }
    if (at->own && at->state <= SAMPLE_LEASED && !b->run.owned++)
        say_why(&b->run, task, sample);
}

void blame_opened(struct broker *b, struct open_task *task, int64_t now_ms)
{
    const struct suspects *s = &b->suspects;
    const uint64_t n = s->n_name < SUSPECTS_NAMES ? s->n_name : SUSPECTS_NAMES;
    struct workers workers;

    if (!n)
        return;
    workers = look_around(b);
    for (uint64_t i = 0; i < n; i++) {
        const struct suspects_name *const name = &s->name[i];

        if (name->task != task->def->id || name->sample >= task->def->samples)
            continue;
        blame_false(b, &task->sample[name->sample], &name->who, "its answer was false");
        look(b, task, name->sample, &workers, now_ms);
    }
}

void blame_tick(struct broker *b, int64_t now_ms)
{
    const struct workers workers = look_around(b);

    b->run.owned = 0;
    b->run.wants_own[0] = 0;
    if (!b->run.tried)
        return;
    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);

        for (uint32_t i = 0; task && task->epoch == b->run.epoch && i < task->def->samples; i++)
            look(b, task, i, &workers, now_ms);
    }
}

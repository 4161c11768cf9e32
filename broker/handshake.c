/* What HELLO is answered, and what becomes of the work that actors claim.
 *
 * An actor names every sample that it runs or has finished, and hears of each whether to send it
 * (want), to hold it (keep) or to forget it (free). What the broker took it to have and it does
 * not name is free again, first of all. A claim on a task that is not open yet, or for which
 * there is no space, is kept with the member and judged again when that changes: when the task is
 * opened, and each tick. A sample that it has already is adopted: leased to it as it is, and the
 * pump tells it by which lease. */

#include "broker/handshake.h"

#include "base/mem.h"
#include "broker/hold.h"
#include "broker/keepers.h"

#include <stdlib.h>
#include <string.h>

enum { UNSETTLED_MAX = 4096 };

static bool of_this_run(const struct broker *b, const struct broker_member *member)
{
    return b->run.bound && !memcmp(&member->run, &b->run.id, sizeof b->run.id);
}

static enum claim_state judge_open(struct broker *b, struct broker_member *actor,
                                   struct open_task *task, const struct members_claim *claim,
                                   bool *later, int64_t now_ms)
{
    struct open_sample *sample = &task->sample[claim->sample];
    struct lease *lease;

    switch (sample->state) {
    case SAMPLE_LEASED:
        lease = &b->leases.slot[sample->lease];
        if (lease->holder != actor) { /* that one's counts, while it is at work on it */
            *later = claim->done;
            return claim->done ? CLAIM_KEEP : CLAIM_FREE;
        }
        lease->known = true;
        /* Done, and nothing else left of its lease: it needs no room at the actor any more. */
        lease->wanted |= claim->done && lease->left == 1;
        return claim->done ? CLAIM_WANT : CLAIM_KEEP;
    case SAMPLE_WAITING:
        /* Others make it anew: what it has may be false as well. */
        if (!suspects_may(&b->suspects, &b->run, actor))
            return CLAIM_FREE;
        if (hold_adopt(b, actor, task, claim->sample, claim->done, now_ms))
            return claim->done ? CLAIM_WANT : CLAIM_KEEP;
        *later = true;
        return CLAIM_KEEP;
    case SAMPLE_SCORING:
    case SAMPLE_READY:
        /* Its body is here: another copy of it stays where it is until the sample is settled
         * (KEEP), as the broker may lose its own; what is still being decoded is not needed. */
        if (claim->done)
            keepers_note(sample, actor);
        return claim->done ? CLAIM_KEEP : CLAIM_FREE;
    default:
        return CLAIM_FREE;
    }
}

/* What becomes of one claim. WANT and adopted leases are noted as leases of `actor`; a claim
 * on a task that is not open yet, or for which there is no space, is kept for later. */
static enum claim_state judge(struct broker *b, struct broker_member *actor,
                              const struct members_claim *claim, bool *later, int64_t now_ms)
{
    struct open_task *task = tasks_find(&b->tasks, claim->task);

    *later = false;
    if (settled_has(&b->run.settled, claim->task, claim->sample))
        return CLAIM_FREE;
    if (!task || task->epoch != b->run.epoch) {
        *later = task || claim->task >= b->tasks.open_to;
        return *later ? CLAIM_KEEP : CLAIM_FREE;
    }
    return claim->sample < task->def->samples ? judge_open(b, actor, task, claim, later, now_ms)
                                              : CLAIM_FREE;
}

static bool claimed(const struct msg_hello *hello, uint64_t task, uint32_t sample)
{
    for (uint32_t i = 0; i < hello->n_claim; i++)
        if (hello->claim[i].task == task && hello->claim[i].sample == sample)
            return true;
    return false;
}

/* Leases of an actor whose work it does not name any more are free again. */
static void requeue_unclaimed(struct broker *b, struct broker_member *actor,
                              const struct msg_hello *hello, int64_t now_ms)
{
    for (uint32_t slot = actor->lease, next; slot != LEASE_NONE; slot = next) {
        const struct lease lease = b->leases.slot[slot];
        struct open_task *task = hold_of(b, &lease);

        next = lease.next;
        for (uint32_t i = lease.first; task && i - lease.first < lease.count; i++) {
            struct open_sample *sample = &task->sample[i];

            if (sample->state != SAMPLE_LEASED || sample->lease != slot ||
                claimed(hello, lease.task, i))
                continue;
            hold_release(b, sample, actor);
            tasks_move(&b->tasks, task, i, SAMPLE_WAITING, now_ms);
        }
    }
}

static void judge_all(struct broker *b, struct broker_member *actor,
                      const struct msg_hello *hello, struct claim *verdict, int64_t now_ms)
{
    /* Claims of another run: nothing here will ever want them. */
    const bool other = b->run.bound && hello->n_claim && !of_this_run(b, actor);

    requeue_unclaimed(b, actor, hello, now_ms);
    for (uint32_t i = 0; i < hello->n_claim; i++) {
        const struct claim *in = &hello->claim[i];
        const struct members_claim claim = {.task = in->task,
                                            .sample = in->sample,
                                            .done = in->state == CLAIM_DONE,
                                            .hash = in->hash};
        bool later = true;

        verdict[i] = *in;
        if (other)
            verdict[i].state = CLAIM_FREE;
        else if (!b->run.bound) /* no learner yet: what it will ask for nobody knows */
            verdict[i].state = CLAIM_KEEP;
        else
            verdict[i].state = judge(b, actor, &claim, &later, now_ms);
        if (later && !other)
            members_claim_add(actor, &claim, b->limits.claims);
        b->claimed |= later && !other;
    }
}

static uint32_t list_unsettled(const struct broker *b, struct claim *out)
{
    uint32_t n = 0;

    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);

        for (uint32_t i = 0; task && i < task->def->samples && n < UNSETTLED_MAX; i++)
            if (task->sample[i].body)
                out[n++] = (struct claim){.task = id,
                                          .sample = i,
                                          .state = CLAIM_DONE,
                                          .hash = task->sample[i].body->hash};
    }
    return n;
}

static void fill(const struct broker *b, struct msg_welcome *out)
{
    const struct run_state *run = &b->run;

    out->incarnation = b->incarnation;
    out->run = run->bound;
    out->done = run->done;
    out->settled = settled_view(&run->settled);
    out->newest = run->newest;
    out->smallest_live = run->smallest_live;
    out->table = run->table;
    out->scorer = run->scorer;
    out->n_scorer = run->n_scorer;
    out->artifact = run->artifact;
    out->n_artifact = run->n_artifact;
    out->body_max = run->body_max;
    out->credit_max = b->limits.credit_max;
    out->wanted = b->wanted;
    out->n_wanted = b->n_wanted;
    out->bulk = b->bulk;
    out->bulk_key = b->bulk_key;
}

void handshake_send(struct broker *b, struct broker_member *to, const struct msg_hello *hello,
                    int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_WELCOME};
    struct claim *list = NULL;

    fill(b, &msg.welcome);
    if (to->role == ROLE_LEARNER) {
        list = mem_new(UNSETTLED_MAX, sizeof *list);
        msg.welcome.open_to = b->tasks.open_to;
        msg.welcome.unsettled = list;
        msg.welcome.n_unsettled = list_unsettled(b, list);
    }
    if (to->role == ROLE_ACTOR) {
        list = mem_new(hello->n_claim + 1, sizeof *list);
        judge_all(b, to, hello, list, now_ms);
        msg.welcome.verdict = list;
        msg.welcome.n_verdict = hello->n_claim;
    }
    to->ended = 0; /* what was under way came before WELCOME, or never will */
    outbox_afresh(&b->outbox, to);
    to->greeted = outbox_put(&b->outbox, to, &msg);
    b->adopted |= to->role == ROLE_ACTOR;
    free(list);
    if (b->draining) {
        struct msg drain = {.head.type = MSG_DRAIN};

        to->draining = true;
        outbox_put(&b->outbox, to, &drain);
    }
}

static void want(struct broker *b, struct broker_member *actor,
                 const struct members_claim *claim)
{
    const struct claim one = {
        .task = claim->task, .sample = claim->sample, .state = CLAIM_WANT, .hash = claim->hash};
    struct msg msg = {.head.type = MSG_WANT, .want = {.claim = &one, .n_claim = 1}};

    outbox_put(&b->outbox, actor, &msg);
}

static void judge_later(struct broker *b, struct broker_member *actor, uint32_t i,
                        int64_t now_ms)
{
    const struct members_claim claim = actor->claim[i];
    bool later;
    const enum claim_state state = judge(b, actor, &claim, &later, now_ms);

    if (later)
        return;
    members_claim_remove(actor, i);
    if (state == CLAIM_WANT)
        want(b, actor, &claim);
}

void handshake_claims(struct broker *b, uint64_t task, int64_t now_ms)
{
    /* Backwards: judge_later may take out the one it looks at. Of each task that is opened it is
     * asked: hardly ever has anybody a claim that waits. */
    for (struct broker_member *m = b->claimed ? b->members.first : NULL; m; m = m->next)
        for (uint32_t i = m->greeted && of_this_run(b, m) ? m->n_claim : 0; i-- > 0;)
            if (m->claim[i].task == task)
                judge_later(b, m, i, now_ms);
}

void handshake_all_claims(struct broker *b, int64_t now_ms)
{
    b->claimed = false;
    for (struct broker_member *m = b->members.first; m; m = m->next) {
        for (uint32_t i = m->greeted && of_this_run(b, m) ? m->n_claim : 0; i-- > 0;)
            judge_later(b, m, i, now_ms);
        b->claimed |= m->n_claim != 0;
    }
}

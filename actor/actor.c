/* The loop's side of an actor. Messages change two lists: `inflight` (samples in hand) and
 * `weights` (which versions are here or wanted); what follows for the compute thread is posted
 * as items, in the order in which it was decided, so the thread never sees a job before its
 * weights were asked for.
 *
 * A lease becomes one job for each run of samples that are new here. A finished answer is kept
 * until it is settled and sent at once, after each WELCOME, and when it is wanted. Nothing
 * that a broker or a learner says ends the process: a task that cannot be done is a FAIL with
 * words. */

#include "actor/actor.h"

#include "actor/compute.h"
#include "actor/inflight.h"
#include "actor/late.h"
#include "actor/named.h"
#include "actor/proven.h"
#include "actor/weights.h"
#include "base/log.h"
#include "base/mem.h"
#include "lm/kernel/numerics.h"
#include "member/member.h"
#include "net/worker.h"
#include "proto/fetch.h"

#include <stdlib.h>
#include <string.h>

struct actor {
    struct actor_conf conf;
    struct member *member;
    struct peer *peer; /* the member's, as is fetch */
    struct fetch *fetch;
    struct worker *worker;
    struct inflight *inflight;
    struct id run;
    struct actor_weights weights;
    struct named_versions named;
    struct proven proven;
    uint64_t lease_seen;
    struct credit credit; /* samples */
    struct late late;
};

void actor_new(struct actor **out, const struct actor_conf *conf)
{
    struct actor *a = mem_new(1, sizeof *a);

    a->conf = *conf;
    inflight_new(&a->inflight);
    *out = a;
}

void actor_free(struct actor *a)
{
    if (!a)
        return;
    late_fini(&a->late);
    inflight_free(a->inflight);
    free(a);
}

void actor_meet(struct actor *a, struct member *member, struct worker *worker)
{
    a->member = member;
    a->peer = member_peer(member);
    a->fetch = member_fetch(member);
    a->worker = worker;
}

static void post(struct actor *a, struct compute_item *item)
{
    late_post(&a->late, a->worker, item);
}

/* ---- images */

static void drop_images(struct actor *a, uint64_t below)
{
    struct compute_item *item = weights_drop(&a->weights, a->fetch, below);

    if (item)
        post(a, item);
}

/* What open tasks name would only be fetched again. */
static bool is_needed(const void *self, const struct version *version)
{
    const struct actor *a = self;

    return named_has(&a->named, version) || inflight_wants(a->inflight, version);
}

/* Asks for what is wanted; where that needs room, what nobody in hand needs makes it. */
static enum err ask(struct actor *a)
{
    struct compute_item *item;

    weights_latest(&a->weights, a->fetch, is_needed, a);
    while ((item = weights_spare(&a->weights, is_needed, a)))
        post(a, item);
    return weights_ask(&a->weights, a->fetch);
}

/* ---- what we say */

void actor_hello(void *self, struct msg_hello *out)
{
    struct actor *a = self;

    out->claim = inflight_claims(a->inflight, &out->n_claim);
    out->n_image = out->n_golden =
        proven_list(&a->proven, &a->weights, &out->image, &out->golden);
    out->slots = (uint32_t)a->conf.slots;
    out->numerics = NUMERICS;
}

static uint32_t room(const struct actor *a)
{
    const uint32_t most = (uint32_t)a->conf.slots + (uint32_t)a->conf.slots / 2 + 1;
    const uint32_t running = inflight_running(a->inflight);

    if (member_draining(a->member) || !a->weights.have_card || *a->weights.unfit ||
        inflight_bytes(a->inflight) > a->conf.keep_bytes || running >= most)
        return 0;
    return most - running;
}

void actor_hb(void *self, struct msg_hb *out)
{
    struct actor *a = self;
    const struct compute_counters *c = compute_counters(a->conf.compute);

    out->tokens = atomic_load(&c->tokens);
    out->busy_ms = atomic_load(&c->busy_ns) / 1000000;
    out->idle_ms = atomic_load(&c->idle_ns) / 1000000;
    out->drafted = atomic_load(&c->drafted), out->accepted = atomic_load(&c->accepted);
    out->progress = out->tokens + fetch_pieces(a->fetch);
    out->rss_bytes = mem_peak();
    out->queued = inflight_running(a->inflight);
    out->lease_seen = a->lease_seen;
    out->credit = credit_say(&a->credit, room(a));
    out->lease = inflight_leases(a->inflight, &out->unbegun, &out->n_lease);
    out->n_unbegun = out->n_lease;
    out->n_image = out->n_golden =
        proven_list(&a->proven, &a->weights, &out->image, &out->golden);
    out->note = *a->weights.unfit ? a->weights.unfit : fetch_note(a->fetch);
}

/* Slots that became free are told at once, a few together: none waits for the next second. */
static void tell_room(struct actor *a, int64_t now_ms)
{
    member_room(a->member, &a->credit, room(a), (uint32_t)a->conf.slots / 4 + 1, now_ms);
}

static enum err send_fail(struct actor *a, uint64_t task, uint32_t sample, uint64_t lease,
                          const char *reason)
{
    struct msg msg = {.head.type = MSG_FAIL,
                      .fail = {.task = task, .sample = sample, .lease = lease, .who = ""}};
    enum err err;

    msg.fail.reason = reason;
    log_warn("refused", "task=%llu sample=%u reason=\"%s\"", (unsigned long long)task, sample,
             reason);
    err = peer_send(a->peer, &msg);
    return err == ERR_STATE ? OK : err;
}

/* Anything but the system's own errors is of this answer: it fails, the actor goes on. */
static enum err send_rollout(struct actor *a, struct inflight_sample *e)
{
    struct msg msg = {.head.type = MSG_ROLLOUT};
    const struct inflight_sample was = *e;
    enum err err;

    msg.rollout.lease = e->lease;
    msg.rollout.rollout = *e->rollout;
    if (!e->rollout->text)
        msg.rollout.rollout.text = "";
    err = peer_send(a->peer, &msg);
    e->sent |= !err;
    if (err != ERR_RANGE)
        return err == ERR_STATE ? OK : err; /* no broker now, or its pipe is full: the tick */
    inflight_remove(a->inflight, was.task, was.sample);
    return send_fail(a, was.task, was.sample, was.lease, err_text());
}

/* ---- what we hear */

static void post_one(struct actor *a, enum item_kind kind, uint64_t task, uint32_t sample)
{
    struct compute_item *item = compute_item(kind);

    item->task = task;
    item->first = sample;
    item->count = 1;
    post(a, item);
}

static void stop_sample(void *self, uint64_t task, uint32_t sample)
{
    struct actor *a = self;
    uint32_t n;
    const struct inflight_sample *e = inflight_list(a->inflight, &n);

    for (uint32_t i = 0; i < n; i++)
        if (e[i].task == task && e[i].sample != sample && !e[i].rollout)
            return; /* others of the task go on; this one's answer will be dropped */
    post_one(a, ITEM_CANCEL, task, sample);
}

/* Settled is state: heard again each second, so what is known already is passed over. */
static void settle(struct actor *a, const struct settled *settled)
{
    inflight_settle(a->inflight, settled, stop_sample, a);
}

/* Another run: the old one means nothing. */
static void start_over(struct actor *a, const struct id *run)
{
    a->run = *run;
    inflight_clear(a->inflight);
    fetch_drop_all(a->fetch);
    weights_reset(&a->weights);
    a->named.n = a->proven.n = 0;
}

/* What the broker does not want is forgotten, run or done; what it keeps need not be sent again. */
static void judge(struct actor *a, const struct claim *verdict)
{
    struct inflight_sample *e = inflight_find(a->inflight, verdict->task, verdict->sample);

    if (!e)
        return;
    if (verdict->state == CLAIM_FREE) {
        if (!e->rollout)
            stop_sample(a, e->task, e->sample);
        inflight_remove(a->inflight, verdict->task, verdict->sample);
    } else {
        e->sent = verdict->state == CLAIM_KEEP && e->rollout;
    }
}

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct actor *a = self;
    const struct msg_welcome *w = &msg->welcome;
    enum err err = fetch_endpoint(a->fetch, w->bulk, w->bulk_key, now_ms);

    if (err || !w->run)
        return err;
    if (memcmp(a->run.byte, msg->head.run.byte, sizeof a->run.byte))
        start_over(a, &msg->head.run);
    fetch_run(a->fetch, &a->run);
    weights_card(&a->weights, w->artifact, w->n_artifact);
    settle(a, &w->settled);
    for (uint32_t i = 0; i < w->n_verdict; i++)
        judge(a, &w->verdict[i]);
    weights_lower(&a->weights, w->smallest_live);
    drop_images(a, w->smallest_live);
    weights_newest(&a->weights, &w->newest);
    named_take(&a->named, w->wanted, w->n_wanted, &a->weights);
    return ask(a);
}

static enum err on_hb(void *self, const struct msg *msg, int64_t now_ms)
{
    struct actor *a = self;

    (void)now_ms;
    settle(a, &msg->hb.settled);
    drop_images(a, msg->hb.smallest_live);
    weights_newest(&a->weights, &msg->hb.newest);
    named_take(&a->named, msg->hb.wanted, msg->hb.n_wanted, &a->weights);
    return ask(a);
}

static enum err on_settled(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)now_ms;
    settle(self, &msg->settled.settled);
    return OK;
}

/* The image is asked for at once, before a lease names it: so it is here when one does. */
static enum err on_publish(void *self, const struct msg *msg, int64_t now_ms)
{
    struct actor *a = self;

    (void)now_ms;
    drop_images(a, msg->publish.smallest_live);
    weights_newest(&a->weights, &msg->publish.version);
    return ask(a);
}

static enum err on_lease(void *self, const struct msg *msg, int64_t now_ms)
{
    struct actor *a = self;
    const struct msg_lease *lease = &msg->lease;
    const char *no =
        *a->weights.unfit       ? a->weights.unfit
        : !a->weights.have_card ? "the model has not arrived yet"
        : inflight_running(a->inflight) + lease->count > 8 * (uint32_t)a->conf.slots + 64
            ? "far more samples than this actor said it has room for"
            : compute_item_unfit(&lease->task);
    uint32_t first = 0, run = 0;

    (void)now_ms;
    if (lease->lease > a->lease_seen)
        a->lease_seen = lease->lease;
    if (no)
        return send_fail(a, lease->task.id, lease->first, lease->lease, no);
    for (uint32_t s = lease->first; s <= lease->first + lease->count; s++) {
        const bool end = s == lease->first + lease->count;
        struct inflight_sample *e = end ? NULL : inflight_find(a->inflight, lease->task.id, s);
        if (e) {
            e->lease = lease->lease; /* we have it: under the new lease from now on */
            e->sent = false;
        }
        if (!end && !e &&
            inflight_add(a->inflight, lease->task.id, s, lease->lease, &lease->task.version,
                         lease->text)) {
            first = run ? first : s;
            run++;
            credit_use(&a->credit, 1);
        } else if (run) {
            post(a, compute_item_job(&lease->task, first, run, lease->text));
            run = 0;
        }
    }
    weights_want(&a->weights, &lease->task.version);
    return ask(a);
}

/* What is written already stays: its answer is as good as anybody's, and the broker says when it
 * is settled. What has begun stops only where another's answer is here (`over`): else the first
 * of two is taken. From the last sample on, so that a job that waits just becomes shorter. */
static enum err on_revoke(void *self, const struct msg *msg, int64_t now_ms)
{
    struct actor *a = self;
    const struct msg_revoke *in = &msg->revoke;
    const struct inflight_sample *e;

    for (uint32_t k = 0; k < in->n_lease; k++)
        while ((e = inflight_last(a->inflight, in->lease[k], in->n_from ? in->from[k] : 0,
                                  in->over))) {
            const uint64_t task = e->task;
            const uint32_t sample = e->sample;

            if (e->begun)
                stop_sample(a, task, sample);
            else
                post_one(a, ITEM_SHED, task, sample);
            inflight_remove(a->inflight, task, sample);
        }
    tell_room(a, now_ms);
    return OK;
}

/* Running or done, nobody will train it: the memory is free at once. All actors hear it: of what is
 * not here the thread has nothing, and its queue no place for it. */
static enum err on_cancel(void *self, const struct msg *msg, int64_t now_ms)
{
    struct actor *a = self;

    (void)now_ms;
    for (uint32_t k = 0; k < msg->cancel.n_task; k++)
        if (inflight_remove_task(a->inflight, msg->cancel.task[k]))
            post_one(a, ITEM_CANCEL, msg->cancel.task[k], 0);
    return OK;
}

/* The broker remembers that we have it, and has room for it now. */
static enum err on_want(void *self, const struct msg *msg, int64_t now_ms)
{
    struct actor *a = self;
    enum err err = OK;

    (void)now_ms;
    for (uint32_t i = 0; i < msg->want.n_claim && !err; i++) {
        struct inflight_sample *e =
            inflight_find(a->inflight, msg->want.claim[i].task, msg->want.claim[i].sample);
        if (e && e->rollout)
            err = send_rollout(a, e);
    }
    return err;
}

void actor_listen(struct actor *a)
{
    static const struct {
        enum msg_type type;
        peer_fn *fn;
    } rows[] = {{MSG_WELCOME, on_welcome}, {MSG_HB, on_hb},       {MSG_SETTLED, on_settled},
                {MSG_PUBLISH, on_publish}, {MSG_LEASE, on_lease}, {MSG_REVOKE, on_revoke},
                {MSG_CANCEL, on_cancel},   {MSG_WANT, on_want}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        peer_on(a->peer, rows[i].type, rows[i].fn, a);
}

/* ---- what arrives from elsewhere */

enum err actor_got(void *self, const struct artifact *what, struct shared_memory *shared,
                   int64_t now_ms)
{
    struct actor *a = self;
    struct compute_item *item = weights_got(&a->weights, what, shared);

    (void)now_ms;
    if (!item)
        return OK;
    post(a, item);
    return ask(a);
}

enum err actor_rebuild(void *self, struct fetch_rebuild *job)
{
    struct actor *a = self;

    return late_rebuild(&a->late, a->worker, job);
}

static enum err finished(struct actor *a, struct compute_item *item)
{
    struct inflight_sample *e = inflight_find(a->inflight, item->task, item->first);

    if (!e || e->rollout)
        return OK; /* settled or revoked meanwhile */
    e->rollout = item->rollout;
    item->rollout = NULL;
    return send_rollout(a, e);
}

/* One FAIL for all samples of the job: the broker gives out again what of that lease has not
 * come (docs/PROTOCOL.md, FAIL). */
static enum err failed(struct actor *a, const struct compute_item *item)
{
    struct inflight_sample first = {0};
    bool any = false;

    for (uint32_t s = item->first; s < item->first + item->count; s++) {
        const struct inflight_sample *e = inflight_find(a->inflight, item->task, s);
        if (!e || e->rollout) /* settled or revoked, or done before the others failed */
            continue;
        first = any ? first : *e;
        any = true;
        inflight_remove(a->inflight, item->task, s);
    }
    return any ? send_fail(a, item->task, first.sample, first.lease, item->words) : OK;
}

enum err actor_given(void *self, void *given, int64_t now_ms)
{
    struct actor *a = self;
    struct compute_item *item = given;
    enum err err = OK;

    if (item->kind == ITEM_BEGUN) {
        inflight_begun(a->inflight, item->task, item->first, item->count);
    } else if (item->kind == ITEM_GOLDEN) {
        if (proven_add(&a->proven, &a->weights, item))
            peer_hb(a->peer, now_ms); /* leases of this version may come now */
    } else if (item->kind == ITEM_REBUILD) {
        err = fetch_rebuilt(a->fetch, compute_item_rebuild(item), now_ms);
    } else {
        err = item->kind == ITEM_DONE ? finished(a, item) : failed(a, item);
    }
    compute_item_free(item);
    tell_room(a, now_ms);
    return err;
}

/* ---- time */

bool actor_idle(const void *self)
{
    uint32_t n;

    inflight_list(((const struct actor *)self)->inflight, &n);
    return n == 0;
}

enum err actor_tick(void *self, int64_t now_ms)
{
    struct actor *a = self;
    struct inflight_sample *e;
    uint32_t n;
    enum err err;

    (void)now_ms;
    late_go(&a->late, a->worker);
    err = ask(a);
    /* one that cannot be sent leaves the list; who slips into its place has the next tick */
    for (uint32_t i = 0; e = inflight_list(a->inflight, &n), i < n && !err; i++)
        if (e[i].rollout && !e[i].sent && peer_welcome(a->peer))
            err = send_rollout(a, &e[i]);
    return err;
}

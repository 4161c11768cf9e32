/* The loop's side of a rewarder. WELCOME brings the run's table of scorers: those whose kind
 * scores here (reward/reward_kind.h) are learnt, and the models that they need are fetched, by
 * hash, card and weights apart; SCORE? brings tickets, which go to the thread (score.c) and
 * come back through rewarder_given as SCORE or FAIL. Credit bounds what may be open; what the
 * full queue or the full pipe refuses waits here until the tick. A model that is no use is
 * turned down once, in the log, and its tickets fail by name: a rewarder serves the others. */

#include "rewarder/rewarder.h"

#include "base/log.h"
#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/kernel/numerics.h"
#include "member/member.h"
#include "net/worker.h"
#include "reward/reward_kind.h"
#include "rewarder/score.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rewarder_scorer { /* a scorer of the run's table that we can do */
    struct scorer scorer;
    char *spec;
    struct artifact card, image;
    struct shared_memory *card_bytes, *image_bytes; /* come, waiting for the other half */
    bool loaded;
    char unfit[ERR_WORDS]; /* why its model is no use here, "" if it may be */
};

struct rewarder {
    struct rewarder_conf conf;
    struct member *member;
    struct peer *peer; /* the member's, as is fetch */
    struct fetch *fetch;
    struct worker *worker;
    struct id run;
    struct rewarder_scorer known[SCORE_SCORERS];
    uint32_t n;
    struct msg_ability offer[SCORER_KINDS]; /* the kinds that score here */
    uint32_t n_offer;
    uint32_t open; /* rollouts in tickets that are not answered */
    uint64_t ticket_seen;
    struct score_work *late;    /* one item that the full queue refused */
    struct score_work **unsent; /* answers that the full pipe refused, in order */
    uint32_t n_unsent;
    struct credit credit; /* rollouts */
};

void rewarder_new(struct rewarder **out, const struct rewarder_conf *conf)
{
    struct rewarder *r = mem_new(1, sizeof *r);

    r->conf = *conf;
    for (uint32_t kind = 1; kind < SCORER_KINDS; kind++)
        if (reward_kind_of(kind)->score)
            r->offer[r->n_offer++] = (struct msg_ability){kind, ""};
    *out = r;
}

/* The thread forgets its half by the table that follows. */
static void forget(struct rewarder_scorer *k)
{
    free(k->spec);
    shared_memory_free(k->card_bytes);
    shared_memory_free(k->image_bytes);
    memset(k, 0, sizeof *k);
}

/* Answers that nobody waits for any more: whoever says HELLO again is asked again, and an answer
 * to a ticket of before would be none of those that are open. */
static void drop_unsent(struct rewarder *r)
{
    for (uint32_t i = 0; i < r->n_unsent; i++)
        score_work_free(r->unsent[i]);
    r->n_unsent = 0;
}

void rewarder_free(struct rewarder *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->n; i++)
        forget(&r->known[i]);
    score_work_free(r->late);
    drop_unsent(r);
    free(r->unsent);
    free(r);
}

void rewarder_meet(struct rewarder *r, struct member *member, struct worker *worker)
{
    r->member = member;
    r->peer = member_peer(member);
    r->fetch = member_fetch(member);
    r->worker = worker;
}

/* ---- what we say */

void rewarder_hello(void *self, struct msg_hello *out)
{
    const struct rewarder *r = self;

    out->offer = r->offer;
    out->n_offer = r->n_offer;
    out->slots = (uint32_t)r->conf.batch;
    out->numerics = NUMERICS;
}

/* Twice the batch: while the thread scores one, the next is on its way. */
static uint32_t room(const struct rewarder *r)
{
    const uint32_t most = (uint32_t)r->conf.batch * 2;

    return member_draining(r->member) || r->open >= most ? 0 : most - r->open;
}

void rewarder_hb(void *self, struct msg_hb *out)
{
    struct rewarder *r = self;
    const struct score_counters *c = score_counters(r->conf.scoring);

    out->tokens = atomic_load(&c->tokens);
    out->busy_ms = atomic_load(&c->busy_ns) / 1000000;
    out->idle_ms = atomic_load(&c->idle_ns) / 1000000;
    out->progress = atomic_load(&c->rollouts) + fetch_pieces(r->fetch);
    out->rss_bytes = mem_peak();
    out->queued = r->open;
    out->lease_seen = r->ticket_seen;
    out->credit = credit_say(&r->credit, room(r));
    out->note = fetch_note(r->fetch);
    for (uint32_t i = 0; i < r->n; i++)
        if (*r->known[i].unfit) /* above a download's progress: it will not mend itself */
            out->note = r->known[i].unfit;
}

/* A ticket that cannot be scored is said so at once: the broker asks another, or gives up. */
static enum err send_fail(struct rewarder *r, uint64_t ticket, const struct hash *scorer,
                          const char *reason)
{
    struct msg msg = {.head.type = MSG_FAIL};
    enum err err;

    msg.fail.ticket = ticket;
    msg.fail.scorer = *scorer;
    msg.fail.reason = reason;
    log_warn("refused", "ticket=%llu reason=\"%s\"", (unsigned long long)ticket, reason);
    err = peer_send(r->peer, &msg);
    return err == ERR_STATE ? OK : err; /* the ticket's deadline says the same */
}

/* ---- the table and its models */

/* Size and kind of an artifact stand in the run's list; a scorer's row has its hash alone. */
static const struct artifact *listed(const struct msg_welcome *w, const struct hash *hash)
{
    for (uint32_t i = 0; i < w->n_artifact; i++)
        if (hash_same(&w->artifact[i].hash, hash))
            return &w->artifact[i];
    return NULL;
}

/* Its tickets fail with these words, here and on the thread; said once in the log, too. */
static void turn_down(struct rewarder *r, struct rewarder_scorer *k, const char *words)
{
    struct score_work *work = score_work(SCORE_UNFIT);
    char name[HASH_TEXT];

    snprintf(k->unfit, sizeof k->unfit, "%s", words);
    log_warn("unfit", "scorer=%.12s reason=\"%s\" next=\"its tickets fail\"",
             hash_text(name, &k->scorer.hash), k->unfit);
    work->scorer = k->scorer.hash;
    snprintf(work->words, sizeof work->words, "%s", k->unfit);
    if (!worker_post(r->worker, work)) /* then they fail by their deadline */
        score_work_free(work);
    shared_memory_free(k->card_bytes);
    shared_memory_free(k->image_bytes);
    k->card_bytes = k->image_bytes = NULL;
}

/* What no kind of ours scores is other rewarders' affair, and what WELCOME says beyond our room
 * is not ours to serve: both are passed over, and a ticket for them fails by name. */
static void learn(struct rewarder *r, const struct scorer *scorer, const struct msg_welcome *w)
{
    struct rewarder_scorer *k = &r->known[r->n];
    const struct artifact *card = listed(w, &scorer->card), *image = listed(w, &scorer->image);
    const struct reward_kind *kind = reward_kind_of(scorer->kind);

    if (r->n == SCORE_SCORERS || !kind || !kind->score)
        return;
    k->scorer = *scorer;
    k->spec = mem_text(scorer->spec);
    k->scorer.spec = k->spec;
    k->scorer.name = "";
    if (card)
        k->card = *card;
    if (image)
        k->image = *image;
    k->card.name = "scorer's card";
    k->image.name = "scorer's image";
    r->n++;
    if (kind->model && (!card || !image))
        turn_down(r, k, "the run does not offer its model");
}

static struct rewarder_scorer *find(struct rewarder *r, const struct hash *scorer)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (hash_same(&r->known[i].scorer.hash, scorer))
            return &r->known[i];
    return NULL;
}

/* To the thread. One piece that its full queue refuses is kept here, and goes first; while it
 * waits the next are refused, so that order holds and memory has an end. */
static bool post(struct rewarder *r, struct score_work *work)
{
    if (!r->late && worker_post(r->worker, work))
        return true;
    if (r->late)
        return false;
    r->late = work;
    return true;
}

/* The scorers of a WELCOME: new ones are learnt, old ones forgotten, here and on the thread. */
static void take_table(struct rewarder *r, const struct msg_welcome *w)
{
    struct score_work *table = score_work(SCORE_TABLE);

    for (uint32_t i = 0; i < r->n;) {
        bool still = false;
        for (uint32_t s = 0; s < w->n_scorer; s++)
            still |= hash_same(&w->scorer[s].hash, &r->known[i].scorer.hash);
        if (still) {
            i++;
            continue;
        }
        forget(&r->known[i]);
        r->known[i] = r->known[--r->n];
        r->known[r->n] = (struct rewarder_scorer){.loaded = false}; /* what it held has moved */
    }
    for (uint32_t s = 0; s < w->n_scorer; s++)
        if (!find(r, &w->scorer[s].hash))
            learn(r, &w->scorer[s], w);
    for (uint32_t i = 0; i < r->n; i++)
        table->keep[table->n_keep++] = r->known[i].scorer.hash;
    if (!post(r, table))
        score_work_free(table);
}

/* Fetches what models lack, halves that are here aside. A model too large for this machine is
 * no reason to stop serving the others. */
static enum err ask(struct rewarder *r)
{
    enum err err = OK;

    for (uint32_t i = 0; i < r->n && !err; i++) {
        struct rewarder_scorer *k = &r->known[i];
        if (!reward_kind_of(k->scorer.kind)->model || k->loaded || *k->unfit)
            continue;
        if (!k->card_bytes)
            err = fetch_want(r->fetch, &k->card);
        if (!err && !k->image_bytes)
            err = fetch_want(r->fetch, &k->image);
        if (err == ERR_NOMEM) {
            turn_down(r, k, err_text());
            err = OK;
        }
    }
    return err == ERR_RANGE ? OK : err; /* enough on their way: asked again later */
}

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct rewarder *r = self;
    const struct msg_welcome *w = &msg->welcome;
    enum err err;

    drop_unsent(r); /* the broker asks again for what it lacks */
    err = fetch_endpoint(r->fetch, w->bulk, w->bulk_key, now_ms);
    if (err || !w->run)
        return err;
    /* Another run: what is on its way is for nobody. Models that both use stay: named by hash.
     */
    if (memcmp(r->run.byte, msg->head.run.byte, sizeof r->run.byte)) {
        r->run = msg->head.run;
        fetch_drop_all(r->fetch);
    }
    fetch_run(r->fetch, &r->run);
    take_table(r, w);
    return ask(r);
}

/* Both halves are here: the thread gets the model. */
static void load(struct rewarder *r, struct rewarder_scorer *k)
{
    struct score_work *work = score_work(SCORE_MODEL);
    const struct shared_memory *meta = k->card_bytes;
    enum err err = model_files_from_meta(&work->files, shared_memory_bytes(meta),
                                         shared_memory_size(meta), "the scorer's card");

    if (err) {
        score_work_free(work);
        return turn_down(r, k, err_text());
    }
    work->scorer = k->scorer.hash;
    work->image = k->image_bytes;
    k->image_bytes = NULL;
    if (!post(r, work)) {
        k->image_bytes = work->image;
        work->image = NULL;
        score_work_free(work);
        return; /* the tick tries again */
    }
    shared_memory_free(k->card_bytes);
    k->card_bytes = NULL;
    k->loaded = true;
}

enum err rewarder_got(void *self, const struct artifact *what, struct shared_memory *shared,
                      int64_t now_ms)
{
    struct rewarder *r = self;

    (void)now_ms;
    for (uint32_t i = 0; i < r->n; i++) { /* scorers may share a card or an image */
        struct rewarder_scorer *k = &r->known[i];
        if (!reward_kind_of(k->scorer.kind)->model || k->loaded || *k->unfit)
            continue;
        if (!k->card_bytes && hash_same(&k->card.hash, &what->hash))
            k->card_bytes = shared_memory_share(shared);
        if (!k->image_bytes && hash_same(&k->image.hash, &what->hash))
            k->image_bytes = shared_memory_share(shared);
        if (k->card_bytes && k->image_bytes)
            load(r, k);
    }
    shared_memory_free(shared);
    return OK;
}

/* ---- tickets */

static enum err on_ask(void *self, const struct msg *msg, int64_t now_ms)
{
    struct rewarder *r = self;
    const struct rewarder_scorer *k = find(r, &msg->ask.scorer);
    struct score_work *work;

    (void)now_ms;
    if (msg->ask.ticket > r->ticket_seen)
        r->ticket_seen = msg->ask.ticket;
    if (!k)
        return send_fail(r, msg->ask.ticket, &msg->ask.scorer,
                         "no such scorer in this rewarder's table");
    if (*k->unfit)
        return send_fail(r, msg->ask.ticket, &msg->ask.scorer, k->unfit);
    work = score_ticket(&msg->ask, &k->scorer);
    if (!post(r, work)) {
        score_work_free(work);
        return send_fail(r, msg->ask.ticket, &msg->ask.scorer, "more tickets than credit");
    }
    r->open += msg->ask.n_item;
    credit_use(&r->credit, msg->ask.n_item);
    return OK;
}

static enum err send_score(struct rewarder *r, const struct score_work *work)
{
    struct msg msg = {.head.type = MSG_SCORE};

    msg.score.ticket = work->ticket;
    msg.score.score = (struct score){.scorer = work->scorer,
                                     .rollout = work->rollout,
                                     .each = work->batch.each,
                                     .n_rollout = work->batch.n_item,
                                     .value = work->batch.value,
                                     .n_value = work->batch.n_value,
                                     .diagnostics = ""};
    return peer_send(r->peer, &msg);
}

static enum err send_answer(struct rewarder *r, const struct score_work *work)
{
    const enum err err = work->what == SCORE_DONE ? send_score(r, work) : ERR_RANGE;

    if (err != ERR_RANGE)
        return err;
    return send_fail(r, work->ticket, &work->scorer, /* or no message holds its scores */
                     work->what == SCORE_DONE ? err_text() : work->words);
}

/* Nobody should wait a second for room that there is; nor hear of each rollout's. */
static void tell_room(struct rewarder *r, int64_t now_ms)
{
    const uint32_t step = credit_left(&r->credit) ? (uint32_t)r->conf.batch / 4 + 1 : 1;

    member_room(r->member, &r->credit, room(r), step, now_ms);
}

/* Sends what the pipe refused before, in order, as far as it goes now. */
static enum err send_unsent(struct rewarder *r)
{
    uint32_t went = 0;
    enum err err = OK;

    while (went < r->n_unsent && !(err = send_answer(r, r->unsent[went])))
        score_work_free(r->unsent[went++]);
    r->n_unsent -= went;
    if (went)
        memmove(r->unsent, r->unsent + went, r->n_unsent * sizeof(*r->unsent));
    return err == ERR_STATE ? OK : err;
}

enum err rewarder_given(void *self, void *given, int64_t now_ms)
{
    struct rewarder *r = self;
    struct score_work *work = given;
    struct rewarder_scorer *k = work->what == SCORE_UNFIT ? find(r, &work->scorer) : NULL;
    enum err err;

    if (k)
        turn_down(r, k, work->words);
    if (work->what == SCORE_UNFIT) {
        score_work_free(work);
        return OK;
    }
    err = r->n_unsent ? ERR_STATE : send_answer(r, work);

    r->open -= work->batch.n_item < r->open ? work->batch.n_item : r->open;
    if (err == ERR_STATE &&
        peer_welcome(r->peer)) { /* an answer lost is a deadline waited for */
        r->unsent = mem_grow(r->unsent, r->n_unsent + 1, sizeof(*r->unsent));
        r->unsent[r->n_unsent++] = work;
    } else {
        score_work_free(work);
    }
    tell_room(r, now_ms);
    return err == ERR_STATE ? OK : err;
}

/* ---- the rest */

void rewarder_listen(struct rewarder *r)
{
    peer_on(r->peer, MSG_WELCOME, on_welcome, r);
    peer_on(r->peer, MSG_ASK, on_ask, r);
}

bool rewarder_idle(const void *self)
{
    const struct rewarder *r = self;

    return !r->open && !r->n_unsent;
}

enum err rewarder_tick(void *self, int64_t now_ms)
{
    struct rewarder *r = self;
    enum err err = ask(r);

    (void)now_ms;
    if (!err)
        err = send_unsent(r);
    if (r->late && worker_post(r->worker, r->late))
        r->late = NULL;
    for (uint32_t i = 0; i < r->n && !err; i++)
        if (!r->known[i].loaded && r->known[i].card_bytes && r->known[i].image_bytes)
            load(r, &r->known[i]);
    return err;
}

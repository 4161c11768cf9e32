#include "learner/fleet/fleet.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "learner/fleet/fleet_state.h"
#include "learner/fleet/own_actor.h"
#include "learner/run/process_stats.h"

#include <stdlib.h>
#include <string.h>

enum {
    CREDIT = 64 << 20, /* bytes of SAMPLEs on their way and not yet durable */
    OPENS = 256,       /* sent in a turn */
    LINGER_MS = 400,   /* for the last heartbeat to go out */
    BYE_MS = 1000,     /* for BYE_OK to come */
    NOBODY_MS = 5000,  /* for WELCOME, when all is over */
};

/* ---- versions */

static enum err offer(struct fleet *f, const struct snapshot *s)
{
    const struct artifact what = {.hash = s->version.hash,
                                  .bytes = shared_memory_size(s->image),
                                  .kind = ARTIFACT_IMAGE,
                                  .name = "policy"};

    return serve_shared(f->serve, &what, s->image, s->digest);
}

/* Takes the oldest image away. Another version may have the same bits: its copy is offered from
 * then on; version 0 is among the initial models and stays. */
static enum err drop_oldest(struct fleet *f)
{
    struct snapshot *s = f->snapshot[0];
    enum err err = OK;

    f->snapshots--;
    memmove(f->snapshot, f->snapshot + 1, f->snapshots * sizeof(*f->snapshot));
    if (!hash_same(&s->version.hash, &f->conf.models->model[0].image.hash)) {
        serve_remove(f->serve, &s->version.hash);
        for (uint32_t i = 0; i < f->snapshots && !err; i++)
            if (hash_same(&f->snapshot[i]->version.hash, &s->version.hash))
                err = offer(f, f->snapshot[i]);
    }
    trainer_snapshot_free(s);
    return err;
}

static enum err drop_images(struct fleet *f)
{
    const uint64_t version = ledger_version(f->conf.ledger);
    const uint64_t from = tasks_oldest(f->conf.tasks, tasks_first(f->conf.tasks, version));
    enum err err = OK;

    while (!err && f->snapshots && f->snapshot[0]->version.number < from)
        err = drop_oldest(f);
    return err;
}

static enum err keep(struct fleet *f, struct snapshot *s)
{
    const enum err err = offer(f, s);

    if (err)
        trainer_snapshot_free(s);
    else
        f->snapshot[f->snapshots++] = s;
    return err;
}

enum err fleet_say_version(struct fleet *f, struct snapshot *s)
{
    struct msg msg = {.head.type = MSG_PUBLISH,
                      .publish = {.version = s->version,
                                  .kind = ARTIFACT_IMAGE,
                                  .bytes = shared_memory_size(s->image)}};
    enum err err = keep(f, s);

    if (!err)
        err = drop_images(f);
    if (!err)
        err = serve_tick(f->serve, clock_mono_ms());
    if (err)
        return err;
    msg.publish.smallest_live = fleet_train_smallest(f);
    err = peer_send(f->peer, &msg);
    return err == ERR_STATE ? OK : err; /* the heartbeat says it too */
}

/* ---- what we say */

static struct version newest(const struct fleet *f)
{
    const uint64_t version = ledger_version(f->conf.ledger);

    return (struct version){version, *ledger_hash(f->conf.ledger, version)};
}

static void hello(void *self, struct msg_hello *out)
{
    struct fleet *f = self;

    out->settled = ledger_settled(f->conf.ledger);
    out->newest = newest(f);
    out->table = FLEET_TABLE;
    out->scorer = f->conf.rewards->table;
    out->n_scorer = (uint32_t)f->conf.rewards->n_table;
    out->artifact = serve_list(f->serve, &out->n_artifact);
    out->body_max = f->conf.body_max;
    out->own = *own_actor_id(f->own);
    out->vocabulary = (uint32_t)f->conf.models->card->shape.vocab;
}

static const char *waits_for(struct fleet *f)
{
    if (f->refused)
        return f->note;
    if (f->training)
        snprintf(f->note, sizeof f->note, "trains iteration %llu",
                 (unsigned long long)ledger_version(f->conf.ledger) + 1);
    else if (f->saving)
        snprintf(f->note, sizeof f->note, "writes a checkpoint");
    else
        snprintf(f->note, sizeof f->note,
                 "waits for answers: task %llu is the first that lacks",
                 (unsigned long long)ledger_watermark(f->conf.ledger));
    return f->note;
}

static void hb(void *self, struct msg_hb *out)
{
    struct fleet *f = self;
    const struct trainer_counters *c = trainer_counters(f->conf.trainer);
    const uint64_t pending = ledger_pending(f->conf.ledger);

    out->busy_ms = atomic_load(&c->busy_ns) / 1000000;
    out->idle_ms = atomic_load(&c->idle_ns) / 1000000;
    out->tokens = f->tokens;
    out->progress = f->arrived + ledger_version(f->conf.ledger);
    out->rss_bytes = mem_peak();
    out->lag_ms = (uint32_t)loop_lag_ms(member_loop(f->member));
    out->lease_seen = f->arrived;
    out->credit_bytes = pending < CREDIT ? CREDIT - pending : 0;
    out->settled = ledger_settled(f->conf.ledger);
    out->newest = newest(f);
    out->smallest_live = fleet_train_smallest(f);
    out->done = fleet_train_over(f);
    out->step = ledger_version(f->conf.ledger);
    out->metrics = f->metrics ? f->metrics : "";
    out->note = waits_for(f);
}

enum err fleet_say_settled(struct fleet *f)
{
    struct msg msg = {.head.type = MSG_SETTLED};
    enum err err;

    if (f->told)
        return OK;
    msg.settled.settled = ledger_settled(f->conf.ledger);
    err = peer_send(f->peer, &msg);
    f->told = !err;
    return err == ERR_STATE ? OK : err; /* the heartbeat says it too */
}

static struct task task_of(struct fleet *f, uint64_t id)
{
    const struct tasks_place at = tasks_at(f->conf.tasks, id);
    const struct prompt *prompt = samples_log_prompt(f->conf.samples_log, id);
    const struct hash *named = ledger_hash(f->conf.ledger, at.version);

    return (struct task){.id = id,
                         .seed = tasks_plan(f->conf.tasks)->seed,
                         .samples = tasks_samples(f->conf.tasks, id),
                         .prompt = prompt->token,
                         .n_prompt = prompt->tokens,
                         .decoding = f->conf.decoding,
                         .version = at.any ? (struct version){at.version, {{0}}}
                                           : (struct version){at.version, *named},
                         .scorers = FLEET_TABLE,
                         .tail = f->conf.tail,
                         .n_tail = prompt->chat ? f->conf.tails : 0,
                         .prompt_text = prompt->text ? prompt->text : "",
                         .meta = prompt->meta ? prompt->meta : ""};
}

/* Opens what the window allows and the broker lacks. */
static enum err open_tasks(struct fleet *f)
{
    const uint64_t end = ledger_window(f->conf.ledger);
    const uint64_t settled = ledger_watermark(f->conf.ledger);
    enum err err = OK;

    if (!peer_welcome(f->peer) || f->draining)
        return OK;
    if (f->opened < settled) /* the broker passes over them, too */
        f->opened = settled;
    for (int i = 0; i < OPENS && f->opened < end && !err; i++) {
        struct msg msg = {.head.type = MSG_OPEN};
        msg.open.task = task_of(f, f->opened);
        err = peer_send(f->peer, &msg);
        if (!err)
            err = fleet_others_opened(f, f->opened);
        if (!err)
            f->opened++;
        else if (err != ERR_STATE)
            err = err_add("task %llu", (unsigned long long)f->opened);
    }
    return err == ERR_STATE ? OK : err;
}

/* ---- what we hear */

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet *f = self;
    enum err err;

    f->arrived = 0;
    f->welcome = true;
    f->refused = false;
    f->opened = f->acked = msg->welcome.open_to;
    err = fleet_refuse_again(f);
    return err ? err
               : serve_endpoint(f->serve, msg->welcome.bulk, msg->welcome.bulk_key, now_ms);
}

static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet *f = self;
    const struct id *const run = &f->conf.models->run;
    const bool ours = !memcmp(&msg->head.run, run, sizeof *run);

    if (fleet_train_over(f)) { /* nothing is asked of it any more */
        f->finished = true;
        return OK;
    }
    if (f->welcome && ours && msg->head.epoch > f->conf.epoch)
        return err_set(ERR_STATE, "a later start of this run is served by the broker: %s",
                       msg->refuse.words);
    if (msg->refuse.code == REFUSE_FENCED && !f->welcome)
        return fleet_refuse_fenced(f, msg->head.epoch, now_ms);
    if (msg->refuse.code != REFUSE_BUSY && msg->refuse.code != REFUSE_STRIKES)
        return err_set(ERR_STATE, "the broker refuses this learner: %s", msg->refuse.words);
    if (!f->refused)
        log_warn("refused", "reason=\"%s\" next=\"asks again\"", msg->refuse.words);
    f->refused = true;
    snprintf(f->note, sizeof f->note, "the broker says: %s", msg->refuse.words);
    return OK;
}

/* The broker says up to where it knows the tasks: what it has not got for a whole heartbeat is
 * sent again. */
static enum err on_hb(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet *f = self;

    process_stats_hear(f->conf.crew, msg->hb.metrics, now_ms);
    process_stats_see(
        f->conf.crew,
        &(struct process_stats_row){"learner", "learner", 0, f->tokens, mem_peak()}, now_ms);
    if (msg->hb.open_to < f->opened && msg->hb.open_to == f->acked)
        f->opened = msg->hb.open_to;
    f->acked = msg->hb.open_to;
    fleet_others_hear(f, &msg->hb, now_ms);
    return open_tasks(f);
}

static enum err on_sample(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet *f = self;
    const struct rollout *r = &msg->sample.rollout;
    struct record_sample sample;
    const struct hash *scorer;
    enum err err;

    f->arrived++;
    if (msg->head.epoch != f->conf.epoch || ledger_refusing(f->conf.ledger))
        return OK; /* asked for in an epoch that ends: it comes again if it is still wanted */
    if (!ledger_lacks(f->conf.ledger, r->task, r->sample) ||
        r->task >= tasks_window(f->conf.tasks, ledger_version(f->conf.ledger), 0))
        return OK; /* known: settled says so again with the next heartbeat */
    if (record_sample_from(&sample, &msg->sample)) { /* the broker joins scores by hash */
        log_warn("sample", "reason=\"%s\"", err_text());
        return OK;
    }
    if (fleet_check(f, &msg->sample, &sample, &scorer)) {
        err = fleet_refuse_untaken(f, &sample, scorer, err_text());
        record_fini(JOURNAL_SAMPLE, &sample);
        return err ? err : fleet_train_advance(f, now_ms);
    }
    ledger_take(f->conf.ledger, &sample);
    return fleet_train_advance(f, now_ms);
}

static enum err on_refused(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet *f = self;
    const enum err err = fleet_refuse_told(f, &msg->refused);

    return err ? err : fleet_train_advance(f, now_ms);
}

/* With `none` and `lag` no answer may be missing: the run ends and names the task. */
static enum err on_dropped(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet *f = self;
    const struct msg_dropped *d = &msg->dropped;

    (void)now_ms;
    f->arrived++;
    if (!ledger_lacks(f->conf.ledger, d->task, d->sample))
        return OK;
    return err_set(ERR_STATE, "task %llu sample %u cannot be answered: %s (%u attempts)",
                   (unsigned long long)d->task, d->sample,
                   *d->error ? d->error : "no reason was given", d->attempts);
}

static enum err on_bye_ok(void *self, const struct msg *msg, int64_t now_ms)
{
    ((struct fleet *)self)->bye_ok = true;
    return (void)msg, (void)now_ms, OK;
}

/* ---- time */

/* All is said but BYE. */
static bool leaving(const struct fleet *f, int64_t now_ms)
{
    return f->finished || (f->said_ms && now_ms - f->said_ms >= LINGER_MS);
}

/* So that the broker takes us for gone, not for dead: another run may come at once. */
static enum err say_bye(struct fleet *f, int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_BYE};
    enum err err;

    msg.bye.reason = f->draining                     ? "stopped"
                     : ledger_halted(f->conf.ledger) ? "stop_if"
                                                     : "done";
    err = peer_send(f->peer, &msg);
    if (!err)
        f->bye_ms = now_ms;
    return err == ERR_STATE ? OK : err;
}

/* Time to say `done`. A run that was over as it began says so, too: else the broker would keep
 * its place for it. */
static bool is_over(const struct fleet *f, int64_t now_ms)
{
    return fleet_train_over(f) && !f->training && !f->saving && !f->done && !f->draining &&
           (peer_welcome(f->peer) || now_ms - f->begun_ms >= NOBODY_MS);
}

static enum err tick(void *self, int64_t now_ms)
{
    struct fleet *f = self;
    enum err err = serve_tick(f->serve, now_ms);

    if (!err)
        err = fleet_train_advance(f, now_ms);
    if (!err)
        err = open_tasks(f);
    if (!err && peer_welcome(f->peer))
        err = fleet_say_settled(f);
    if (!err && !f->said_ms && is_over(f, now_ms)) {
        f->said_ms = now_ms;
        peer_hb(f->peer, now_ms);
    }
    if (!err && leaving(f, now_ms) && !f->bye_ms)
        err = say_bye(f, now_ms);
    return err;
}

static void drain(void *self, int64_t deadline_ms)
{
    struct fleet *f = self;

    if (f->draining) { /* told again: no more patience */
        f->deadline_ms = deadline_ms - MEMBER_DRAIN_MS;
        return;
    }
    progress_line(f->conf.progress, "stopping%s",
                  f->training ? ": an iteration is under way, it is given some seconds (told "
                                "again: none)"
                              : "");
    f->draining = true;
    f->deadline_ms = deadline_ms;
}

static bool finished(const void *self, int64_t now_ms)
{
    const struct fleet *f = self;

    return leaving(f, now_ms) &&
           (f->bye_ok || !peer_welcome(f->peer) || (f->bye_ms && now_ms - f->bye_ms >= BYE_MS));
}

/* ---- the whole */

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    (void)self, (void)what, (void)now_ms;
    shared_memory_free(shared); /* a learner asks for nothing */
    return OK;
}

static enum err offer_models(struct fleet *f)
{
    const struct initial_models *o = f->conf.models;
    enum err err = OK;

    for (int i = 0; i < o->models && !err; i++) {
        err = serve_add(f->serve, &o->model[i].card, o->model[i].card_bytes);
        if (!err)
            err = serve_add(f->serve, &o->model[i].image, o->model[i].image_bytes);
    }
    for (uint32_t i = 0; i < f->conf.snapshots && !err; i++)
        err = keep(f, f->conf.snapshot[i]);
    return err;
}

static enum err meet(struct fleet *f)
{
    const struct serve_conf serve = {.loop = member_loop(f->member),
                                     .context = member_context(f->member),
                                     .peer = member_peer_conf(f->member),
                                     .run = f->conf.models->run,
                                     .epoch = f->conf.epoch};

    f->peer = member_peer(f->member);
    peer_run(f->peer, &serve.run, serve.epoch);
    peer_on(f->peer, MSG_WELCOME, on_welcome, f);
    peer_on(f->peer, MSG_REFUSE, on_refuse, f);
    peer_on(f->peer, MSG_HB, on_hb, f);
    peer_on(f->peer, MSG_SAMPLE, on_sample, f);
    peer_on(f->peer, MSG_REFUSED, on_refused, f);
    peer_on(f->peer, MSG_DROPPED, on_dropped, f);
    peer_on(f->peer, MSG_BYE_OK, on_bye_ok, f);
    fleet_others_meet(f);
    serve_new(&f->serve, &serve);
    return offer_models(f);
}

static enum err compute(void *self, struct worker *worker)
{
    return trainer_main(((struct fleet *)self)->conf.trainer, worker);
}

static void leave(struct fleet *f)
{
    f->closing = true;
    if (f->training || f->saving)
        trainer_abandon();
    worker_stop(f->worker);
    serve_free(f->serve);
    fleet_others_stop(f);
    member_close(f->member);
    fleet_others_close(f);
    for (uint32_t i = 0; i < f->snapshots; i++)
        trainer_snapshot_free(f->snapshot[i]);
    trainer_job_free(f->done);
    free(f->metrics);
}

enum err fleet_run(const struct fleet_conf *conf, enum fleet_end *end)
{
    struct fleet *f = mem_new(1, sizeof *f);
    const struct worker_conf worker = {4, compute, fleet_train_given, trainer_job_free, f};
    enum err err;

    f->conf = *conf;
    f->saved = conf->saved;
    f->begun_ms = f->stepped_ms = f->saved_ms = clock_mono_ms();
    fleet_others_open(f);
    err = member_open(&f->member, conf->member,
                      &(struct member_conf){.role = ROLE_LEARNER,
                                            .hello = hello,
                                            .hb = hb,
                                            .got = got,
                                            .tick = tick,
                                            .drain = drain,
                                            .finished = finished,
                                            .self = f});
    if (!err)
        err = meet(f);
    if (!err)
        err = worker_start(&f->worker, member_loop(f->member), &worker);
    if (!err)
        err = member_run(f->member);
    *end = f->draining ? FLEET_STOPPED : FLEET_DONE;
    leave(f);
    free(f);
    return err;
}

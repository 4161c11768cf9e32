/* One connection to the broker (member, peer) and one for artifacts (fleet_bulk).
 *
 * Each handler does what the message asks of the connection, then tells the owner, whose answer
 * may say more on the same connection. Nothing here needs to be delivered: what is settled, the
 * newest version and how far tasks are opened stand in every heartbeat, and HELLO says all of it
 * to a broker that knows nothing; so a full or cut pipe (ERR_STATE) is no error, and `told` and
 * fleet_tasks remember what is still to be said.
 *
 * A run leaves in stages (enum link_leaving): `done` in a heartbeat of its own, some time for it
 * to go out, BYE, and the end once that is answered or nobody is there. One that was stopped is
 * not done: it begins with BYE. */

#include "learner/fleet/fleet_link.h"

#include "base/log.h"
#include "base/mem.h"
#include "learner/fleet/fleet_bulk.h"
#include "learner/fleet/fleet_disk.h"
#include "learner/fleet/fleet_report.h"
#include "learner/fleet/fleet_tasks.h"
#include "learner/fleet/fleet_turn.h"
#include "learner/fleet/fleet_versions.h"
#include "learner/fleet/fleet_ways.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/numerics.h"
#include "member/member.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    CREDIT = 64 << 20, /* bytes of SAMPLEs on their way and not yet durable */
    LINGER_MS = 400,   /* for the last heartbeat to go out */
    NOBODY_MS = 5000,  /* for WELCOME, when all is over */
};

enum link_leaving {
    LINK_STAYS,
    LINK_TELLS,   /* `done` is to be said */
    LINK_LINGERS, /* it was */
    LINK_GOES,    /* BYE is to be said, or was */
};

struct fleet_link {
    struct fleet_link_conf conf;
    struct run_context *run; /* conf.run */
    struct member_options options;
    struct member *member;
    struct peer *peer; /* the member's */
    struct fleet_bulk *bulk;
    struct fleet_versions versions;
    struct fleet_ways *ways;
    struct fleet_tasks tasks;

    uint64_t epoch;   /* that was said, */
    uint32_t table;   /* and the table of scorers */
    bool welcome;     /* in this epoch, ever */
    uint64_t arrived; /* SAMPLE and DROPPED on this connection */
    bool told;        /* what is settled was said since it changed */
    enum link_leaving leaving;
    int64_t begun_ms, said_ms; /* said_ms: `done` */
    struct fleet_turn turn;
    struct version image[FLEET_VERSIONS]; /* as HELLO and HB say it, with golden */
    uint32_t golden[FLEET_VERSIONS];
    char note[256];
};

struct loop *fleet_link_loop(struct fleet_link *l)
{
    return member_loop(l->member);
}

struct snapshot *const *fleet_link_versions(const struct fleet_link *l, uint32_t *n)
{
    *n = l->versions.n_snapshot;
    return l->versions.snapshot;
}

/* ---- what we say */

enum err fleet_link_say(struct fleet_link *l, struct msg *msg, bool *sent)
{
    const enum err err = peer_send(l->peer, msg);

    if (sent)
        *sent = !err;
    return err == ERR_STATE ? OK : err;
}

enum err fleet_link_version(struct fleet_link *l, struct snapshot *s, int64_t now_ms)
{
    struct run_context *const run = l->run;
    const uint64_t version = ledger_version(run->ledger);
    struct msg msg = {.head.type = MSG_PUBLISH,
                      .publish = {.version = s->version,
                                  .kind = ARTIFACT_IMAGE,
                                  .bytes = shared_memory_size(s->image),
                                  .golden = s->golden}};
    enum err err = fleet_versions_add(&l->versions, s);

    if (!err)
        err = fleet_versions_drop(&l->versions,
                                  tasks_oldest(run->tasks, tasks_first(run->tasks, version)));
    fleet_ways_trim(l->ways);
    if (!err) /* the offer first: who hears of the version asks for it at once */
        err = fleet_bulk_tick(l->bulk, now_ms);
    if (err)
        return err;
    msg.publish.smallest_live = run_context_smallest(run);
    return fleet_link_say(l, &msg, NULL);
}

/* Said until it was sent: the heartbeat would bring it too, a second later. */
static enum err say_settled(struct fleet_link *l)
{
    struct msg msg = {.head.type = MSG_SETTLED};
    enum err err;

    if (l->told)
        return OK;
    msg.settled.settled = ledger_settled(l->run->ledger);
    err = peer_send(l->peer, &msg);
    l->told = !err;
    return err == ERR_STATE ? OK : err;
}

enum err fleet_link_settled(struct fleet_link *l)
{
    l->told = false;
    return say_settled(l);
}

enum err fleet_link_refuse(struct fleet_link *l, const struct record_refused *r)
{
    struct msg msg = {.head.type = MSG_REFUSED,
                      .refused = {.task = r->task,
                                  .sample = r->sample,
                                  .hash = r->hash,
                                  .scorer = r->scorer,
                                  .writer = record_writer_noun(&r->writer),
                                  .words = r->words}};

    return fleet_link_say(l, &msg, NULL);
}

enum err fleet_link_cancel(struct fleet_link *l, uint64_t first, uint64_t end,
                           const char *reason)
{
    return fleet_tasks_cancel(&l->tasks, first, end, reason);
}

/* A later epoch may lower what is settled, another table asks for other scores: peers must hear all
 * of it again, HELLO anew. */
enum err fleet_link_news(struct fleet_link *l, int64_t now_ms)
{
    const uint64_t epoch = ledger_epoch(l->run->ledger);
    const bool table = l->run->table != l->table;
    const enum err err = table ? fleet_versions_refresh(&l->versions, l->run) : OK;

    if (err || (!table && epoch == l->epoch))
        return err;
    l->welcome &= epoch == l->epoch;
    log_info("anew", "epoch=%llu table=%u", (unsigned long long)epoch, l->run->table);
    l->epoch = epoch;
    l->table = l->run->table;
    peer_run(l->peer, &l->run->models->run, epoch);
    fleet_bulk_epoch(l->bulk, epoch);
    peer_again(l->peer, now_ms);
    return OK;
}

static struct version newest(const struct run_context *run)
{
    const uint64_t version = ledger_version(run->ledger);

    return (struct version){version, *ledger_hash(run->ledger, version)};
}

/* All that a broker needs which has never heard of this run. */
static void hello(void *self, struct msg_hello *out)
{
    struct fleet_link *l = self;
    struct run_context *const run = l->run;

    out->settled = ledger_settled(run->ledger);
    out->newest = newest(run);
    out->table = run->table;
    out->scorer = run->plan.rewards.table;
    out->n_scorer = (uint32_t)run->plan.rewards.n_table;
    out->artifact = fleet_bulk_list(l->bulk, &out->n_artifact);
    out->body_max = run->body_max;
    out->own = *l->conf.own;
    out->vocabulary = (uint32_t)run->models->policy->shape.vocab;
    out->numerics = NUMERICS;
    out->image = l->image, out->golden = l->golden;
    out->n_image = out->n_golden = fleet_versions_list(&l->versions, l->image, l->golden);
    fleet_turn_hello(&l->turn, run, out);
}

static void hb(void *self, struct msg_hb *out)
{
    struct fleet_link *l = self;
    struct run_context *const run = l->run;
    const struct trainer_counters *c = trainer_counters(run->trainer);
    const uint64_t pending = ledger_pending(run->ledger);

    out->busy_ms = atomic_load(&c->busy_ns) / 1000000;
    out->idle_ms = atomic_load(&c->idle_ns) / 1000000;
    out->tokens = l->conf.report->tokens;
    out->progress = l->arrived + ledger_version(run->ledger);
    out->rss_bytes = mem_peak();
    out->lag_ms = (uint32_t)loop_lag_ms(member_loop(l->member));
    out->lease_seen = l->arrived;
    /* what is taken and not yet durable counts: a slow disk slows the broker down */
    out->credit_bytes = pending < CREDIT ? CREDIT - pending : 0;
    out->settled = ledger_settled(run->ledger);
    out->newest = newest(run);
    out->smallest_live = run_context_smallest(run);
    out->done = run_context_settled(run);
    out->step = ledger_version(run->ledger);
    out->steps_total = (uint64_t)run->plan.iterations;
    out->metrics = l->conf.report->metrics ? l->conf.report->metrics : "";
    fleet_report_stands(l->note, sizeof l->note, run, l->conf.loop->state);
    out->note = l->note;
    out->image = l->image, out->golden = l->golden;
    out->n_image = out->n_golden = fleet_versions_list(&l->versions, l->image, l->golden);
    out->trouble = l->conf.disk->words;
}

void fleet_link_hb(struct fleet_link *l, int64_t now_ms)
{
    peer_hb(l->peer, now_ms);
}

/* ---- what we hear */

/* A run that drains asks for nothing more. */
static enum err open_tasks(struct fleet_link *l)
{
    return peer_welcome(l->peer) && !fleet_loop_draining(l->conf.loop)
               ? fleet_tasks_open(&l->tasks)
               : OK;
}

static enum err tell(struct fleet_link *l, enum link_event event, const struct msg *msg,
                     int64_t now_ms)
{
    return l->conf.heard(l->conf.self, event, msg, now_ms);
}

/* A broker keeps no disk: whose answers were refused is said again before tasks are opened, so
 * that the same worker does not get them again. Mates of a false answer were not refused. */
static enum err refuse_again(struct fleet_link *l)
{
    uint32_t n;
    const struct record_refused *const r = ledger_refused(l->run->ledger, &n);
    enum err err = OK;

    for (uint32_t i = 0; i < n && !err; i++)
        if (r[i].reason != RECORD_GROUP)
            err = fleet_link_refuse(l, &r[i]);
    return err;
}

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet_link *l = self;
    enum err err;

    l->arrived = 0;
    l->welcome = true;
    fleet_turn_come(&l->turn, &l->run->progress, now_ms);
    fleet_tasks_welcome(&l->tasks, msg->welcome.open_to);
    err = refuse_again(l);
    return err ? err
               : fleet_bulk_endpoint(l->bulk, msg->welcome.bulk, msg->welcome.bulk_key, now_ms);
}

/* Who was welcome in its epoch and is fenced is followed by another one, and ends. Who never was
 * stands in a folder that is behind: it may go on above the epoch that the broker has seen. */
static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet_link *l = self;
    const struct id *const run = &l->run->models->run;
    const bool ours = !memcmp(&msg->head.run, run, sizeof *run);

    if (run_context_settled(l->run)) { /* nothing is asked of it any more */
        l->leaving = LINK_GOES;
        return OK;
    }
    if (l->welcome && ours && msg->head.epoch > l->epoch)
        return err_set(ERR_STATE, "a later start of this run is served by the broker: %s",
                       msg->refuse.words);
    if (msg->refuse.code == REFUSE_FENCED && !l->welcome)
        return tell(l, LINK_FENCED, msg, now_ms);
    if (msg->refuse.code != REFUSE_BUSY && msg->refuse.code != REFUSE_STRIKES)
        return err_set(ERR_STATE, "the broker refuses this learner: %s", msg->refuse.words);
    fleet_turn_wait(&l->turn, &l->run->progress, msg->refuse.words, now_ms);
    return OK;
}

static enum err on_hb(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet_link *l = self;
    struct process_stats *const stats = l->run->stats;
    enum err err;

    process_stats_hear(stats, msg->hb.metrics, now_ms);
    process_stats_see(stats,
                      &(struct process_stats_row){"learner", "learner", 0,
                                                  l->conf.report->tokens, mem_peak(), 0, 0},
                      now_ms);
    fleet_tasks_hear(&l->tasks, msg->hb.open_to);
    err = tell(l, LINK_HEARTBEAT, msg, now_ms);
    return err ? err : open_tasks(l);
}

static enum err on_sample(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet_link *l = self;

    l->arrived++;
    if (msg->head.epoch != l->epoch)
        return OK; /* asked for in an epoch that ended: it comes again if it is still wanted */
    return tell(l, LINK_SAMPLE, msg, now_ms);
}

/* What needs nothing of the connection. */
static enum err on_told(void *self, const struct msg *msg, int64_t now_ms)
{
    const enum link_event event = msg->head.type == MSG_REFUSED ? LINK_REFUSED
                                  : msg->head.type == MSG_FAIL  ? LINK_FAIL
                                                                : LINK_PEOPLE;

    return tell(self, event, msg, now_ms);
}

/* With `none` and `lag` no answer may be missing: the run ends and names the task. */
static enum err on_dropped(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fleet_link *l = self;
    const struct msg_dropped *d = &msg->dropped;

    (void)now_ms;
    l->arrived++;
    if (!ledger_lacks(l->run->ledger, d->task, d->sample))
        return OK;
    return err_set(ERR_STATE, "task %llu sample %u cannot be answered: %s (%u attempts)",
                   (unsigned long long)d->task, d->sample,
                   *d->error ? d->error : "no reason was given", d->attempts);
}

/* ---- time */

void fleet_link_leave(struct fleet_link *l)
{
    l->leaving = fleet_loop_draining(l->conf.loop) ? LINK_GOES : LINK_TELLS;
}

/* BYE, so that the broker takes us for gone, not for dead: another run may come at once. A run
 * that was over as it began says `done` too: else the broker would keep its place for it. */
static enum err leave(struct fleet_link *l, int64_t now_ms)
{
    if (l->leaving == LINK_TELLS &&
        (peer_welcome(l->peer) || now_ms - l->begun_ms >= NOBODY_MS)) {
        l->leaving = LINK_LINGERS;
        l->said_ms = now_ms;
        peer_hb(l->peer, now_ms);
    }
    if (l->leaving == LINK_LINGERS && now_ms - l->said_ms >= LINGER_MS)
        l->leaving = LINK_GOES;
    if (l->leaving != LINK_GOES)
        return OK;
    return member_bye(l->member,
                      fleet_loop_draining(l->conf.loop) ? "stopped"
                      : ledger_halted(l->run->ledger)   ? "stop_if"
                                                        : "done",
                      now_ms);
}

static bool finished(const void *self, int64_t now_ms)
{
    const struct fleet_link *l = self;

    return l->leaving == LINK_GOES && member_gone(l->member, now_ms);
}

static enum err tick(void *self, int64_t now_ms)
{
    struct fleet_link *l = self;
    enum err err = fleet_bulk_tick(l->bulk, now_ms);

    l->turn.now_ms = now_ms;
    if (!err)
        err = tell(l, LINK_TICK, NULL, now_ms);
    if (!err)
        err = open_tasks(l);
    if (!err && peer_welcome(l->peer))
        err = say_settled(l);
    return err ? err : leave(l, now_ms);
}

static void drain(void *self, int64_t deadline_ms)
{
    struct fleet_link *l = self;

    l->conf.drain(l->conf.self, deadline_ms);
}

/* ---- the whole */

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    (void)self, (void)what, (void)now_ms;
    shared_memory_free(shared); /* a learner asks for nothing */
    return OK;
}

static enum err meet(struct fleet_link *l)
{
    const struct fleet_ways_conf ways = {member_loop(l->member), &l->versions,
                                         &l->run->models->model[0]};
    static const struct {
        enum msg_type type;
        peer_fn *fn;
    } rows[] = {{MSG_WELCOME, on_welcome}, {MSG_REFUSE, on_refuse},  {MSG_HB, on_hb},
                {MSG_SAMPLE, on_sample},   {MSG_REFUSED, on_told},   {MSG_DROPPED, on_dropped},
                {MSG_FAIL, on_told},       {MSG_EXPORT_OK, on_told}, {MSG_JUDGEMENT, on_told}};
    struct fleet_bulk_conf bulk = {.loop = member_loop(l->member),
                                   .context = member_context(l->member),
                                   .peer = member_peer_conf(l->member),
                                   .run = l->run->models->run,
                                   .epoch = l->epoch,
                                   .ways = fleet_ways_ask};

    fleet_ways_new(&l->ways, &ways);
    bulk.self = l->ways;
    l->peer = member_peer(l->member);
    l->tasks = (struct fleet_tasks){.run = l->run, .peer = l->peer};
    peer_run(l->peer, &bulk.run, bulk.epoch);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        peer_on(l->peer, rows[i].type, rows[i].fn, l);
    fleet_bulk_new(&l->bulk, &bulk);
    l->versions.bulk = l->bulk;
    return fleet_versions_begin(&l->versions, l->run);
}

enum err fleet_link_open(struct fleet_link **out, const struct fleet_link_conf *conf,
                         int64_t now_ms)
{
    const struct fleet_keys *k = conf->run->keys;
    struct fleet_link *l = mem_new(1, sizeof *l);
    const struct member_conf member = {.role = ROLE_LEARNER,
                                       .isa = isa_current()->name,
                                       .threads = omp_get_max_threads(),
                                       .hello = hello,
                                       .hb = hb,
                                       .got = got,
                                       .tick = tick,
                                       .drain = drain,
                                       .finished = finished,
                                       .self = l};
    enum err err;

    l->conf = *conf;
    l->run = conf->run;
    l->epoch = ledger_epoch(l->run->ledger);
    l->table = l->run->table;
    l->begun_ms = now_ms;
    l->versions.first = &l->run->models->model[0].image.hash;
    l->options = (struct member_options){.broker = k->broker,
                                         .key = k->broker_key ? k->broker_key : "",
                                         .name = "learner",
                                         .wait = k->broker_wait,
                                         .log_level = "info",
                                         .parent_fd = k->parent_fd};
    err = member_open(&l->member, &l->options, &member);
    *out = l;
    return err ? err : meet(l);
}

enum err fleet_link_run(struct fleet_link *l)
{
    return member_run(l->member);
}

void fleet_link_close(struct fleet_link *l)
{
    if (!l)
        return;
    fleet_ways_free(l->ways);
    fleet_bulk_free(l->bulk);
    member_close(l->member);
    fleet_versions_fini(&l->versions);
    free(l);
}

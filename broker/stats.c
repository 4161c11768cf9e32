/* The snapshot for the dashboard port. What each field says: broker.h.
 *
 * Nothing is counted here: sums stand where they change (tasks, counters), the rest is looked up
 * among members and leases. Lists are cut to what a page shows, so a snapshot of a fleet of
 * thousands still fits a message. */

#include "broker/stats.h"

#include "base/mem.h"
#include "broker/waits.h"
#include "proto/limit.h"
#include "proto/text.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATS_LEASES = 64,
    STATS_MEMBERS = 64,
    STATS_TEXT = 24 << 10,
    STATS_PEERS = 1024,
    STATS_SUSPECTS = 64
};

struct page { /* what the message points to */
    struct msg_stats_peer peer[STATS_PEERS];
    struct msg_stats_lease lease[STATS_LEASES];
    struct waits waits;
    struct msg_stats_reason drop[TASKS_DROPS], refusal[STATE_REFUSALS + 1];
    struct msg_stats_suspect suspect[STATS_SUSPECTS];
    char advice[MEMBERS_WORDS];
};

/* What travels is at most LIMIT_MS, and no age is below zero. */
static uint32_t age(int64_t since_ms, int64_t now_ms)
{
    const int64_t ms = now_ms - since_ms;

    return ms < 0 ? 0 : ms > LIMIT_MS ? LIMIT_MS : (uint32_t)ms;
}

/* Who knew the id of the learner's own actor could take its place. */
static struct id public_id(const struct broker *b, const struct broker_member *m)
{
    return run_is_own(&b->run, m) ? (struct id){{0}} : m->id;
}

static void fill_peer(const struct broker *b, struct msg_stats_peer *out,
                      const struct broker_member *m, int64_t now_ms)
{
    *out = (struct msg_stats_peer){.id = public_id(b, m),
                                   .role = m->role,
                                   .age_ms = age(m->heard_ms, now_ms),
                                   .name = m->name,
                                   .tokens = m->now.tokens,
                                   .busy_ms = m->now.busy_ms,
                                   .idle_ms = m->now.idle_ms,
                                   .rss_bytes = m->rss_bytes,
                                   .version = members_newest(m),
                                   .tokens_s = members_rate(m),
                                   .queued = m->queued,
                                   .leases = m->leases,
                                   .credit = m->credit,
                                   .lag_ms = m->lag_ms,
                                   .strikes = m->strikes,
                                   .note = m->note,
                                   .error = m->error};
}

static void fill_peers(const struct broker *b, struct page *page, struct msg_stats *out,
                       int64_t now_ms)
{
    for (const struct broker_member *m = b->members.first; m && out->n_peer < STATS_PEERS;
         m = m->next)
        fill_peer(b, &page->peer[out->n_peer++], m, now_ms);
    out->peer = page->peer;
}

static int by_age(const void *a, const void *b)
{
    const struct msg_stats_lease *x = a, *y = b;

    return (x->lease > y->lease) - (x->lease < y->lease); /* numbers rise with time */
}

static void fill_lease(const struct broker *b, struct msg_stats_lease *out,
                       const struct lease *lease, int64_t now_ms)
{
    *out = (struct msg_stats_lease){.lease = lease->number,
                                    .task = lease->task,
                                    .first = lease->first,
                                    .count = lease->count,
                                    .age_ms = age(lease->granted_ms, now_ms),
                                    .quiet_ms = age(lease->holder->progress_ms, now_ms),
                                    .peer = public_id(b, lease->holder)};
    /* Its holder's progress of before the lease was about other work. */
    if (out->quiet_ms > out->age_ms)
        out->quiet_ms = out->age_ms;
}

/* The oldest few: a full page gives up its youngest for an older one. */
static void fill_leases(const struct broker *b, struct page *page, struct msg_stats *out,
                        int64_t now_ms)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->leases.capacity && b->leases.n; i++) {
        const struct lease *lease = &b->leases.slot[i];

        if (!lease->number)
            continue;
        if (n == STATS_LEASES) {
            qsort(page->lease, n, sizeof page->lease[0], by_age);
            if (page->lease[n - 1].lease < lease->number)
                continue;
            n--;
        }
        fill_lease(b, &page->lease[n++], lease, now_ms);
    }
    qsort(page->lease, n, sizeof page->lease[0], by_age);
    out->lease = page->lease;
    out->n_lease = n;
}

static uint32_t count_role(const struct broker *b, enum role role)
{
    uint32_t n = 0;

    for (const struct broker_member *m = b->members.first; m; m = m->next)
        n += m->role == role && m->greeted;
    return n;
}

/* Mean over a role of its busy share; 0 if nobody says. */
static double busy(const struct broker *b, enum role role)
{
    double sum = 0, n = 0;

    for (const struct broker_member *m = b->members.first; m; m = m->next) {
        const double share = m->role == role && m->greeted ? members_busy(m) : -1;

        if (share >= 0)
            sum += share, n++;
    }
    return n > 0 ? sum / n : 0;
}

/* Who is the bottleneck, and what would help. Actors are asked for in proportion to the
 * learner's idle share, at most three times as many as there are. */
static void advise(const struct broker *b, struct page *page, struct msg_stats *out)
{
    const uint32_t actors = count_role(b, ROLE_ACTOR);
    const double learner = out->learner_busy < .25 ? .25 : out->learner_busy;

    if (out->scoring > out->leased && out->rewarder_busy > .9)
        text_print(page->advice, sizeof page->advice, "add a rewarder");
    else if (actors && out->actor_busy > .9 && out->learner_busy < .7) {
        const uint32_t more = (uint32_t)(actors * (1 / learner - 1) + .5);

        text_print(page->advice, sizeof page->advice, "add %u actor%s", more ? more : 1,
                   more > 1 ? "s" : "");
    } else if (actors > 1 && out->learner_busy > .9 && out->actor_busy < .5) {
        const uint32_t less = (uint32_t)(actors * (1 - out->actor_busy / .9));

        text_print(page->advice, sizeof page->advice, "remove %u actor%s", less,
                   less > 1 ? "s" : "");
    }
    out->advice = page->advice;
}

/* A drop counts as settled once the learner has settled it: not as long as it is dropped
 * here. */
static void fill_drops(const struct broker *b, struct page *page, struct msg_stats *out)
{
    static const char *const name[TASKS_DROPS] = {
        [DROP_CANCEL] = "cancel", [DROP_POISON] = "poison"};

    out->settled = out->trained;
    for (uint32_t i = DROP_CANCEL; i < TASKS_DROPS; i++) {
        page->drop[out->n_drop++] =
            (struct msg_stats_reason){.reason = name[i], .count = b->tasks.dropped[i]};
        out->settled += b->tasks.dropped[i];
    }
    out->settled -= b->tasks.count[SAMPLE_DROPPED];
    out->drop = page->drop;
}

static void fill_counts(const struct broker *b, struct msg_stats *out)
{
    const uint64_t *count = b->tasks.count;
    const struct counters *c = &b->counters;
    const uint32_t seconds = c->n_past < MEMBERS_RATES ? c->n_past : MEMBERS_RATES;
    /* The oldest entry of the ring: the next to be overwritten, once it is full. */
    const uint64_t then =
        c->settled_past[c->n_past < MEMBERS_RATES ? 0 : c->n_past % MEMBERS_RATES];

    out->opened = b->tasks.opened;
    out->trained = count[SAMPLE_SETTLED];
    out->waiting = count[SAMPLE_WAITING];
    out->leased = count[SAMPLE_LEASED];
    out->scoring = count[SAMPLE_SCORING];
    out->unsettled = count[SAMPLE_READY];
    out->duplicates = c->duplicates;
    out->disputed = c->disputed;
    out->expired = c->expired;
    out->reissued = c->reissued;
    out->bad_frames = c->bad_frames;
    out->refused = c->refused;
    out->staleness = c->stale;
    out->n_staleness = STATE_STALE;
    out->samples_s = seconds > 1 ? (double)(c->settled - then) / seconds : 0;
    for (const struct broker_member *m = b->members.first; m; m = m->next)
        out->tokens_s += m->role == ROLE_ACTOR ? members_rate(m) : 0;
    out->actor_busy = busy(b, ROLE_ACTOR);
    out->rewarder_busy = busy(b, ROLE_REWARDER);
    out->learner_busy = busy(b, ROLE_LEARNER);
}

/* The latest few. */
static void fill_suspects(const struct broker *b, struct page *page, struct msg_stats *out,
                          int64_t now_ms)
{
    out->found_false = b->suspects.n_name;
    for (uint32_t i = b->suspects.n_suspect; i-- > 0 && out->n_suspect < STATS_SUSPECTS;) {
        const struct suspect *const s = &b->suspects.suspect[i];

        page->suspect[out->n_suspect++] = (struct msg_stats_suspect){
            .writer = origin_writer(&s->who),
            .count = s->count,
            .age_ms = age(s->last_ms, now_ms),
            .aside = suspects_aside(&b->suspects, &b->run, &b->members, s),
            .words = s->words};
    }
    out->suspect = page->suspect;
}

/* What was refused, by reason: what nobody did is left out. */
static void fill_refusals(const struct broker *b, struct page *page, struct msg_stats *out)
{
    for (uint32_t i = 0; i < b->n_refusal; i++)
        if (b->refusal[i].count)
            page->refusal[out->n_refusal++] = b->refusal[i];
    if (b->counters.unasked)
        page->refusal[out->n_refusal++] = (struct msg_stats_reason){
            "an answer from who holds no lease for it", b->counters.unasked};
    out->refusal = page->refusal;
}

/* Called once a second, so that rates are differences of entries and no time is kept. */
void stats_second(struct broker *b)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        members_second(m);
    b->counters.settled_past[b->counters.n_past++ % MEMBERS_RATES] = b->counters.settled;
}

void stats_publish(struct broker *b, int64_t now_ms)
{
    struct page *page = mem_new(1, sizeof *page);
    struct msg msg = {
        .head = {.type = MSG_STATS, .run = b->run.id, .epoch = b->run.epoch},
        .stats = {.incarnation = b->incarnation,
                  .uptime_ms = (uint64_t)(now_ms - b->born_ms),
                  .step = b->run.step,
                  .run = b->run.bound,
                  .done = b->run.done,
                  .newest = b->run.newest,
                  .metrics = b->run.metrics ? b->run.metrics : ""},
    };

    /* Here, since a sum that is wrong would otherwise only puzzle whoever reads the page. */
    assert(tasks_add_up(&b->tasks));
    fill_counts(b, &msg.stats);
    fill_drops(b, page, &msg.stats);
    fill_peers(b, page, &msg.stats, now_ms);
    fill_leases(b, page, &msg.stats, now_ms);
    waits_list(b, &page->waits, now_ms);
    msg.stats.wait = page->waits.wait;
    msg.stats.n_wait = page->waits.n;
    fill_suspects(b, page, &msg.stats, now_ms);
    fill_refusals(b, page, &msg.stats);
    advise(b, page, &msg.stats);
    b->sink.publish(b->sink.self, &msg);
    free(page);
}

/* For the learner's log of its run: who worked, how much, and with how much memory. */
char *stats_members(const struct broker *b)
{
    json_t *list = json_array();
    char *text;

    json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "role", "broker", "name",
                                          "broker", "tokens", (json_int_t)0, "rss_bytes",
                                          (json_int_t)mem_peak()));
    for (const struct broker_member *m = b->members.first;
         m && json_array_size(list) < STATS_MEMBERS; m = m->next)
        if (m->role == ROLE_ACTOR || m->role == ROLE_REWARDER)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:I, s:I, s:I}", "role",
                                m->role == ROLE_ACTOR ? "actor" : "rewarder", "name", m->name,
                                "tokens", (json_int_t)m->now.tokens, "rss_bytes",
                                (json_int_t)m->rss_bytes, "process",
                                (json_int_t)(m->incarnation >> 1))); /* JSON has no u64 */
    text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    if (text && strlen(text) > STATS_TEXT) { /* names full of escapes */
        free(text);
        text = NULL;
    }
    return text ? text : mem_text("");
}

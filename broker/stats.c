/* The snapshot for the dashboard port. What each field says: broker.h.
 *
 * Nothing is counted here: sums stand where they change (tasks, counters), the rest is looked up
 * among members and leases. Lists are cut to what a page shows, so a snapshot of a fleet of
 * thousands still fits a message. */

#include "broker/stats.h"

#include "base/mem.h"
#include "broker/bottleneck.h"
#include "broker/minute.h"
#include "broker/stalls.h"
#include "broker/turns.h"
#include "broker/unlike.h"
#include "broker/uplink.h"
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
    struct stalls stalls;
    struct msg_wait wait[WAITS_MAX + PLACES_WAITS + STALLS_MAX];
    struct places places;
    struct bottleneck bottleneck;
    struct msg_stats_event event[EVENTS_MAX];
    struct msg_stats_reason drop[TASKS_DROPS], refusal[STATE_REFUSALS + 2];
    struct msg_stats_suspect suspect[STATS_SUSPECTS];
    struct msg_stats_turn turn[TURNS_MAX];
    char builds[2 * MEMBERS_WORDS];
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
                                   .error = m->error,
                                   .host = m->host,
                                   .address = m->origin.address,
                                   .build = m->origin.build,
                                   .isa = m->isa,
                                   .threads = m->threads,
                                   .note_ms = age(m->note_ms, now_ms),
                                   .uptime_ms = (uint64_t)(now_ms - m->joined_ms),
                                   .wire_bytes = m->wire_bytes,
                                   .wire_rate = m->wire_rate,
                                   .expired = m->expired,
                                   .failed = m->failed_work,
                                   .probation = m->trust != 0,
                                   .drafted = m->now.drafted,
                                   .accepted = m->now.accepted};
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

    for (uint32_t i = 0; i < b->leases.window && b->leases.n; i++) {
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
    out->moved = c->moved;
    out->copied = c->copied;
    out->peers = b->members.n;
    out->staleness = c->stale;
    out->n_staleness = STATE_STALE;
    out->samples_s = seconds > 1 ? (double)(c->settled - then) / seconds : 0;
    for (const struct broker_member *m = b->members.first; m; m = m->next)
        out->tokens_s += m->role == ROLE_ACTOR ? members_rate(m) : 0;
    out->actor_busy = busy(b, ROLE_ACTOR);
    out->rewarder_busy = busy(b, ROLE_REWARDER);
    out->learner_busy = busy(b, ROLE_LEARNER);
}

/* What stands still; then what is for people who watch alone: who is not heard, and where weights are
 * on their way. The learner's terminal, which hears of waits too, would repeat these at each version. */
static void fill_waits(const struct broker *b, struct page *page, struct msg_stats *out,
                       int64_t now_ms)
{
    waits_list(b, &page->waits, now_ms);
    memcpy(page->wait, page->waits.wait, page->waits.n * sizeof page->wait[0]);
    places_list(b, &page->places);
    out->wait = page->wait;
    out->n_wait = page->waits.n;
    out->n_wait +=
        stalls_list(b, &page->places, &page->stalls, page->wait + out->n_wait, now_ms);
    out->n_wait += places_waits(&page->places, page->wait + out->n_wait, now_ms);
    out->host = page->places.host;
    out->n_host = page->places.n;
    out->event = page->event;
    out->n_event = events_list(&b->events, page->event, EVENTS_MAX, now_ms);
}

static void fill_minute(const struct broker *b, struct msg_stats *out, int64_t now_ms)
{
    out->actor_idle = minute_idle(&b->minute, ROLE_ACTOR);
    out->rewarder_idle = minute_idle(&b->minute, ROLE_REWARDER);
    out->learner_idle = minute_idle(&b->minute, ROLE_LEARNER);
    out->staleness_minute = b->minute.sum.stale;
    out->n_staleness_minute = MINUTE_STALE;
    out->steps_total = b->run.steps_total;
    out->left_ms = b->run.done ? 0 : minute_left_ms(&b->minute, b->run.steps_total, now_ms);
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

/* Who waits for its turn; which workers are of another build. */
static void fill_turns(struct broker *b, struct page *page, struct msg_stats *out,
                       int64_t now_ms)
{
    out->run_name = b->run.name;
    out->queue = page->turn;
    out->n_queue = turns_list(b, page->turn, TURNS_MAX, now_ms);
    unlike_builds(b, page->builds, sizeof page->builds);
    out->builds = page->builds;
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
    if (b->admits.dropped)
        page->refusal[out->n_refusal++] = (struct msg_stats_reason){
            "an order to let in, asked more often than is answered", b->admits.dropped};
    out->refusal = page->refusal;
}

/* Called once a second, so that rates are differences of entries and no time is kept. */
void stats_second(struct broker *b)
{
    minute_second(b);
    uplink_second(b);
    places_second(b);
    for (struct broker_member *m = b->members.first; m; m = m->next)
        members_second(m);
    b->counters.settled_past[b->counters.n_past++ % MEMBERS_RATES] = b->counters.settled;
}

void stats_publish(struct broker *b, bool history, const struct msg_stats_key *key,
                   uint32_t n_key, int64_t now_ms)
{
    char *before = history ? history_json(&b->history) : NULL;
    struct page *page = mem_new(1, sizeof *page);
    struct msg msg = {
        .head = {.type = MSG_STATS, .run = b->run.id, .epoch = b->run.epoch},
        .stats = {.incarnation = b->incarnation,
                  .uptime_ms = (uint64_t)(now_ms - b->born_ms),
                  .step = b->run.step,
                  .run = b->run.bound,
                  .done = b->run.done,
                  .newest = b->run.newest,
                  .metrics = b->run.metrics ? b->run.metrics : "",
                  .history = before,
                  .next_key = b->next_key,
                  .key = key,
                  .n_key = n_key},
    };

    /* Here, since a sum that is wrong would otherwise only puzzle whoever reads the page. */
    assert(tasks_add_up(&b->tasks));
    fill_counts(b, &msg.stats);
    fill_drops(b, page, &msg.stats);
    fill_peers(b, page, &msg.stats, now_ms);
    fill_leases(b, page, &msg.stats, now_ms);
    fill_waits(b, page, &msg.stats, now_ms);
    fill_suspects(b, page, &msg.stats, now_ms);
    fill_refusals(b, page, &msg.stats);
    fill_turns(b, page, &msg.stats, now_ms);
    fill_minute(b, &msg.stats, now_ms);
    bottleneck_find(b, &page->places, &page->bottleneck, &msg.stats);
    b->sink.publish(b->sink.self, &msg);
    places_free(&page->places);
    free(before);
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
                list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "role",
                                m->role == ROLE_ACTOR ? "actor" : "rewarder", "name", m->name,
                                "tokens", (json_int_t)m->now.tokens, "rss_bytes",
                                (json_int_t)m->rss_bytes, "process",
                                (json_int_t)(m->incarnation >> 1), /* JSON has no u64 */
                                "drafted", (json_int_t)m->now.drafted, "accepted",
                                (json_int_t)m->now.accepted));
    text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    if (text && strlen(text) > STATS_TEXT) { /* names full of escapes */
        free(text);
        text = NULL;
    }
    return text ? text : mem_text("");
}

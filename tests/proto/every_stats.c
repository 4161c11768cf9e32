/* An example of STATS: each field another value, each list what one of its rows holds. */
#include "tests/proto/every_stats.h"

static const struct hash H1 = {{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                                23, 24, 25, 26, 27, 28, 29, 30, 31, 32}};
static const struct id ID = {{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa,
                              0xab, 0xac, 0xad, 0xae, 0xaf}};
static const uint64_t counts[] = {3, UINT64_C(1) << 50, 5};

static const struct msg_stats_peer *stats_peers(void)
{
    static struct msg_stats_peer peer[2];

    peer[0] = (struct msg_stats_peer){
        .id = ID,
        .role = ROLE_ACTOR,
        .age_ms = 12,
        .name = "host:123",
        .tokens = 999,
        .busy_ms = 1,
        .idle_ms = 2,
        .rss_bytes = 3,
        .version = 8,
        .tokens_s = 120.5,
        .queued = 4,
        .leases = 5,
        .credit = 6,
        .lag_ms = 7,
        .strikes = 8,
        .note = "n",
        .error = "e",
        .host = "ant",
        .address = "10.0.0.7",
        .build = "0.5",
        .isa = "avx2",
        .threads = 9,
        .note_ms = 10,
        .uptime_ms = 11,
        .wire_bytes = 12,
        .wire_rate = 13,
        .expired = 14,
        .failed = 15,
        .probation = true,
        .drafted = 1000,
        .accepted = 612,
    };
    peer[1] = peer[0];
    return peer;
}

/* What joined it later. */
static void more(struct msg_stats *m)
{
    static const struct msg_stats_host host = {"ant", 3, 2, 1.5, 4, 5, 1, 6, true, "{}"};
    static const struct msg_stats_event event = {2,          3,    "ant:77", "ant",
                                                 "10.0.0.7", true, true,     "gone"};
    static struct msg_stats_turn turn;
    static const struct msg_stats_key key = {"ant", 2, 23, 24};

    m->peers = 17;
    m->host = &host;
    m->n_host = 1;
    m->event = &event;
    m->n_event = 1;
    m->actor_idle = .5;
    m->rewarder_idle = .25;
    m->learner_idle = .125;
    m->staleness_minute = counts;
    m->n_staleness_minute = 3;
    m->bottleneck = "the learner";
    m->holds = "learner";
    m->actors_wanted = 18;
    m->moved = 19;
    m->copied = 20;
    m->steps_total = 21;
    m->left_ms = 22;
    m->history = "{}";
    turn = (struct msg_stats_turn){ID, "probe", "ant", "10.0.0.7", 1, 61000};
    m->run_name = "nightly";
    m->queue = &turn;
    m->n_queue = 1;
    m->builds = "1 worker of build 0.9";
    m->next_key = "next";
    m->key = &key;
    m->n_key = 1;
    m->advice = "add 2 actors";
    m->metrics = "{}";
}

struct msg every_stats(struct msg m)
{
    static struct msg_stats_lease lease;
    static struct msg_stats_suspect suspect;
    static const struct msg_stats_reason drop[] = {{"cancel", 3}};
    static const struct msg_wait wait[] = {
        {"mine: nobody offers it", 2500, "mine", true, "start it"}};

    lease = (struct msg_stats_lease){1, 2, 3, 4, 5, 6, ID};
    suspect = (struct msg_stats_suspect){
        {ID, H1, "10.0.0.7", "ant:77", "0.5"}, 2, 3500, true, "another text"};
    m.stats = (struct msg_stats){
        .incarnation = 1,
        .uptime_ms = 2,
        .step = 3,
        .run = true,
        .done = true,
        .newest = {8, H1},
        .opened = 4,
        .settled = 5,
        .trained = 6,
        .waiting = 7,
        .leased = 8,
        .scoring = 9,
        .unsettled = 10,
        .duplicates = 11,
        .disputed = 12,
        .expired = 12,
        .reissued = 13,
        .bad_frames = 14,
        .refused = 15,
        .tokens_s = 1.5,
        .samples_s = 2.5,
        .actor_busy = .5,
        .rewarder_busy = .25,
        .learner_busy = .125,
        .staleness = counts,
        .n_staleness = 3,
        .drop = drop,
        .n_drop = 1,
        .peer = stats_peers(),
        .n_peer = 2,
        .lease = &lease,
        .n_lease = 1,
        .wait = wait,
        .n_wait = 1,
        .found_false = 16,
        .suspect = &suspect,
        .n_suspect = 1,
        .refusal = drop,
        .n_refusal = 1,
    };
    more(&m.stats);
    return m;
}

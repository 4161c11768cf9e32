/* How it works: the broker publishes a snapshot a second on its dashboard socket, to whoever
 * subscribes; snapshot_open does, after a knock that can say what is wrong (a subscription to
 * nobody is silent for ever), and snapshot_next decodes what comes. snapshot_lines lays one
 * out as text for `top` and `status`: what moves first, then what is wrong, then who is
 * there.
 *
 * Names, notes and errors in it were written by other machines: each line is made printable
 * before it is anybody's (base/printable.h). */
#include "cli/snapshot.h"

#include "base/mem.h"
#include "base/printable.h"
#include "base/say.h"
#include "base/strbuf.h"
#include "cli/top_table.h"
#include "proto/address.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "proto/dial.h"
#include "proto/role.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* A subscription, and the snapshot that is valid until the next one. */
struct snapshots {
    void *context, *socket;
    struct arena *arena;
    struct msg msg;
    char server_key[CURVE_TEXT], next_key[CURVE_TEXT]; /* the broker's, as it says; "" */
};

enum {
    KNOCK_MS = 3000,
    AGAIN_MS = 1000,
    HOSTS = 8,
    SILENT_MS = 3000,
    DEATHS = 8,
    NEWS_MS = 60000
};

/* Of a dashboard that cannot be had: the fault is told of the control port, which a person
 * typed, if that has it too. */
static enum err knock(const struct endpoint *fleet, struct curve_keys *keys,
                      struct address_list *found)
{
    const enum err err = dial_knock(fleet->dashboard, ZMQ_SUB, keys, KNOCK_MS, found);
    char words[512];

    if (err != ERR_IO || !*fleet->control)
        return err;
    snprintf(words, sizeof words, "%s", err_text());
    if (dial_knock(fleet->control, ZMQ_DEALER, keys, AGAIN_MS, NULL))
        return ERR_IO;
    return err_set(ERR_IO, "%s is there, its dashboard is not: %s", fleet->control, words);
}

enum err snapshot_open(struct snapshots **out, const struct endpoint *fleet)
{
    struct curve_keys own = fleet->keys; /* knocking finds the generation that counts */
    struct curve_keys *const keys = fleet->secure ? &own : NULL;
    struct address_list found;
    enum err err = knock(fleet, keys, &found);
    const int64_t largest = WIRE_FRAME_MAX;
    const int linger = 0;
    struct snapshots *s;

    *out = NULL;
    if (err)
        return err;
    s = mem_new(1, sizeof *s);
    s->context = zmq_ctx_new();
    s->socket = zmq_socket(s->context, ZMQ_SUB);
    arena_new(&s->arena, CODEC_ARENA);
    /* Nothing is sent that could be waited for. */
    zmq_setsockopt(s->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
    zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, "", 0);
    if (keys)
        err = curve_client(s->socket, keys);
    memcpy(s->server_key, own.server_key, CURVE_TEXT);
    memcpy(s->next_key, own.next_key, CURVE_TEXT);
    if (!err)
        err = address_connect(&found, s->socket);
    if (err) {
        snapshot_close(s);
        s = NULL;
    }
    *out = s;
    return err;
}

void snapshot_close(struct snapshots *s)
{
    if (!s)
        return;
    zmq_close(s->socket);
    zmq_ctx_term(s->context);
    arena_free(s->arena);
    free(s);
}

static bool same_broker(const struct curve_keys *a, const struct curve_keys *b)
{
    return !strcmp(a->server_key, b->server_key) && !strcmp(a->next_key, b->next_key) &&
           !strcmp(a->public_key, b->public_key);
}

/* A subscription dials one address with one server key for ever: after a rotation, or where the broker
 * is at another of its addresses, only another knock finds which counts. The keys that the broker
 * itself told first: a copy of a key file, as in a Secret, knows only those of when it was made.
 * Then the file's, which a person may have put there anew. */
enum err snapshot_again(struct snapshots **out, struct endpoint *fleet)
{
    struct endpoint with_file;
    char words[ERR_WORDS];
    enum err err;

    if (*out) {
        memcpy(fleet->keys.server_key, (*out)->server_key, CURVE_TEXT);
        memcpy(fleet->keys.next_key, (*out)->next_key, CURVE_TEXT);
    }
    snapshot_close(*out);
    err = snapshot_open(out, fleet);
    if (!err || !fleet->secure)
        return err;
    snprintf(words, sizeof words, "%s", err_text());
    with_file = *fleet;
    err = curve_load(&with_file.keys, fleet->key_path);
    if (!err && same_broker(&with_file.keys, &fleet->keys)) /* it was just tried */
        err = err_set(ERR_IO, "%s", words);
    if (!err)
        err = snapshot_open(out, &with_file);
    if (!err)
        fleet->keys = with_file.keys;
    curve_wipe(&with_file.keys);
    return err;
}

enum err snapshot_next(struct snapshots *s, const struct msg_stats **out, int timeout_ms,
                       bool *got)
{
    zmq_pollitem_t item = {.socket = s->socket, .events = ZMQ_POLLIN};
    struct frames frames;
    enum err err;

    *got = false;
    /* Nothing in time, or a signal: the caller knows what to do about either. */
    if (zmq_poll(&item, 1, timeout_ms) <= 0)
        return OK;
    frames_init(&frames);
    err = wire_receive(s->socket, NULL, &frames, NULL, got);
    if (!err && *got) {
        /* The last snapshot ends here: *out of before points into it. */
        arena_reset(s->arena);
        err = codec_decode(&s->msg, &frames, s->arena);
        *got = !err && s->msg.head.type == MSG_STATS;
        *out = *got ? &s->msg.stats : NULL;
        if (*got && s->msg.stats.next_key && *s->msg.stats.next_key)
            snprintf(s->next_key, sizeof s->next_key, "%s", s->msg.stats.next_key);
    }
    frames_fini(&frames);
    return err;
}

const struct id *snapshot_run(const struct snapshots *s)
{
    return &s->msg.head.run;
}

/* Lines being filled. */
struct pad {
    char (*line)[SNAPSHOT_WIDTH];
    int n;
};

static void put(struct pad *pad, const char *fmt, ...) PRINTF(2, 3);

/* A line more; beyond SNAPSHOT_LINES they are left out, the peers last. */
static void put(struct pad *pad, const char *fmt, ...)
{
    struct strbuf line = {NULL, 0, 0};
    va_list args;

    if (pad->n == SNAPSHOT_LINES)
        return;
    va_start(args, fmt);
    say_strbuf(&line, false, fmt, &args);
    va_end(args);
    printable(pad->line[pad->n++], SNAPSHOT_WIDTH, line.text ? line.text : "", line.n,
              PRINTABLE_LINE);
    free(line.text);
}

/* A table of who is there; busy is the share of time with work. */
static void put_peers(struct pad *pad, const struct msg_stats *s)
{
    put(pad, "%-11s %-22s %8s %9s %5s %7s %8s  %s", "ROLE", "NAME", "TOKENS/S", "TOKENS",
        "BUSY", "VERSION", "MEMORY", "WAITS FOR / LAST ERROR");
    for (uint32_t i = 0; i < s->n_peer; i++) {
        const struct msg_stats_peer *p = &s->peer[i];
        const double span = (double)(p->busy_ms + p->idle_ms);
        char name[23];

        printable(name, sizeof name, p->name, strlen(p->name), PRINTABLE_LINE);
        put(pad, "%-11s %-22s %8.0f %9llu %4.0f%% %7llu %6.0f M  %s%s%s",
            *role_name(p->role) ? role_name(p->role) : "?", name, p->tokens_s,
            (unsigned long long)p->tokens, span > 0 ? 100 * (double)p->busy_ms / span : 0.0,
            (unsigned long long)p->version, (double)p->rss_bytes / 1e6, p->note,
            *p->error ? " ! " : "", p->error);
    }
}

/* How many samples were so many versions old when they were trained on. */
static void put_staleness(struct pad *pad, const struct msg_stats *s)
{
    char text[SNAPSHOT_WIDTH] = "";
    size_t n = 0;

    for (uint32_t i = 0; i < s->n_staleness && n < sizeof text - 24; i++)
        if (s->staleness[i])
            n += (size_t)snprintf(text + n, sizeof text - n, "  %u late: %llu", i,
                                  (unsigned long long)s->staleness[i]);
    put(pad, "staleness %s", n ? text : "  nothing trained yet");
    *text = 0;
    n = 0;
    for (uint32_t i = 0; i < s->n_staleness_minute && n < sizeof text - 24; i++)
        if (s->staleness_minute[i])
            n += (size_t)snprintf(text + n, sizeof text - n, "  %u late: %llu", i,
                                  (unsigned long long)s->staleness_minute[i]);
    if (n)
        put(pad, "           of the last minute:%s", text);
}

/* What judges left unsaid in the latest iteration, by the learner's own line. */
static void put_judges(struct pad *pad, const char *metrics)
{
    static const char from[] = "rewards/", to[] = "/without_verdict";
    json_t *line = json_loads(metrics, 0, NULL), *value;
    const char *name;

    json_object_foreach(line, name, value)
    {
        const char *const end = strstr(name, to);
        if (end && !strncmp(name, from, sizeof from - 1) && json_number_value(value) > 0)
            put(pad, "judge      %.*s: no verdict on %.1f %% of what it was asked",
                (int)(end - name) - (int)sizeof from + 1, name + sizeof from - 1,
                100 * json_number_value(value));
    }
    json_decref(line);
}

/* Who wrote what was found false. */
static void put_suspects(struct pad *pad, const struct msg_stats *s)
{
    for (uint32_t i = 0; i < s->n_suspect && i < 8; i++)
        put(pad, "%s %llu by %s at %s%s, the last: %s", i ? "          " : "false     ",
            (unsigned long long)s->suspect[i].count, s->suspect[i].writer.name,
            s->suspect[i].writer.address, s->suspect[i].aside ? " (set aside)" : "",
            s->suspect[i].words);
}

/* What holds the run up, what would help, how long it will take. */
static void put_end(struct pad *pad, const struct msg_stats *s)
{
    if (s->bottleneck && *s->bottleneck)
        put(pad, "holds      %s", s->bottleneck);
    if (*s->advice)
        put(pad, "advice     %s", s->advice);
    if (s->left_ms)
        put(pad, "left       %llu min for iterations %llu to %llu",
            (unsigned long long)(s->left_ms / 60000), (unsigned long long)s->step + 1,
            (unsigned long long)s->steps_total);
}

/* Since when nothing has come from any process of a machine; 0: from one something has. A heartbeat
 * comes each second, so three without one are no accident of the line. */
static uint32_t silence(const struct msg_stats *s, const char *host)
{
    uint32_t least = 0;

    for (uint32_t i = 0; i < s->n_peer; i++) {
        const struct msg_stats_peer *p = &s->peer[i];

        if (!strcmp(p->host, host) && (!least || p->age_ms < least))
            least = p->age_ms > 0 ? p->age_ms : 1;
    }
    return least > SILENT_MS ? least : 0;
}

/* Of the last minute; the latest first. */
static void put_deaths(struct pad *pad, const struct msg_stats *s)
{
    char cause[256];
    int n = 0;

    for (uint32_t i = 0; i < s->n_event && n < DEATHS; i++) {
        const struct msg_stats_event *e = &s->event[i];

        if (!e->died || e->age_ms >= NEWS_MS)
            continue;
        put(pad, "%s %s %s at %s %.1f s ago: %s", n++ ? "          " : "died      ",
            role_name(e->role), e->name, e->host, e->age_ms / 1e3,
            top_table_cause(s, e, cause, sizeof cause) ? cause : e->cause);
    }
}

/* Machines, where there are several; all of them are in STATS and `drover metrics`. */
static void put_hosts(struct pad *pad, const struct msg_stats *s)
{
    for (uint32_t i = 0; i < s->n_host && s->n_host > 1 && i < HOSTS; i++) {
        const struct msg_stats_host *h = &s->host[i];
        const uint32_t silent_ms = silence(s, h->name);
        char words[40] = "";

        if (silent_ms)
            snprintf(words, sizeof words, "  silent for %.1f s", silent_ms / 1e3);
        put(pad, "%s %-22s %u processes  %.0f tokens/s  weights %.1f MB at %.1f MB/s%s%s",
            i ? "          " : "hosts     ", h->name, h->processes, h->tokens_s,
            (double)h->wire_bytes / 1e6, (double)h->wire_rate / 1e6,
            h->lacking ? "  lacks the newest" : "", words);
    }
    if (s->n_host > HOSTS)
        put(pad, "           and %u hosts more", s->n_host - HOSTS);
}

/* In a word or two, for the first line. */
static const char *state_of(const struct msg_stats *s)
{
    if (s->done)
        return "done";
    if (!s->run)
        return "no run";
    for (uint32_t i = 0; i < s->n_peer; i++)
        if (s->peer[i].role == ROLE_LEARNER)
            return "running";
    return "stands still: no learner"; /* it left, or it is away: a line below says which */
}

int snapshot_lines(const struct msg_stats *s, char line[SNAPSHOT_LINES][SNAPSHOT_WIDTH])
{
    struct pad pad = {line, 0};

    put(&pad, "%s  iteration %llu  version %llu  up %llu s", state_of(s),
        (unsigned long long)s->step, (unsigned long long)s->newest.number,
        (unsigned long long)(s->uptime_ms / 1000));
    put(&pad,
        "samples    opened %llu  waiting %llu  leased %llu  scoring %llu  unsettled %llu  "
        "settled %llu  trained %llu",
        (unsigned long long)s->opened, (unsigned long long)s->waiting,
        (unsigned long long)s->leased, (unsigned long long)s->scoring,
        (unsigned long long)s->unsettled, (unsigned long long)s->settled,
        (unsigned long long)s->trained);
    put(&pad,
        "rates      %.0f tokens/s  %.2f samples/s   busy: actors %.0f%%  rewarders %.0f%%  "
        "learner %.0f%%",
        s->tokens_s, s->samples_s, 100 * s->actor_busy, 100 * s->rewarder_busy,
        100 * s->learner_busy);
    put_staleness(&pad, s);
    put(&pad,
        "faults     duplicates %llu  disputed %llu  expired %llu  asked again %llu  bad frames "
        "%llu  refused %llu",
        (unsigned long long)s->duplicates, (unsigned long long)s->disputed,
        (unsigned long long)s->expired, (unsigned long long)s->reissued,
        (unsigned long long)s->bad_frames, (unsigned long long)s->refused);
    for (uint32_t i = 0; i < s->n_drop; i++)
        if (s->drop[i].count)
            put(&pad, "dropped    %s: %llu", s->drop[i].reason,
                (unsigned long long)s->drop[i].count);
    for (uint32_t i = 0; i < s->n_refusal; i++)
        put(&pad, "%s %s: %llu", i ? "          " : "refused   ", s->refusal[i].reason,
            (unsigned long long)s->refusal[i].count);
    put_suspects(&pad, s);
    put_judges(&pad, s->metrics);
    for (uint32_t i = 0; i < s->n_wait; i++) {
        const char *const advice = s->wait[i].advice ? s->wait[i].advice : "";

        put(&pad, "waits      %s for %.1f s%s%s", s->wait[i].name, s->wait[i].age_ms / 1e3,
            *advice ? ": " : "", advice);
    }
    for (uint32_t i = 0; i < s->n_queue; i++)
        put(&pad, "%s %u. %s on %s (%s), for %.0f s", i ? "          " : "queue     ",
            s->queue[i].place, s->queue[i].name, s->queue[i].host, s->queue[i].address,
            (double)s->queue[i].wait_ms / 1e3);
    if (s->builds && *s->builds)
        put(&pad, "builds     %s", s->builds);
    put_deaths(&pad, s);
    put_end(&pad, s);
    put_hosts(&pad, s);
    put(&pad, "%s", "");
    put_peers(&pad, s);
    for (uint32_t i = 0; i < s->n_lease && i < 5; i++)
        put(&pad, "%slease %llu: task %llu, %u samples, %.1f s old, quiet for %.1f s",
            i ? "" : "oldest ", (unsigned long long)s->lease[i].lease,
            (unsigned long long)s->lease[i].task, s->lease[i].count, s->lease[i].age_ms / 1e3,
            s->lease[i].quiet_ms / 1e3);
    return pad.n;
}

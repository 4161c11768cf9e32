/* drover metrics: a fleet's figures over HTTP, for Prometheus, Kubernetes' probes and KEDA.
 *
 * How it works: one subscription (snapshot.c), whose newest snapshot is written out as two texts
 * once a second; libmicrohttpd's thread hands these out under a lock. So a scrape costs the broker
 * nothing, however many there are, and no HTTP request reaches it. While no snapshot comes (the
 * broker restarts, the line is cut) /metrics says drover_up 0 and /readyz 503; the subscription
 * comes back by itself, or is made anew after AGAIN_MS: the broker's key may have changed. Only a broker that is not there, or refuses the key, at the start is an
 * error: a typing mistake should not become a dashboard without figures.
 *
 * Whoever can dial the address reads the figures, so it is this machine's alone unless asked for
 * otherwise. Nothing is taken from a request but its path. */
#include "base/clock.h"
#include "base/say.h"
#include "cli/command.h"
#include "cli/metrics_page.h"
#include "cli/snapshot.h"
#include "http/http.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { FRESH_MS = 10000, READY_MS = 5000, CONNECTIONS = 64, TIMEOUT_S = 10, STEP_MS = 500 };
enum { AGAIN_MS = 10000 };
enum { REQUEST_MAX = 16 << 10 };

struct metrics_options {
    struct endpoint_options fleet;
    char *listen;
};

static const struct conf_key metrics_keys[] = {
    CONF_TEXT(metrics_options, listen, "127.0.0.1:9464", "HOST:PORT of the pages; port 0: any"),
    {"run", CONF_TEXT_, offsetof(struct endpoint_options, run), "", 0, 0, "run folder", NULL,
     NULL},
    {"broker", CONF_TEXT_, offsetof(struct endpoint_options, broker), "", 0, 0, "control port",
     NULL, NULL},
    {"dashboard", CONF_TEXT_, offsetof(struct endpoint_options, dashboard), "", 0, 0,
     "dashboard port", NULL, NULL},
    {"key", CONF_TEXT_, offsetof(struct endpoint_options, key), "", 0, 0,
     "key file of a watcher or an operator", NULL, NULL},
    CONF_END,
};

struct metrics_pages { /* what the HTTP thread hands out; behind the lock */
    pthread_mutex_t lock;
    char *prometheus, *json;
    int64_t at_ms; /* of the snapshot; 0: none came yet */
};

static volatile sig_atomic_t ended;

/* The loop looks at it twice a second, which is soon enough for whoever stops a service. */
static void end(int signal)
{
    (void)signal;
    ended = 1;
}

/* ---- HTTP */

/* 200 also without a snapshot: to Prometheus an error would be this process' own, and drover_up
 * says whose it is. */
static enum MHD_Result answer_metrics(struct metrics_pages *pages, struct MHD_Connection *to,
                                      int64_t age_ms)
{
    static const char kind[] = "text/plain; version=0.0.4; charset=utf-8";
    struct strbuf none = {NULL, 0, 0};
    enum MHD_Result result;

    if (age_ms < FRESH_MS)
        return http_answer(to, MHD_HTTP_OK, kind, pages->prometheus);
    metrics_page(&none, NULL, NULL);
    result = http_answer(to, MHD_HTTP_OK, kind, none.text);
    free(none.text);
    return result;
}

/* In the library's thread. A body, if somebody sends one, is passed over as it comes. */
static enum MHD_Result on_request(void *self, struct MHD_Connection *to, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *n_body, void **state)
{
    static const char plain[] = "text/plain; charset=utf-8";
    struct metrics_pages *pages = self;
    enum MHD_Result result;
    int64_t age_ms;

    (void)version, (void)body, (void)state;
    *n_body = 0;
    if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
        return http_answer(to, MHD_HTTP_METHOD_NOT_ALLOWED, plain, "GET or HEAD\n");
    pthread_mutex_lock(&pages->lock);
    age_ms = pages->at_ms ? clock_mono_ms() - pages->at_ms : INT64_MAX;
    if (!strcmp(path, "/metrics"))
        result = answer_metrics(pages, to, age_ms);
    else if (!strcmp(path, "/healthz"))
        result = http_answer(to, MHD_HTTP_OK, plain, "ok\n");
    else if (!strcmp(path, "/readyz"))
        result = age_ms < READY_MS ? http_answer(to, MHD_HTTP_OK, plain, "ok\n")
                                   : http_answer(to, MHD_HTTP_SERVICE_UNAVAILABLE, plain,
                                                 "no snapshot from the broker\n");
    else if (!strcmp(path, "/v1/stats"))
        result = age_ms < FRESH_MS
                     ? http_answer(to, MHD_HTTP_OK, "application/json", pages->json)
                     : http_answer(to, MHD_HTTP_SERVICE_UNAVAILABLE, "application/json",
                                   "{\"error\":\"no snapshot from the broker\"}\n");
    else
        result = http_answer(to, MHD_HTTP_NOT_FOUND, plain,
                             "/metrics, /healthz, /readyz, /v1/stats\n");
    pthread_mutex_unlock(&pages->lock);
    return result;
}

static enum err serve(struct http **out, struct metrics_pages *pages, const char *listen)
{
    const struct http_conf conf = {.connections = CONNECTIONS,
                                   .idle_s = TIMEOUT_S,
                                   .head_bytes = REQUEST_MAX,
                                   .request = on_request,
                                   .self = pages};
    struct http_address address;
    unsigned port;
    enum err err = http_address(&address, listen);

    if (!err)
        err = http_start(out, &port, listen, &address, &conf);
    if (!err)
        say(stderr, "port %u: /metrics /healthz /readyz /v1/stats\n", port);
    return err;
}

/* ---- snapshots */

/* Written outside the lock, so that a scrape never waits for it. */
static void renew(struct metrics_pages *pages, const struct msg_stats *s, const struct id *run)
{
    struct strbuf prometheus = {NULL, 0, 0}, json = {NULL, 0, 0};

    metrics_page(&prometheus, s, run);
    metrics_page_json(&json, s);
    pthread_mutex_lock(&pages->lock);
    free(pages->prometheus);
    free(pages->json);
    pages->prometheus = prometheus.text;
    pages->json = json.text;
    pages->at_ms = clock_mono_ms();
    pthread_mutex_unlock(&pages->lock);
}

/* Said once, until one comes again. */
static void again(struct snapshots **stats, struct endpoint *fleet, bool *told)
{
    const enum err err = snapshot_again(stats, fleet);

    if (!*told)
        say(stderr, "no snapshot for %d s: %s\n", AGAIN_MS / 1000,
            err ? err_text() : "subscribed anew");
    *told = true;
}

/* A snapshot that cannot be read is one that did not come: said once, and the next may be. */
static void follow(struct snapshots **stats, struct metrics_pages *pages,
                   struct endpoint *fleet, struct http *server)
{
    const struct msg_stats *s;
    int64_t heard_ms = clock_mono_ms();
    bool said = false, told = false, got;

    while (!ended) {
        enum err err = OK;

        got = false;
        http_tick(server, clock_mono_ms());
        if (*stats)
            err = snapshot_next(*stats, &s, STEP_MS, &got);
        else
            poll(NULL, 0, STEP_MS);
        if (!err && got)
            renew(pages, s, snapshot_run(*stats));
        else if (err && !said)
            say(stderr, "a snapshot cannot be read: %s\n", err_text());
        said = err ? true : got ? false : said;
        told &= !got;
        if (got || clock_mono_ms() - heard_ms >= AGAIN_MS) {
            if (!got)
                again(stats, fleet, &told);
            heard_ms = clock_mono_ms();
        }
    }
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct metrics_options options;
    struct metrics_pages pages = {.prometheus = NULL};
    struct snapshots *stats = NULL;
    struct http *server = NULL;
    struct endpoint fleet;
    enum err err;

    (void)status;
    memset(&options, 0, sizeof options);
    err = command_conf(command->keys, &options, argc, argv);
    if (!err)
        err = endpoint_find(&fleet, &options.fleet);
    if (!err)
        err = snapshot_open(&stats, &fleet);
    if (!err) {
        pthread_mutex_init(&pages.lock, NULL);
        signal(SIGTERM, end);
        signal(SIGINT, end);
        err = serve(&server, &pages, options.listen);
        if (!err)
            follow(&stats, &pages, &fleet, server);
        http_stop(server);
        pthread_mutex_destroy(&pages.lock);
    }
    snapshot_close(stats);
    free(pages.prometheus);
    free(pages.json);
    command_conf_free(command->keys, &options);
    return err;
}

const struct command cmd_metrics = {
    .name = "metrics",
    .group = "the fleet",
    .usage = "[listen=127.0.0.1:9464] [run=DIR | broker=tcp://HOST:PORT key=FILE]",
    .help = "a fleet's figures over HTTP: Prometheus, probes, JSON",
    .run = run,
    .keys = metrics_keys,
};

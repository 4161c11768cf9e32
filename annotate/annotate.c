/* A turn: take what requests have come, let each do its work on the store (its open group), make
 * the group durable, answer all. Two hundred people who press a key at once are one fsync. When the
 * disk refuses, all who wrote are told that nothing is saved, and may send the same again: what
 * they sent has an id of its own (prefs/judge.h).
 *
 * Whoever listens where others can dial needs TLS, or a proxy that has it: a session in the clear is
 * anybody's on the way. */

#include "annotate/annotate.h"

#include "annotate/caller.h"
#include "annotate/routes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    HEAD_BYTES = 32 << 10,
    BODIES_BYTES = 64 << 20,
    IDLE_S = 60,
    KEY_BYTES = 1 << 20, /* of a certificate's chain */
};

/* Scripts, styles and pictures from here alone, none within a page: what a model wrote can load and
 * run nothing. No page of others may frame this one, and no address of it goes out. */
#define ALWAYS \
    {"Content-Security-Policy", \
     "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " \
     "'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors " \
     "'none'"}, \
        {"X-Content-Type-Options", "nosniff"}, {"X-Frame-Options", "DENY"}, \
        {"Referrer-Policy", "no-referrer"}, {"Cache-Control", "no-store"}, \
        {"Cross-Origin-Opener-Policy", "same-origin"}, \
        {"Cross-Origin-Resource-Policy", "same-origin"}, \
    { \
        "Permissions-Policy", "camera=(), microphone=(), geolocation=()" \
    }

static const char *const plain_headers[][2] = {ALWAYS, {NULL, NULL}};
static const char *const secure_headers[][2] = {
    ALWAYS, {"Strict-Transport-Security", "max-age=31536000"}, {NULL, NULL}};

/* A key that anybody here can read is no secret; that it is the group's alone is usual (ssl-cert). */
static enum err read_tls(struct annotate *a)
{
    struct stat about;
    size_t n;

    if (!a->conf.tls_cert != !a->conf.tls_key)
        return err_set(ERR_RANGE, "tls_cert, tls_key: one needs the other");
    if (!a->conf.tls_cert)
        return OK;
    if (!stat(a->conf.tls_key, &about) && (about.st_mode & S_IROTH))
        return err_set(ERR_RANGE, "tls_key: %s may be read by anybody: chmod o-r it",
                       a->conf.tls_key);
    if (fs_read(&a->tls_cert, &n, a->conf.tls_cert, KEY_BYTES))
        return err_add("tls_cert");
    return fs_read(&a->tls_key, &n, a->conf.tls_key, KEY_BYTES) ? err_add("tls_key") : OK;
}

/* Behind a proxy this machine's own names are not allowed either: what comes from the proxy has the
 * page's name, and what does not come from it has no business here. */
static enum err guard(struct annotate *a, const struct http_address *address)
{
    const bool here = http_address_local(address);
    const bool named = a->conf.hosts && *a->conf.hosts;
    enum err err = OK;

    if (a->conf.proxy)
        err = guard_proxy(&a->guard, a->conf.proxy);
    a->guard.secure = a->tls_cert || a->conf.proxy;
    a->guard.here = here && !a->conf.proxy;
    a->guard.hosts = a->conf.hosts;
    if (err)
        return err;
    if (!here && !a->guard.secure)
        return err_set(
            ERR_RANGE,
            "listen: %s can be dialled by others, and plain HTTP shows passwords and "
            "sessions on the way: tls_cert=FILE tls_key=FILE, or behind_proxy=ADDRESS",
            a->conf.listen);
    if ((!here || a->conf.proxy) && !named)
        return err_set(ERR_RANGE, "host: the page's name in people's browsers is needed here: "
                                  "host=annotate.example.org");
    return OK;
}

/* The first name that people call it by: what stands in addresses that are handed out. */
static char *base_of(const struct annotate *a, unsigned port)
{
    const char *scheme = a->guard.secure ? "https" : "http";
    const char *hosts = a->conf.hosts && *a->conf.hosts ? a->conf.hosts : NULL;
    const int n = hosts ? (int)strcspn(hosts, ",") : 9;
    const bool bare = hosts && (a->conf.proxy || memchr(hosts, ':', (size_t)n));

    if (bare)
        return mem_print("%s://%.*s", scheme, n, hosts);
    return mem_print("%s://%.*s:%u", scheme, n, hosts ? hosts : "127.0.0.1", port);
}

void annotate_renew(struct annotate *a)
{
    char token[CALLER_TOKEN_TEXT];

    caller_token(token, &a->token);
    free(a->address);
    a->address = mem_print("%s/#token=%s", a->base, token);
    a->used = false;
    sodium_memzero(token, sizeof token);
}

/* The name of a cookie tells one server of a machine from another, as its value goes to all of
 * them; with TLS the browser sees to it that the name is this host's alone. */
static enum err begin(struct annotate *a, unsigned *port)
{
    const struct desk_conf desk = {.listen = a->conf.listen,
                                   .tls_cert = a->tls_cert,
                                   .tls_key = a->tls_key,
                                   .connections = a->conf.connections,
                                   .idle_s = IDLE_S,
                                   .head_bytes = HEAD_BYTES,
                                   .body_bytes = ANNOTATE_BODY_MAX,
                                   .bodies_bytes = BODIES_BYTES,
                                   .always = a->guard.secure ? secure_headers : plain_headers};
    const enum err err = desk_open(&a->desk, port, &desk);

    if (a->guard.secure)
        snprintf(a->cookie, sizeof a->cookie, "__Host-drover");
    else
        snprintf(a->cookie, sizeof a->cookie, "drover_%u", *port);
    return err;
}

/* All that can be refused of what it was told, without a port or a store. */
static enum err allow(struct annotate *a)
{
    struct http_address address;
    enum err err = OK;

    if (sodium_init() < 0)
        err = err_set(ERR_IO, "libsodium does not start");
    if (!err)
        err = http_address(&address, a->conf.listen);
    if (!err)
        err = read_tls(a);
    return err ? err : guard(a, &address);
}

enum err annotate_check(const struct annotate_conf *conf)
{
    struct annotate *a = mem_new(1, sizeof *a);
    enum err err;

    a->conf = *conf;
    err = allow(a);
    annotate_close(a);
    return err;
}

enum err annotate_open(struct annotate **out, const struct annotate_conf *conf, int64_t now)
{
    struct annotate *a = mem_new(1, sizeof *a);
    enum err err;

    *out = NULL;
    a->conf = *conf;
    a->prefs = conf->prefs;
    a->routes = routes_table;
    a->n_routes = routes_n;
    err = allow(a);
    if (!err)
        err = begin(a, &a->port);
    if (!err)
        err = prefs_session_end_all(a->prefs, 0, now);
    if (err) {
        annotate_close(a);
        return err;
    }
    randombytes_buf(a->key, sizeof a->key);
    limiter_begin(&a->people, 240, 1200);
    limiter_begin(&a->strangers, 120, 240);
    limiter_begin(&a->logins, 5, 5);
    a->base = base_of(a, a->port);
    annotate_renew(a);
    *out = a;
    return OK;
}

const char *annotate_address(const struct annotate *annotate)
{
    return annotate->address;
}

unsigned annotate_port(const struct annotate *annotate)
{
    return annotate->port;
}

void annotate_forget_told(struct annotate *a)
{
    json_decref(a->told.state);
    a->told.state = NULL;
}

/* Nothing of this turn is durable: whoever changed something is told so. The one-time address was
 * not used either. */
static void not_saved(struct annotate *a, struct desk_request *list)
{
    char *words = mem_print("{\"error\":\"not saved: %s\",\"saved\":false}",
                            strstr(err_text(), "full") ? "the server's disk is full"
                                                       : "the server's disk refuses");

    log_error("store", "failed=\"%s\"", err_text());
    annotate_forget_told(a);
    a->used = false;
    for (struct desk_request *one = list; one; one = one->next)
        if (strcmp(one->method, "GET") && one->status < 400)
            desk_say(one, strstr(words, "full") ? 507 : 500, "application/json", words,
                     strlen(words));
    free(words);
}

/* The time is asked for each request: a turn may be long when a password is hashed in it. */
void annotate_turn(struct annotate *a, int64_t wait_ms, int64_t (*now)(void), bool *used)
{
    struct desk_request *list = desk_take(a->desk, figures_busy(&a->figures) ? 0 : wait_ms);

    *used = false;
    for (struct desk_request *one = list; one; one = one->next)
        caller_serve(a, one, now());
    if (prefs_dirty(a->prefs) && prefs_commit(a->prefs))
        not_saved(a, list);
    if (a->used) {
        annotate_renew(a);
        *used = true;
    }
    desk_give(a->desk, list);
    figures_tick(&a->figures, a->prefs, a->conf.program, !list, clock_mono_ms(), now());
}

void annotate_close(struct annotate *a)
{
    if (!a)
        return;
    desk_close(a->desk);
    if (a->tls_key)
        sodium_memzero(a->tls_key, strlen(a->tls_key));
    annotate_forget_told(a);
    figures_fini(&a->figures);
    free(a->tls_cert);
    free(a->tls_key);
    free(a->base);
    free(a->address);
    free(a);
}

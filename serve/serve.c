/* Two threads: libmicrohttpd's, in which all functions here but serve_run run, and the caller's,
 * which computes (engine.c). A request is read whole (bounded in bytes, and all bodies together),
 * becomes an ask and a job, and waits: its connection is suspended, which costs nothing, until the
 * engine wakes it, once for a whole answer, token by token for a stream.
 *
 * Only one body at a time is a JSON tree: it becomes token ids at once, in this thread, so that
 * however many clients send however nested bodies, one of them takes memory. What a connection
 * leaves when it ends, for whatever reason, is given back in on_completed; a job that the engine
 * still works on is left to it. */

#include "serve/serve.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/say.h"
#include "serve/answer.h"
#include "serve/exchange.h"
#include "serve/gate.h"

#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    HEAD_BYTES = 32 << 10,   /* request line and headers, and a reply's head */
    BODIES_BYTES = 64 << 20, /* of all bodies that are being read */
    DROPPED = 16,            /* times what a body may have: not even read */
    BODY_MS = 60000,         /* for a body to come in */
    LEAVE_MS = 2000,         /* for the last answers to reach their readers */
    TOO_LARGE = 413,         /* a status that releases of the library name differently */
    SAID_MAX = 64,           /* names of fields that the log has told of */
    EDITIONS = 3,            /* at once: two are being answered with, beside the newest */
};

struct server {
    const struct serve_conf *conf;
    struct engine *engine;
    struct gate gate;
    json_t *said;      /* names of unknown fields, told once */
    int64_t created_s; /* of the model, for /v1/models: when serving began */
    size_t bodies;     /* bytes of bodies at hand */
    int open;          /* requests at hand; under the engine's lock */
    struct http *http;
    bool taken; /* the first edition is the engine's now */
};

/* ---- a request's body */

/* Lists and objects in a body; what stands in strings counts, too, which only makes it more. */
static size_t nested(const struct strbuf *body)
{
    size_t n = 0;

    for (size_t i = 0; i < body->n; i++)
        n += body->text[i] == '[' || body->text[i] == '{';
    return n;
}

/* Of strange fields the log tells once each, as far as a person would read. */
static void tell_strange(struct server *server, const json_t *warnings)
{
    const json_t *one;
    size_t i;

    json_array_foreach(warnings, i, one)
    {
        const char *words = json_string_value(one);

        if (json_object_get(server->said, words) || json_object_size(server->said) >= SAID_MAX)
            continue;
        json_object_set_new(server->said, words, json_true());
        log_warn("serve", "request=\"%s\"", words);
    }
}

static void wake(struct job *job)
{
    MHD_resume_connection(job->connection);
}

/* Gives the job to the engine; its connection waits: for the whole answer, or for its beginning. */
static enum MHD_Result enqueue(struct exchange *x, struct MHD_Connection *to,
                               struct ask_request *ask)
{
    struct engine *engine = x->server->engine;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(to, MHD_CONNECTION_INFO_CONNECTION_FD);
    bool taken;

    x->job = job_new(ask, clock_wall_ms());
    x->job->wake = wake;
    x->job->connection = to;
    x->job->socket = info ? info->connect_fd : -1;
    engine_lock(engine);
    taken = engine_take(engine, x->job);
    if (taken) {
        x->job->waiting = true;
        MHD_suspend_connection(to);
    }
    engine_unlock(engine);
    if (taken)
        return MHD_YES;
    return exchange_ends(engine)
               ? exchange_refuse(to, MHD_HTTP_SERVICE_UNAVAILABLE, "the server ends", NULL,
                                 NULL)
               : exchange_refuse(to, MHD_HTTP_TOO_MANY_REQUESTS, "the queue is full: ask again",
                                 NULL, "queue_full");
}

static json_t *parsed(const struct strbuf *body)
{
    json_error_t why;
    json_t *tree;

    if (nested(body) > ASK_NEST_MAX) {
        (void)err_set(ERR_RANGE, "the body has more than %d lists and objects", ASK_NEST_MAX);
        return NULL;
    }
    tree = json_loadb(body->text ? body->text : "", body->n, 0, &why);
    if (!tree)
        (void)err_set(ERR_PARSE, "the body is no JSON: line %d, column %d: %s", why.line,
                      why.column, why.text);
    return tree;
}

static enum MHD_Result ask(struct exchange *x, struct MHD_Connection *to)
{
    struct server *server = x->server;
    json_t *tree = parsed(&x->body);
    struct ask_request a;
    struct fields fields;
    uint64_t seed;
    bool unknown;
    enum MHD_Result result;
    enum err err;

    server->bodies -= x->body.n;
    free(x->body.text);
    x->body = (struct strbuf){NULL, 0, 0};
    if (!tree)
        return exchange_refuse(to, MHD_HTTP_BAD_REQUEST, err_text(), NULL, NULL);
    randombytes_buf(&seed, sizeof seed);
    seed &= ((uint64_t)1 << 53) - 1; /* a number that every JSON reader has whole */
    err = ask_read(&a, &fields, strstr(x->route, "chat") != NULL, tree, server->conf->model,
                   seed, &unknown);
    if (err) {
        result = unknown ? exchange_refuse(to, MHD_HTTP_NOT_FOUND, err_text(), fields.wrong,
                                           "model_not_found")
                         : exchange_refuse(to,
                                           err == ERR_NOMEM ? MHD_HTTP_INTERNAL_SERVER_ERROR
                                                            : MHD_HTTP_BAD_REQUEST,
                                           err_text(), fields.wrong, NULL);
    } else {
        tell_strange(server, a.warnings);
        result = enqueue(x, to, &a);
    }
    ask_free(&a);
    json_decref(tree);
    return result;
}

/* ---- requests */

static const char *const routes[] = {"/health", "/v1/models", "/v1/completions",
                                     "/v1/chat/completions"};

static void refusal(struct exchange *x, unsigned status, const char *words)
{
    if (x->refused)
        return;
    x->refused = status;
    x->words = mem_text(words);
}

/* What a request's head says: where it goes, and whether it may. */
static void judge_head(struct exchange *x, struct MHD_Connection *from, const char *path,
                       const char *method)
{
    static const char models[] = "/v1/models/";
    const bool post = !strcmp(method, MHD_HTTP_METHOD_POST);
    unsigned status;

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (!strcmp(path, routes[i]))
            x->route = routes[i];
    if (x->route == routes[0] && !post)
        return; /* probes have no key */
    status = gate_check(&x->server->gate, from, post);
    if (status)
        refusal(x, status, err_text());
    else if (!x->route && (strncmp(path, models, sizeof models - 1) != 0 ||
                           strcmp(path + sizeof models - 1, x->server->conf->model->name) != 0))
        refusal(x, MHD_HTTP_NOT_FOUND,
                "nothing here: /v1/chat/completions, /v1/completions, /v1/models, /health");
    else if (post != (x->route == routes[2] || x->route == routes[3]) ||
             (!post && strcmp(method, MHD_HTTP_METHOD_GET) != 0))
        refusal(x, MHD_HTTP_METHOD_NOT_ALLOWED, "POST asks for completions, GET for the rest");
}

/* What comes of a body that is refused is dropped. */
static enum MHD_Result take_body(struct exchange *x, const char *bytes, size_t n)
{
    struct server *server = x->server;

    if (clock_mono_ms() - x->begun_ms > BODY_MS)
        return MHD_NO; /* drop by drop: closes the connection */
    if (x->body.n + n > (size_t)server->conf->max_body)
        refusal(x, TOO_LARGE, "the body is longer than max_body");
    if (server->bodies + n > BODIES_BYTES)
        refusal(x, MHD_HTTP_SERVICE_UNAVAILABLE, "too many bodies are being sent: ask again");
    if (x->refused)
        return MHD_YES;
    strbuf_put(&x->body, bytes, n);
    server->bodies += n;
    return MHD_YES;
}

static struct exchange *begin(struct server *server)
{
    struct exchange *x = mem_new(1, sizeof *x);

    x->server = server;
    x->engine = server->engine;
    x->model = server->conf->model;
    x->begun_ms = clock_mono_ms();
    engine_lock(server->engine);
    server->open++;
    engine_unlock(server->engine);
    return x;
}

static enum MHD_Result health(struct server *server, struct MHD_Connection *to)
{
    const struct serve_source *source = &server->conf->source;
    char version[EDITION_NAME];
    char *text;
    enum MHD_Result result;

    engine_edition(server->engine, version);
    text = answer_health(version, source->state ? source->state(source->self) : NULL);
    result = exchange_reply(to, MHD_HTTP_OK, text);
    free(text);
    return result;
}

static enum MHD_Result dispatch(struct exchange *x, struct MHD_Connection *to)
{
    struct server *server = x->server;
    enum MHD_Result result;
    char *text;

    if (x->job)
        return exchange_answer(x, to);
    if (x->refused)
        return exchange_refuse(to, x->refused, x->words, NULL, NULL);
    if (x->route == routes[0])
        return health(server, to);
    if (x->route == routes[2] || x->route == routes[3])
        return ask(x, to);
    text = answer_models(server->conf->model, server->created_s, !x->route);
    result = exchange_reply(to, MHD_HTTP_OK, text);
    free(text);
    return result;
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *from, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *n_body, void **state)
{
    struct exchange *x = *state;
    const char *length;
    size_t n;

    (void)version;
    if (!x) {
        *state = x = begin(self);
        judge_head(x, from, path, method);
        length = MHD_lookup_connection_value(from, MHD_HEADER_KIND, "Content-Length");
        /* A body that is somewhat too long is read and dropped: whoever is in the middle of
         * sending it would not read an answer. */
        if (length && strtoull(length, NULL, 10) / DROPPED >
                          (unsigned long long)x->server->conf->max_body)
            return exchange_refuse(from, TOO_LARGE, "the body is longer than max_body", NULL,
                                   NULL);
        return MHD_YES;
    }
    if (!*n_body)
        return dispatch(x, from);
    n = *n_body;
    *n_body = 0;
    return take_body(x, body, n);
}

static void on_completed(void *self, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct server *server = self;
    struct exchange *x = *state;

    (void)connection, (void)why;
    if (!x)
        return;
    engine_lock(server->engine);
    server->open--;
    if (x->job)
        engine_leave(server->engine, x->job);
    engine_unlock(server->engine);
    server->bodies -= x->body.n;
    free(x->body.text);
    free(x->out.text);
    free(x->words);
    free(x);
    *state = NULL;
}

/* ---- the server */

/* A thousand connections are a thousand descriptors. */
static void widen(int connections)
{
    struct rlimit limit;
    const rlim_t want = (rlim_t)connections + 64;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= want)
        return;
    limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < want)
        log_warn("serve", "connections=%d reason=\"only %llu files may be open\"", connections,
                 (unsigned long long)limit.rlim_cur);
}

/* The last answers are on their way to their readers; a reader that takes none is left. */
static void leave(struct server *server)
{
    const int64_t until_ms = clock_mono_ms() + LEAVE_MS;
    int open = 1;

    while (open && clock_mono_ms() < until_ms) {
        engine_lock(server->engine);
        open = server->open;
        engine_unlock(server->engine);
        if (open)
            poll(NULL, 0, 10);
    }
}

static enum err listen_to(struct server *server)
{
    const struct serve_conf *conf = server->conf;
    const struct http_conf how = {.connections = (unsigned)conf->connections,
                                  .idle_s = (unsigned)conf->idle_s,
                                  .head_bytes = HEAD_BYTES,
                                  .suspends = true,
                                  .request = on_request,
                                  .completed = on_completed,
                                  .self = server};
    struct http_address address;
    unsigned port;
    const int context = conf->model->loaded->files->shape.context;
    enum err err = http_address(&address, conf->listen);

    if (!err && (conf->model->length < 2 || conf->model->length > context))
        err = err_set(ERR_RANGE, "max_length %d: not in 2..%d, the model's context",
                      conf->model->length, context);

    if (!err && !server->gate.keyed && !http_address_local(&address))
        err = err_set(ERR_RANGE,
                      "listen: %s can be dialled by others: api_key=FILE says who may ask",
                      conf->listen);
    if (!err) {
        server->taken = true;
        err = engine_new(&server->engine, conf->model, conf->first, conf->slots, conf->queue);
    }
    if (!err)
        err = http_start(&server->http, &port, conf->listen, &address, &how);
    if (!err)
        say(stderr,
            "port %u: %s answers /v1/chat/completions, /v1/completions: %d at once, %d tokens "
            "each%s\n",
            port, conf->model->name, conf->slots, conf->model->length,
            server->gate.keyed ? ", to those who have the key" : "");
    return err;
}

/* Between the engine's turns. While answers of older weights take all the places newer ones wait
 * where they come from, which keeps the newest of them. */
static void tick(void *self, int64_t now_ms)
{
    struct server *server = self;
    const struct serve_source *source = &server->conf->source;
    struct edition_conf newer;

    http_tick(server->http, now_ms);
    if (source->newer && engine_editions(server->engine) < EDITIONS &&
        source->newer(source->self, &newer))
        engine_renew(server->engine, &newer);
}

enum err serve_run(const struct serve_conf *conf, const volatile sig_atomic_t *end)
{
    struct server server = {.conf = conf};
    enum err err;

    if (sodium_init() < 0)
        return err_set(ERR_IO, "libsodium does not start");
    server.said = json_object();
    server.created_s = clock_wall_ms() / 1000;
    widen(conf->connections);
    err = gate_open(&server.gate, conf->api_key);
    if (!err)
        err = listen_to(&server);
    if (!err) {
        engine_run(server.engine, end, (int64_t)conf->drain_s * 1000, tick, &server);
        leave(&server);
    }
    http_stop(server.http);
    engine_free(server.engine);
    if (!server.taken && conf->first->release)
        conf->first->release(conf->first->self);
    json_decref(server.said);
    return err;
}

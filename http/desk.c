/* Between two threads: a list of requests that have come whole, under a lock, and a condition.
 *
 * A request is judged by its bounds alone while it comes: what is too long is read and dropped (a
 * client in the middle of sending would not read an answer), what is far too long is not even
 * read, what comes drop by drop is cut. Then it lies on the desk, suspended; desk_give resumes it,
 * and the server's thread calls on_request once more, which queues what the answer holds. A
 * connection that dies meanwhile is noticed when it is resumed. */

#include "http/desk.h"

#include "base/clock.h"
#include "base/mem.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DROPPED = 4,     /* times what a body may have: not even read */
    BODY_MS = 30000, /* for a body to come in */
    TOO_LARGE = 413, /* a status that releases of the library name differently */
};

struct desk {
    struct desk_conf conf;
    struct http *http;
    pthread_mutex_t lock;
    pthread_cond_t come;
    struct desk_request *first, **last;
    size_t bodies; /* the server's thread's alone */
    bool ends;
};

/* What stands behind a request while it comes. */
struct coming {
    struct desk *desk;
    struct desk_request request;
    int64_t begun_ms;
    unsigned refused;
    bool answered;
};

/* A file that is handed over is the library's to close. */
static struct MHD_Response *whole(struct desk_request *r)
{
    static char none[1];
    struct MHD_Response *response;

    if (r->file < 0)
        return MHD_create_response_from_buffer(r->out.n, r->out.text ? r->out.text : none,
                                               MHD_RESPMEM_MUST_COPY);
    response = MHD_create_response_from_fd64(r->file_bytes, r->file);
    if (response)
        r->file = -1;
    return response;
}

/* Copied: what it is made of goes with the request, and a slow reader may take longer. */
static enum MHD_Result queue_answer(const struct desk *desk, struct MHD_Connection *to,
                                    struct desk_request *r)
{
    struct MHD_Response *response = whole(r);
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    if (r->kind)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->kind);
    for (int i = 0; desk->conf.always && desk->conf.always[i][0]; i++)
        MHD_add_response_header(response, desk->conf.always[i][0], desk->conf.always[i][1]);
    for (int i = 0; i < r->headers; i++)
        MHD_add_response_header(response, r->name[i], r->value[i]);
    result = MHD_queue_response(to, r->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct coming *coming, struct MHD_Connection *to)
{
    static const char words[] = "{\"error\":\"the request is too large, or the server is "
                                "ending or busy: ask again\"}";

    desk_say(&coming->request, coming->refused, "application/json", words, sizeof words - 1);
    return queue_answer(coming->desk, to, &coming->request);
}

/* 404 is the answer as long as nobody says another: a request that was forgotten is not a success. */
static struct coming *begin(struct desk *desk, struct MHD_Connection *from, const char *path,
                            const char *method)
{
    struct coming *coming = mem_new(1, sizeof *coming);

    coming->desk = desk;
    coming->begun_ms = clock_mono_ms();
    coming->request.connection = from;
    coming->request.status = MHD_HTTP_NOT_FOUND;
    coming->request.method = mem_text(method);
    coming->request.path = mem_text(path);
    coming->request.file = -1;
    return coming;
}

/* Three bounds: the time that a body may take, the bytes of one, the bytes of all. The last is what
 * keeps many clients with allowed bodies from filling the memory together. */
static enum MHD_Result take_body(struct coming *coming, const char *bytes, size_t n)
{
    struct desk *desk = coming->desk;

    if (clock_mono_ms() - coming->begun_ms > BODY_MS)
        return MHD_NO;
    if (coming->request.body.n + n > desk->conf.body_bytes)
        coming->refused = TOO_LARGE;
    else if (desk->bodies + n > desk->conf.bodies_bytes)
        coming->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
    if (coming->refused)
        return MHD_YES;
    strbuf_put(&coming->request.body, bytes, n);
    desk->bodies += n;
    return MHD_YES;
}

/* Suspended before it can be taken, since desk_give resumes it. */
/* A desk that ends takes nothing more: what comes while it closes is answered here, by this thread.
 */
static enum MHD_Result lay_down(struct coming *coming, struct MHD_Connection *from)
{
    struct desk *desk = coming->desk;

    pthread_mutex_lock(&desk->lock);
    if (!desk->ends) {
        MHD_suspend_connection(from);
        *desk->last = &coming->request;
        desk->last = &coming->request.next;
        coming->answered = true; /* once it comes back */
        pthread_cond_signal(&desk->come);
        pthread_mutex_unlock(&desk->lock);
        return MHD_YES;
    }
    pthread_mutex_unlock(&desk->lock);
    coming->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
    return refuse(coming, from);
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *from, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *n_body, void **state)
{
    struct desk *desk = self;
    struct coming *coming = *state;
    size_t n;

    (void)version;
    if (!coming) {
        const char *length =
            MHD_lookup_connection_value(from, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

        *state = coming = begin(desk, from, path, method);
        if (!length || strtoull(length, NULL, 10) / DROPPED <= desk->conf.body_bytes)
            return MHD_YES;
        coming->refused = TOO_LARGE;
        return refuse(coming, from);
    }
    if (!*n_body) {
        if (coming->answered)
            return queue_answer(desk, from, &coming->request);
        return coming->refused ? refuse(coming, from) : lay_down(coming, from);
    }
    n = *n_body;
    *n_body = 0;
    return take_body(coming, body, n);
}

static void on_completed(void *self, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct desk *desk = self;
    struct coming *coming = *state;

    (void)connection, (void)why;
    if (!coming)
        return;
    *state = NULL;
    desk->bodies -= coming->request.body.n;
    for (int i = 0; i < coming->request.headers; i++)
        free(coming->request.value[i]);
    free(coming->request.method);
    free(coming->request.path);
    free(coming->request.body.text);
    free(coming->request.out.text);
    if (coming->request.file >= 0)
        close(coming->request.file);
    free(coming);
}

enum err desk_open(struct desk **out, unsigned *port, const struct desk_conf *conf)
{
    struct desk *desk = mem_new(1, sizeof *desk);
    const struct http_conf how = {.connections = conf->connections,
                                  .idle_s = conf->idle_s,
                                  .head_bytes = conf->head_bytes,
                                  .suspends = true,
                                  .tls_cert = conf->tls_cert,
                                  .tls_key = conf->tls_key,
                                  .request = on_request,
                                  .completed = on_completed,
                                  .self = desk};
    struct http_address address;
    pthread_condattr_t attributes;
    enum err err;

    desk->conf = *conf;
    desk->last = &desk->first;
    pthread_mutex_init(&desk->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&desk->come, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = desk;
    err = http_address(&address, conf->listen);
    if (!err)
        err = http_start(&desk->http, port, conf->listen, &address, &how);
    if (err) {
        desk_close(desk);
        *out = NULL;
    }
    return err;
}

struct desk_request *desk_take(struct desk *desk, int64_t wait_ms)
{
    const int64_t until_ns = clock_mono_ns() + wait_ms * 1000000;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};
    struct desk_request *taken;
    int late = 0;

    http_tick(desk->http, clock_mono_ms());
    pthread_mutex_lock(&desk->lock);
    while (!desk->first && !late)
        late = pthread_cond_timedwait(&desk->come, &desk->lock, &until);
    taken = desk->first;
    desk->first = NULL;
    desk->last = &desk->first;
    pthread_mutex_unlock(&desk->lock);
    return taken;
}

/* The next one is read before this one is resumed: from then on it is the server's. */
void desk_give(struct desk *desk, struct desk_request *list)
{
    (void)desk;
    while (list) {
        struct desk_request *next = list->next;

        list->next = NULL;
        MHD_resume_connection(list->connection);
        list = next;
    }
}

/* The library must not be stopped while a connection is suspended: all that lie here are answered
 * first, and none comes to lie here any more. */
void desk_close(struct desk *desk)
{
    struct desk_request *left;

    if (!desk)
        return;
    pthread_mutex_lock(&desk->lock);
    desk->ends = true;
    left = desk->first;
    desk->first = NULL;
    pthread_mutex_unlock(&desk->lock);
    for (struct desk_request *one = left; one; one = one->next)
        desk_say(one, MHD_HTTP_SERVICE_UNAVAILABLE, "application/json",
                 "{\"error\":\"the server ends\"}", 27);
    desk_give(desk, left);
    http_stop(desk->http);
    pthread_cond_destroy(&desk->come);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

/* ---- what a request says, and what is answered */

const char *desk_header(const struct desk_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *desk_cookie(const struct desk_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, name);
}

const char *desk_argument(const struct desk_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* Bytes, not text: who counts by them hashes them, and nobody prints them. */
size_t desk_peer(unsigned char out[16], const struct desk_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *at = info ? info->client_addr : NULL;

    if (at && at->sa_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)(const void *)at)->sin_addr, 4);
        return 4;
    }
    if (at && at->sa_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr, 16);
        return 16;
    }
    return 0;
}

void desk_say(struct desk_request *request, unsigned status, const char *kind, const char *text,
              size_t n)
{
    request->status = status;
    request->kind = kind;
    request->out.n = 0;
    strbuf_put(&request->out, text, n);
}

void desk_file(struct desk_request *request, unsigned status, const char *kind, int file,
               uint64_t bytes)
{
    request->status = status;
    request->kind = kind;
    request->file = file;
    request->file_bytes = bytes;
}

void desk_head(struct desk_request *request, const char *name, char *value)
{
    if (request->headers ==
        DESK_HEADERS_MAX) { /* none of ours comes near: dropped, not written beyond */
        free(value);
        return;
    }
    request->name[request->headers] = name;
    request->value[request->headers++] = value;
}

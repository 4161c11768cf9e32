/* The listening end, on libmicrohttpd: an address, a thread that serves it, an answer.
 *
 * Who serves gives one function, which sees each request as it comes (its head, its body piece by
 * piece, its end) and queues an answer. There is one thread, not one a connection: a thousand
 * idle connections are a thousand small buffers. The limits are asked for here and not by the
 * servers, so that none is forgotten. */

#include "http/http.h"

#include "base/clock.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The resolver takes a number modulo 2^16. */
static bool is_port(const char *text)
{
    const size_t n = strlen(text);

    return n && n <= 5 && strspn(text, "0123456789") == n &&
           strtoul(text, NULL, 10) <= UINT16_MAX;
}

enum err http_address(struct http_address *out, const char *listen)
{
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM,
                                  .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    const char *colon = strrchr(listen, ':');
    char host[256];
    struct addrinfo *found;
    size_t length;
    int failed;

    if (!colon || (size_t)(colon - listen) >= sizeof host)
        return err_set(ERR_PARSE, "listen: '%s' is not HOST:PORT", listen);
    if (!is_port(colon + 1))
        return err_set(ERR_PARSE, "listen: '%s': a port is a number, 0 to %d", listen,
                       UINT16_MAX);
    length = (size_t)(colon - listen);
    if (length > 1 && listen[0] == '[' && colon[-1] == ']')
        listen++, length -= 2;
    memcpy(host, listen, length);
    host[length] = 0;
    failed = getaddrinfo(*host && strcmp(host, "*") ? host : NULL, colon + 1, &want, &found);
    if (failed)
        return err_set(ERR_RANGE, "listen: %s: %s", host, gai_strerror(failed));
    memcpy(&out->at, found->ai_addr, found->ai_addrlen);
    out->n = found->ai_addrlen;
    freeaddrinfo(found);
    return OK;
}

/* All of 127/8 is this machine's; an IPv4 address may stand in an IPv6 one. */
bool http_address_local(const struct http_address *address)
{
    const struct sockaddr_in *four = (const void *)&address->at;
    const struct sockaddr_in6 *six = (const void *)&address->at;

    if (address->at.ss_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    if (address->at.ss_family != AF_INET6)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == 127);
}

/* ---- connections, and since when each waits for a request's head */

/* The library's timeout is of silence; a byte now and then would hold a connection for ever. */
struct http_peer {
    struct http_peer *next;
    int socket;
    int64_t since_ms; /* 0: a request is at hand, which has a deadline of its own */
};

struct http {
    struct MHD_Daemon *daemon;
    struct http_conf conf;
    pthread_mutex_t lock; /* of the list: the server's thread, and whoever ticks */
    struct http_peer *peers;
};

static void notice(struct http *http, struct MHD_Connection *connection, int64_t since_ms)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_peer *peer = info ? info->socket_context : NULL;

    pthread_mutex_lock(&http->lock);
    if (peer)
        peer->since_ms = since_ms;
    pthread_mutex_unlock(&http->lock);
}

static void on_connection(void *self, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http *http = self;
    struct http_peer *peer = *context, **at;

    pthread_mutex_lock(&http->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        *context = peer = mem_new(1, sizeof *peer);
        peer->socket = info ? info->connect_fd : -1;
        peer->since_ms = clock_mono_ms();
        peer->next = http->peers;
        http->peers = peer;
    } else if (peer) { /* its socket is closed after this: nobody looks at it any more */
        for (at = &http->peers; *at != peer;)
            at = &(*at)->next;
        *at = peer->next;
        free(peer);
        *context = NULL;
    }
    pthread_mutex_unlock(&http->lock);
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *from, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *n_body, void **state)
{
    struct http *http = self;

    notice(http, from, 0);
    return http->conf.request(http->conf.self, from, path, method, version, body, n_body,
                              state);
}

static void on_completed(void *self, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct http *http = self;

    notice(http, connection, clock_mono_ms());
    if (http->conf.completed)
        http->conf.completed(http->conf.self, connection, state, why);
}

/* Shut and not closed: the library finds it ended, and closes it. */
void http_tick(struct http *http, int64_t now_ms)
{
    const int64_t most_ms = 2000 * (int64_t)http->conf.idle_s;

    pthread_mutex_lock(&http->lock);
    for (struct http_peer *peer = http->peers; peer; peer = peer->next)
        if (peer->since_ms && now_ms - peer->since_ms > most_ms && peer->socket >= 0)
            shutdown(peer->socket, SHUT_RDWR);
    pthread_mutex_unlock(&http->lock);
}

/* ---- the server */

/* The options that only some ask for. A key without its certificate is none. */
static unsigned further(struct MHD_OptionItem out[3], const struct http_conf *conf)
{
    if (!conf->tls_cert || !conf->tls_key) {
        out[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
        return 0;
    }
    out[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
                                     (void *)(uintptr_t)conf->tls_cert};
    out[1] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)conf->tls_key};
    out[2] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_USE_TLS;
}

static enum err no_server(struct http *http, const char *listen, const struct http_conf *conf)
{
    const int why = errno;

    pthread_mutex_destroy(&http->lock);
    free(http);
    if (conf->tls_cert && (why == 0 || why == EAGAIN))
        return err_set(ERR_IO, "tls_cert, tls_key: no certificate (PEM) with its key, or a "
                               "libmicrohttpd without TLS");
    return err_set(ERR_IO, "listen: %s: %s", listen, why ? strerror(why) : "cannot be had");
}

enum err http_start(struct http **out, unsigned *port, const char *listen,
                    const struct http_address *address, const struct http_conf *conf)
{
    struct http *http = mem_new(1, sizeof *http);
    const union MHD_DaemonInfo *info;
    struct MHD_OptionItem options[3];
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;

    *out = NULL;
    http->conf = *conf;
    flags |= further(options, conf);
    pthread_mutex_init(&http->lock, NULL);
    if (address->at.ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    if (conf->suspends)
        flags |= MHD_ALLOW_SUSPEND_RESUME;
    errno = 0;
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_SOCK_ADDR, &address->at,
        MHD_OPTION_CONNECTION_LIMIT, conf->connections, MHD_OPTION_CONNECTION_TIMEOUT,
        conf->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, conf->head_bytes,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!http->daemon)
        return no_server(http, listen, conf);
    info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    *port = info ? (unsigned)info->port : 0;
    *out = http;
    return OK;
}

void http_stop(struct http *http)
{
    if (!http)
        return;
    MHD_stop_daemon(http->daemon);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

enum MHD_Result http_answer(struct MHD_Connection *to, unsigned status, const char *kind,
                            const char *text)
{
    /* Copied, since what it is made of may be renewed before a slow reader has taken it. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, kind);
    result = MHD_queue_response(to, status, response);
    MHD_destroy_response(response);
    return result;
}

/* The listening end, on libmicrohttpd: an address, a thread that serves it, an answer.
 *
 * Who serves gives one function, which sees each request as it comes (its head, its body piece by
 * piece, its end) and queues an answer. There is one thread, not one a connection: a thousand
 * idle connections are a thousand small buffers. The limits are asked for here and not by the
 * servers, so that none is forgotten. */

#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

enum err http_address(struct http_address *out, const char *listen)
{
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM,
                                  .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    const char *colon = strrchr(listen, ':');
    char host[256];
    struct addrinfo *found;
    size_t length;
    int failed;

    if (!colon || !colon[1] || (size_t)(colon - listen) >= sizeof host)
        return err_set(ERR_PARSE, "listen: '%s' is not HOST:PORT", listen);
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

enum err http_start(struct MHD_Daemon **out, unsigned *port, const char *listen,
                    const struct http_address *address, const struct http_conf *conf)
{
    const union MHD_DaemonInfo *info;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;

    if (address->at.ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    if (conf->suspends)
        flags |= MHD_ALLOW_SUSPEND_RESUME;
    errno = 0;
    *out = MHD_start_daemon(
        flags, 0, NULL, NULL, conf->request, conf->self, MHD_OPTION_SOCK_ADDR, &address->at,
        MHD_OPTION_CONNECTION_LIMIT, conf->connections, MHD_OPTION_CONNECTION_TIMEOUT,
        conf->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, conf->head_bytes,
        MHD_OPTION_NOTIFY_COMPLETED, conf->completed, conf->self, MHD_OPTION_END);
    if (!*out)
        return err_set(ERR_IO, "listen: %s: %s", listen,
                       errno ? strerror(errno) : "cannot be had");
    info = MHD_get_daemon_info(*out, MHD_DAEMON_INFO_BIND_PORT);
    *port = info ? (unsigned)info->port : 0;
    return OK;
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

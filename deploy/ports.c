/* How it works: one listening socket each, made before anything else runs, so that a port in
 * use is found while nothing has to be taken back. Closed on exec; launch hands them to the
 * broker. */
#include "deploy/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int further[PORTS] = {0, 1, 5};

/* Of either family, as the system wants it. */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Any name that the system knows, of either family. */
static enum err resolve(union address *out, socklen_t *n, const char *host)
{
    const struct addrinfo hint = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int code = getaddrinfo(host, NULL, &hint, &found);

    if (code || found->ai_addrlen > sizeof *out) {
        if (!code)
            freeaddrinfo(found);
        return err_set(ERR_RANGE, "fleet.host: '%.100s': %s", host,
                       code ? gai_strerror(code) : "no address of TCP");
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *n = found->ai_addrlen;
    freeaddrinfo(found);
    return OK;
}

/* Who listens everywhere is dialled at the loopback from here. */
static void dialled(char out[PORTS_TEXT], const union address *at)
{
    char host[INET6_ADDRSTRLEN] = "";
    const bool v6 = at->any.sa_family == AF_INET6;
    const bool everywhere = v6 ? !memcmp(&at->v6.sin6_addr, &in6addr_any, sizeof in6addr_any)
                               : at->v4.sin_addr.s_addr == htonl(INADDR_ANY);

    inet_ntop(at->any.sa_family,
              v6 ? (const void *)&at->v6.sin6_addr : (const void *)&at->v4.sin_addr, host,
              sizeof host);
    if (everywhere)
        snprintf(host, sizeof host, "%s", v6 ? "::1" : "127.0.0.1");
    snprintf(out, PORTS_TEXT, v6 ? "tcp://[%s]:%d" : "tcp://%s:%d", host,
             (int)ntohs(v6 ? at->v6.sin6_port : at->v4.sin_port));
}

/* `port` 0 takes any; at the end *at has the one that was taken. */
static enum err listen_one(int *fd, union address *at, socklen_t n, int port)
{
    const int yes = 1;
    char text[PORTS_TEXT];

    if (at->any.sa_family == AF_INET6)
        at->v6.sin6_port = htons((in_port_t)port);
    else
        at->v4.sin_port = htons((in_port_t)port);
    *fd = socket(at->any.sa_family, SOCK_STREAM, 0);
    if (*fd >= 0 && !fcntl(*fd, F_SETFD, FD_CLOEXEC) &&
        !setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) &&
        !bind(*fd, &at->any, n) && !listen(*fd, 128) && !getsockname(*fd, &at->any, &n))
        return OK;
    dialled(text, at);
    return errno == EADDRINUSE
               ? err_set(ERR_IO, "fleet.port: %s is in use: is another fleet running?", text)
               : err_set(ERR_IO, "fleet.port: cannot listen at %s: %s", text, strerror(errno));
}

enum err ports_open(struct ports *out, const char *host, int port)
{
    union address at;
    socklen_t n = 0;
    enum err err;

    memset(&at, 0, sizeof at);
    memset(out, 0, sizeof *out);
    for (int i = 0; i < PORTS; i++)
        out->fd[i] = -1;
    err = resolve(&at, &n, host);
    for (int i = 0; i < PORTS && !err; i++) {
        err = listen_one(&out->fd[i], &at, n, port ? port + further[i] : 0);
        if (!err && !i) {
            dialled(out->control, &at);
            out->port = ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
        } else if (!err) {
            dialled(out->dashboard, &at); /* the last one's stays */
        }
    }
    if (err)
        ports_close(out);
    return err;
}

void ports_close(struct ports *ports)
{
    for (int i = 0; i < PORTS; i++) {
        if (ports->fd[i] >= 0)
            close(ports->fd[i]);
        ports->fd[i] = -1;
    }
}

/* Either addresses, of which two may follow from the first, or descriptors that a supervisor
 * opened and keeps: then a broker that was killed and started again has the same ports, and
 * nobody must be told. */

#include "broker/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BULK_FURTHER = 1, BOARD_FURTHER = 5 }; /* from the control port */

static enum err copy(struct listen_at *to, const char *endpoint)
{
    to->fd = -1;
    if (strncmp(endpoint, "tcp://", 6) || !strrchr(endpoint + 6, ':') ||
        strlen(endpoint) >= sizeof to->endpoint)
        return err_set(ERR_PARSE, "'%.100s' is no address: tcp://HOST:PORT is meant", endpoint);
    snprintf(to->endpoint, sizeof to->endpoint, "%s", endpoint);
    return OK;
}

/* Any port stays any port: the three then differ anyway. */
static enum err derive(struct listen_at *to, const char *control, int add)
{
    const char *port = strrchr(control, ':') + 1;
    char *end, text[LISTEN_TEXT + 16];
    const long number = strcmp(port, "*") ? strtol(port, &end, 10) : 0;

    if (strcmp(port, "*") && (*end || end == port || number < 0 || number + add > 65535))
        return err_set(ERR_PARSE, "%s: the port is to be a number up to %d, or 0 for any",
                       control, 65535 - add);
    snprintf(text, sizeof text, "%.*s%ld", (int)(port - control), control,
             number ? number + add : 0);
    return copy(to, text);
}

enum err listen_addresses(struct listen_at out[LISTENS], const char *control, const char *bulk,
                          const char *board)
{
    enum err err = copy(&out[LISTEN_CONTROL], control);

    if (!err)
        err = *bulk ? copy(&out[LISTEN_BULK], bulk)
                    : derive(&out[LISTEN_BULK], control, BULK_FURTHER);
    if (!err)
        err = *board ? copy(&out[LISTEN_DASHBOARD], board)
                     : derive(&out[LISTEN_DASHBOARD], control, BOARD_FURTHER);
    return err;
}

static enum err adopt(struct listen_at *to, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t n = sizeof at, m = sizeof(int);
    char host[INET6_ADDRSTRLEN];
    int listening = 0;

    /* CLOEXEC as well: the supervisor let it through to us, nobody else is to have it. */
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &m) ||
        getsockname(fd, &at.any, &n) || fcntl(fd, F_SETFD, FD_CLOEXEC))
        return err_set(ERR_IO, "descriptor %d: %s", fd, strerror(errno));
    if (!listening || (at.any.sa_family != AF_INET && at.any.sa_family != AF_INET6))
        return err_set(ERR_IO, "descriptor %d is no listening TCP socket", fd);
    to->fd = fd;
    if (at.any.sa_family == AF_INET)
        snprintf(to->endpoint, sizeof to->endpoint, "tcp://%s:%d",
                 inet_ntop(AF_INET, &at.v4.sin_addr, host, sizeof host),
                 (int)ntohs(at.v4.sin_port));
    else
        snprintf(to->endpoint, sizeof to->endpoint, "tcp://[%s]:%d",
                 inet_ntop(AF_INET6, &at.v6.sin6_addr, host, sizeof host),
                 (int)ntohs(at.v6.sin6_port));
    return OK;
}

enum err listen_descriptors(struct listen_at out[LISTENS], const char *list)
{
    const char *at = list;
    enum err err = OK;

    for (int i = 0; i < LISTENS && !err; i++) {
        char *end;
        const long fd = strtol(at, &end, 10);

        if (end == at || fd < 0 || fd > 1 << 20 || *end != (i + 1 < LISTENS ? ',' : '\0'))
            return err_set(ERR_PARSE, "--listen-fd=%.100s: three descriptors are meant: 3,4,5",
                           list);
        at = end + 1;
        err = adopt(&out[i], (int)fd);
    }
    return err;
}

/* What is forwarded is the control port, since that is what people type; that bulk follows it is
 * the same rule as where they listen. */
enum err listen_reach(char out[ADDRESS_TEXT], const char *endpoint, const char *as)
{
    const char *bracket, *colon;
    bool has_port;
    char host[ADDRESS_TEXT], port[32] = "", *end = port;
    long number = 0;

    if (!as || !*as) {
        snprintf(out, ADDRESS_TEXT, "%s", endpoint);
        return OK;
    }
    if (!strncmp(as, "tcp://", 6)) /* a bracket alone would begin a list in YAML */
        as += 6;
    bracket = strchr(as, ']');
    colon = strrchr(as, ':');
    /* A bare IPv6 address is all colons. */
    has_port = colon && (bracket ? colon == bracket + 1 : strchr(as, ':') == colon);
    snprintf(host, sizeof host, "%.*s", has_port ? (int)(colon - as) : ADDRESS_TEXT - 1, as);
    if (has_port)
        number = strtol(colon + 1, &end, 10);
    if (!*host || strpbrk(as, "/ \t\n,;") ||
        (has_port && (*end || number < 1 || number + BULK_FURTHER > 65535)))
        return err_set(ERR_RANGE,
                       "--advertise: '%.100s' is no address: HOST or HOST:PORT is meant, an "
                       "IPv6 address with a port in brackets",
                       as);
    snprintf(port, sizeof port, ":%ld", number + BULK_FURTHER);
    address_at(out, host, has_port ? port : endpoint);
    return OK;
}

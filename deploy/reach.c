/* How it works: a TCP connection is made and closed again. What distinguishes a port that nobody
 * listens at from one that is walled off is the answer: a reset comes at once, a wall swallows. */
#include "deploy/reach.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* OK, or the reason as errno has it. */
static int try(const struct addrinfo *at, int wait_ms)
{
    const int fd = socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int code = 0;
    socklen_t n = sizeof code;

    if (fd < 0)
        return errno;
    if (connect(fd, at->ai_addr, at->ai_addrlen) && errno != EINPROGRESS)
        code = errno;
    else if (poll(&wait, 1, wait_ms) < 1)
        code = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n))
        code = errno;
    close(fd);
    return code;
}

enum err reach_tcp(const char *endpoint, int wait_ms)
{
    const struct addrinfo hint = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(endpoint, ':');
    char host[256] = "";
    int code;

    if (strncmp(endpoint, "tcp://", 6) || !colon || colon < endpoint + 7 ||
        (size_t)(colon - endpoint) >= sizeof host)
        return err_set(ERR_RANGE, "'%.100s' is no address", endpoint);
    snprintf(host, sizeof host, "%.*s", (int)(colon - endpoint - 6), endpoint + 6);
    if (*host == '[' && host[strlen(host) - 1] == ']') {
        host[strlen(host) - 1] = 0;
        memmove(host, host + 1, strlen(host));
    }
    code = getaddrinfo(host, colon + 1, &hint, &found);
    if (code)
        return err_set(ERR_IO, "%s: the name is not known here (%s)", endpoint,
                       gai_strerror(code));
    code = ECONNREFUSED;
    for (const struct addrinfo *at = found; at && code; at = at->ai_next)
        code = try(at, wait_ms);
    freeaddrinfo(found);
    if (!code)
        return OK;
    return code == ETIMEDOUT
               ? err_set(ERR_IO, "%s: nothing comes back: a firewall between the two?",
                         endpoint)
               : err_set(ERR_IO, "%s: %s", endpoint,
                         code == ECONNREFUSED ? "nobody listens there" : strerror(code));
}

/* A descriptor is known by its inode, which no two sockets share: what is remembered of it, is it
 * a connection to our port, since when is it there, is asked once. ZeroMQ's own thread may close
 * one between a look and its end; the next one gets the number a moment later, so the inode is
 * looked at again right before. What may still go wrong is that a young connection is cut: its
 * peer dials again. */

#include "proto/silent.h"

#include "base/mem.h"
#include "proto/address.h"

#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct silent_seen { /* by descriptor */
    ino_t inode;
    bool ours;
    int64_t since_ms;
};

struct silent_quiet {
    int64_t since_ms;
    int fd;
};

struct silent {
    struct silent_conf conf;
    uint16_t port;
    struct silent_seen *seen;
    struct silent_quiet *quiet; /* of this look; room for all that are seen */
    int seens;
    int64_t looked_ms;
};

void silent_new(struct silent **out, const char *endpoint, const struct silent_conf *conf)
{
    struct silent *const s = mem_new(1, sizeof *s);
    const char *const colon = strrchr(endpoint, ':');

    s->conf = *conf;
    s->port = (uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 0);
    *out = s;
}

void silent_free(struct silent *s)
{
    if (!s)
        return;
    free(s->seen);
    free(s->quiet);
    free(s);
}

static uint16_t port_of(const struct sockaddr_storage *at)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;

    if (at->ss_family == AF_INET) {
        memcpy(&four, at, sizeof four);
        return ntohs(four.sin_port);
    }
    memcpy(&six, at, sizeof six);
    return at->ss_family == AF_INET6 ? ntohs(six.sin6_port) : 0;
}

/* A connection that was made to our port; what listens there has no far end. */
static bool is_ours(const struct silent *s, int fd)
{
    struct sockaddr_storage here, far;
    socklen_t n = sizeof here, m = sizeof far;

    return !getsockname(fd, (struct sockaddr *)&here, &n) && port_of(&here) == s->port &&
           !getpeername(fd, (struct sockaddr *)&far, &m);
}

static bool socket_of(int fd, ino_t *inode)
{
    struct stat st;

    if (fstat(fd, &st) || !S_ISSOCK(st.st_mode))
        return false;
    *inode = st.st_ino;
    return true;
}

/* Is it one of ours, and what is known of it up to date? */
static bool see(struct silent *s, int fd, int64_t now_ms)
{
    ino_t inode;

    if (fd < 0 || !socket_of(fd, &inode))
        return false;
    if (fd >= s->seens) {
        s->seen = mem_grow(s->seen, 2 * (size_t)fd + 64, sizeof *s->seen);
        s->quiet = mem_grow(s->quiet, 2 * (size_t)fd + 64, sizeof *s->quiet);
        memset(s->seen + s->seens, 0, ((size_t)(2 * fd + 64 - s->seens)) * sizeof *s->seen);
        s->seens = 2 * fd + 64;
    }
    if (s->seen[fd].inode != inode)
        s->seen[fd] = (struct silent_seen){inode, is_ours(s, fd), now_ms};
    return s->seen[fd].ours;
}

static void shut(struct silent *s, int fd, int64_t now_ms)
{
    struct sockaddr_storage far;
    socklen_t n = sizeof far;
    char address[SILENT_ADDRESS] = "?";
    ino_t inode;

    if (!socket_of(fd, &inode) || inode != s->seen[fd].inode ||
        getpeername(fd, (struct sockaddr *)&far, &n))
        return;
    if (getnameinfo((struct sockaddr *)&far, n, address, sizeof address, NULL, 0,
                    NI_NUMERICHOST))
        snprintf(address, sizeof address, "?");
    shutdown(fd, SHUT_RDWR);
    s->conf.shut(s->conf.self, address_unmapped(address), now_ms);
}

/* The oldest at the end. */
static int by_age(const void *a, const void *b)
{
    const int64_t x = ((const struct silent_quiet *)a)->since_ms;
    const int64_t y = ((const struct silent_quiet *)b)->since_ms;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* Of a look's list: a young one is about to speak, and counts only as long as it does not. */
static void judge(struct silent *s, int n, int64_t now_ms)
{
    int aged = 0;

    if (n)
        qsort(s->quiet, (size_t)n, sizeof *s->quiet, by_age);
    for (int i = 0; i < n; i++) {
        const int64_t age_ms = now_ms - s->quiet[i].since_ms;

        aged += age_ms >= SILENT_LOOK_MS;
        if (age_ms >= SILENT_MS || aged > SILENT_MAX)
            shut(s, s->quiet[i].fd, now_ms);
    }
}

void silent_tick(struct silent *s, int64_t now_ms)
{
    DIR *folder;
    int n = 0;

    if (s->looked_ms && now_ms - s->looked_ms < SILENT_LOOK_MS)
        return;
    s->looked_ms = now_ms;
    folder = opendir("/proc/self/fd");
    for (const struct dirent *e; folder && (e = readdir(folder));) {
        const int fd = *e->d_name == '.' ? -1 : (int)strtol(e->d_name, NULL, 10);

        if (see(s, fd, now_ms) && !s->conf.heard(s->conf.self, fd))
            s->quiet[n++] = (struct silent_quiet){s->seen[fd].since_ms, fd};
    }
    if (folder)
        closedir(folder);
    judge(s, n, now_ms);
}

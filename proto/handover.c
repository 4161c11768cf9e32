/* On the learner's own machine an image is handed over as pages: a memfd, sealed against
 * change, passed by SCM_RIGHTS over an abstract Unix socket that is named by the run. Nothing
 * is copied, so ten actors map the same memory.
 *
 * The learner's side keeps a list of guests that have not asked yet and of what it offers;
 * both are bounded, and whoever is slow is let go. Every call is without waiting: neither side
 * may stop the other's loop. Either end takes only peers of its own user. */

#define _GNU_SOURCE /* struct ucred, accept4 */

#include "proto/handover.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };

struct handover {
    struct handover_conf conf;
    int listening;
    int guest[HANDOVER_GUESTS]; /* who has not asked yet, in order of coming */
    int guests;
    struct {
        struct hash hash;
        struct shared_memory *shared;
    } item[HANDOVER_SHARED]; /* in order of coming */
    int items;
};

/* An abstract address: a zero byte, then a name. */
static socklen_t address(struct sockaddr_un *at, const struct id *run)
{
    static const char start[] = "drover-run-";
    char *to = at->sun_path + 1;

    memset(at, 0, sizeof *at);
    at->sun_family = AF_UNIX;
    memcpy(to, start, sizeof start - 1);
    to += sizeof start - 1;
    for (int i = 0; i < ID_BYTES; i++, to += 2)
        snprintf(to, 3, "%02x", run->byte[i]);
    return (socklen_t)(to - (char *)at);
}

/* A socket, or -1: there are none, or nobody wants it (DROVER_HANDOVER=off). */
static int ours(void)
{
    const char *const wanted = getenv("DROVER_HANDOVER");

    errno = ENOTSUP;
    if (wanted && !strcmp(wanted, "off"))
        return -1;
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static bool same_user(int fd)
{
    struct ucred other;
    socklen_t n = sizeof other;

    return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &n) && other.uid == geteuid();
}

/* ---- giving */

static enum err listen_at(struct handover *h)
{
    struct sockaddr_un at;
    const socklen_t n = address(&at, &h->conf.run);

    h->listening = ours();
    if (h->listening < 0)
        return err_set(ERR_IO, "a Unix socket: %s", strerror(errno));
    if (bind(h->listening, (struct sockaddr *)&at, n))
        return errno == EADDRINUSE
                   ? err_set(ERR_STATE, "another process gives this run's weights here")
                   : err_set(ERR_IO, "a Unix socket: %s", strerror(errno));
    if (listen(h->listening, BACKLOG))
        return err_set(ERR_IO, "a Unix socket: %s", strerror(errno));
    return h->conf.watch(h->conf.self, h->listening);
}

enum err handover_open(struct handover **out, const struct handover_conf *conf)
{
    struct handover *h = mem_new(1, sizeof *h);
    enum err err;

    *out = NULL;
    h->conf = *conf;
    err = listen_at(h);
    if (err)
        handover_close(h);
    else
        *out = h;
    return err;
}

static void dismiss(struct handover *h, int i)
{
    h->conf.unwatch(h->conf.self, h->guest[i]);
    close(h->guest[i]);
    memmove(h->guest + i, h->guest + i + 1, (size_t)(--h->guests - i) * sizeof *h->guest);
}

static void drop(struct handover *h, int i)
{
    shared_memory_free(h->item[i].shared);
    memmove(h->item + i, h->item + i + 1, (size_t)(--h->items - i) * sizeof *h->item);
}

void handover_close(struct handover *h)
{
    if (!h)
        return;
    while (h->guests)
        dismiss(h, 0);
    while (h->items)
        drop(h, 0);
    if (h->listening >= 0) {
        h->conf.unwatch(h->conf.self, h->listening);
        close(h->listening);
    }
    free(h);
}

static int find(const struct handover *h, const struct hash *hash)
{
    for (int i = 0; i < h->items; i++)
        if (hash_same(&h->item[i].hash, hash))
            return i;
    return -1;
}

void handover_put(struct handover *h, const struct hash *hash, struct shared_memory *shared)
{
    if (find(h, hash) >= 0)
        return;
    if (h->items == HANDOVER_SHARED)
        drop(h, 0);
    h->item[h->items].hash = *hash;
    h->item[h->items++].shared = shared_memory_share(shared);
}

void handover_remove(struct handover *h, const struct hash *hash)
{
    const int at = find(h, hash);

    if (at >= 0)
        drop(h, at);
}

/* The size, and the pages with it; 0 alone: not here. */
static void answer(const struct handover *h, int fd, const struct hash *hash)
{
    const int at = find(h, hash);
    const struct shared_memory *shared = at < 0 ? NULL : h->item[at].shared;
    uint64_t size = shared ? shared_memory_size(shared) : 0;
    struct iovec part = {&size, sizeof size};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

    if (shared) {
        const int pages = shared_memory_fd(shared);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof pages);
        memcpy(CMSG_DATA(&control.head), &pages, sizeof pages);
        packet.msg_control = control.room;
        packet.msg_controllen = sizeof control.room;
    }
    (void)!sendmsg(fd, &packet, MSG_NOSIGNAL | MSG_DONTWAIT); /* lost: the wire has it too */
}

static void hear(struct handover *h)
{
    for (int i = 0; i < h->guests;) {
        struct hash hash;
        const ssize_t n = recv(h->guest[i], &hash, sizeof hash, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            i++;
            continue;
        }
        if (n == (ssize_t)sizeof hash)
            answer(h, h->guest[i], &hash);
        dismiss(h, i);
    }
}

enum err handover_readable(void *self, int64_t now_ms)
{
    struct handover *h = self;
    enum err err = OK;

    (void)now_ms;
    for (int i = 0; i < BACKLOG && !err; i++) {
        const int fd = accept4(h->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            break;
        if (!same_user(fd)) {
            close(fd);
            continue;
        }
        if (h->guests == HANDOVER_GUESTS) /* who says nothing makes room */
            dismiss(h, 0);
        h->guest[h->guests++] = fd;
        err = h->conf.watch(h->conf.self, fd);
    }
    if (!err)
        hear(h);
    return err;
}

/* ---- asking */

int handover_ask(const struct id *run, const struct hash *hash)
{
    struct sockaddr_un at;
    const socklen_t n = address(&at, run);
    const int fd = ours();

    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&at, n) || !same_user(fd) ||
        send(fd, hash, sizeof *hash, MSG_NOSIGNAL) != (ssize_t)sizeof *hash) {
        close(fd);
        return -1;
    }
    return fd;
}

bool handover_answered(int fd)
{
    char byte;

    return recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           (errno != EAGAIN && errno != EINTR);
}

struct shared_memory *handover_take(int fd, const struct artifact *what)
{
    uint64_t size = 0;
    int pages = -1;
    struct iovec part = {&size, sizeof size};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = sizeof control.room};
    const ssize_t n = recvmsg(fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *head = n < 0 ? NULL : CMSG_FIRSTHDR(&packet);
    struct shared_memory *shared = NULL;

    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(sizeof pages))
        memcpy(&pages, CMSG_DATA(head), sizeof pages);
    close(fd);
    if (pages < 0)
        return NULL;
    if (n != (ssize_t)sizeof size || size != what->bytes) {
        close(pages);
        return NULL;
    }
    if (shared_memory_open(&shared, pages, (size_t)what->bytes, what->name))
        return NULL;
    return shared;
}

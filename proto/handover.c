/* Places and packets. A place in a folder has two files: `.lock`, held by flock(2) by who gives
 * (the kernel lets it go with its process), and `.sock`. Only who holds the lock touches the
 * socket, so that nobody removes the address of a living one. The lock's file stays: removing
 * it would let two hold locks on two files of one name.
 *
 * Every call is without waiting: nobody may stop another's loop. A packet that does not fit is
 * lost, and its sender is told. What comes is of our size and magic, its text ends, and of
 * descriptors there is at most one; the rest are closed. */

#define _GNU_SOURCE /* struct ucred, accept4 */

#include "proto/handover.h"

#include "base/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64, MAGIC = 0x64720001, DESCRIPTORS = 8 };

const char *handover_folder(void)
{
    const char *const folder = getenv("DROVER_SHARE");

    return folder && *folder ? folder : NULL;
}

/* The address of a place; 0: its folder's name is too long. With `end` it is a file beside it. */
static socklen_t address(struct sockaddr_un *at, const struct id *run, int slot,
                         const char *end)
{
    const char *const folder = handover_folder();
    char text[2 * ID_BYTES + 1];
    char *const to = at->sun_path + (folder ? 0 : 1); /* abstract: a zero byte, then a name */
    const size_t room = sizeof at->sun_path - (folder ? 0 : 1);
    int n;

    for (int i = 0; i < ID_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", run->byte[i]);
    memset(at, 0, sizeof *at);
    at->sun_family = AF_UNIX;
    if (folder)
        n = snprintf(to, room, "%s/drover-%.16s-%d%s", folder, text, slot, end);
    else
        n = snprintf(to, room, "drover-host-%s-%d", text, slot);
    if (n < 0 || (size_t)n >= room)
        return 0;
    return (socklen_t)(to + n + (folder ? 1 : 0) - (char *)at);
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

static bool ask_who(int fd, struct handover_who *who)
{
    struct ucred other;
    socklen_t n = sizeof other;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &n))
        return false;
    *who = (struct handover_who){other.uid == geteuid(), other.uid, other.pid};
    return true;
}

/* ---- places */

/* The lock of a place in a folder. A link that another user put there is not followed. */
static enum err take_lock(int *lock, const struct id *run, int slot)
{
    struct sockaddr_un at;

    if (!address(&at, run, slot, ".lock"))
        return err_set(ERR_IO, "DROVER_SHARE: the folder's name is too long for a socket");
    *lock = open(at.sun_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (*lock < 0)
        return err_set(ERR_IO, "%s: %s", at.sun_path, strerror(errno));
    (void)fchmod(*lock, 0666); /* its own alone may */
    if (flock(*lock, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK
                   ? err_set(ERR_STATE, "%s: another process gives here", at.sun_path)
                   : err_set(ERR_IO, "%s: %s", at.sun_path, strerror(errno));
    if (address(&at, run, slot, ".sock") && unlink(at.sun_path) && errno != ENOENT)
        return err_set(ERR_IO, "%s: %s", at.sun_path, strerror(errno));
    return OK;
}

/* In a folder whoever may enter it may ask: its permissions say who. */
static enum err listen_there(int fd, const struct id *run, int slot)
{
    struct sockaddr_un at;
    const socklen_t n = address(&at, run, slot, ".sock");

    if (!n)
        return err_set(ERR_IO, "DROVER_SHARE: the folder's name is too long for a socket");
    if (bind(fd, (struct sockaddr *)&at, n))
        return errno == EADDRINUSE
                   ? err_set(ERR_STATE, "another process gives this run's artifacts here")
                   : err_set(ERR_IO, "a Unix socket: %s", strerror(errno));
    if ((handover_folder() && chmod(at.sun_path, 0666)) || listen(fd, BACKLOG))
        return err_set(ERR_IO, "a Unix socket: %s", strerror(errno));
    return OK;
}

enum err handover_listen(int *fd, int *lock, const struct id *run, int slot)
{
    enum err err = OK;

    *lock = -1;
    *fd = ours();
    if (*fd < 0)
        return err_set(ERR_IO, "a Unix socket: %s", strerror(errno));
    if (handover_folder())
        err = take_lock(lock, run, slot);
    if (!err)
        err = listen_there(*fd, run, slot);
    if (err) {
        close(*fd);
        if (*lock >= 0)
            close(*lock);
        *fd = *lock = -1;
    }
    return err;
}

void handover_unlisten(int fd, int lock, const struct id *run, int slot)
{
    struct sockaddr_un at;

    if (lock >= 0 && address(&at, run, slot, ".sock"))
        (void)unlink(at.sun_path);
    if (fd >= 0)
        close(fd);
    if (lock >= 0)
        close(lock);
}

int handover_accept(int listening, struct handover_who *who)
{
    const int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0 && !ask_who(fd, who)) {
        close(fd);
        return -1;
    }
    return fd;
}

int handover_dial(const struct id *run, int slot, struct handover_who *who, bool *nobody)
{
    struct sockaddr_un at;
    const socklen_t n = address(&at, run, slot, ".sock");
    const int fd = n ? ours() : -1;

    *nobody = false;
    if (fd < 0)
        return -1;
    if (!connect(fd, (struct sockaddr *)&at, n) && ask_who(fd, who))
        return fd;
    *nobody = errno == ECONNREFUSED || errno == ENOENT; /* not EAGAIN: many wait there */
    close(fd);
    return -1;
}

/* The state stands behind the name, which may have brackets of its own. */
bool handover_stopped(int pid)
{
    char path[32], line[256];
    const char *end = NULL;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return errno == ENOENT;
    if (fgets(line, sizeof line, file))
        end = strrchr(line, ')');
    fclose(file);
    return end && end[1] == ' ' && strchr("TtZX", end[2]);
}

/* ---- packets */

bool handover_send(int fd, struct handover_packet *packet, int pages)
{
    struct iovec part = {packet, sizeof *packet};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct msghdr out = {.msg_iov = &part, .msg_iovlen = 1};

    packet->magic = MAGIC;
    if (pages >= 0) {
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof pages);
        memcpy(CMSG_DATA(&control.head), &pages, sizeof pages);
        out.msg_control = control.room;
        out.msg_controllen = sizeof control.room;
    }
    return sendmsg(fd, &out, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof *packet;
}

/* The only descriptor; if there are several, none of them. */
static int descriptor(struct msghdr *in)
{
    int found = -1, n = 0;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(in); head; head = CMSG_NXTHDR(in, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof found) <= head->cmsg_len;
             at += sizeof found, n++) {
            if (found >= 0)
                close(found);
            memcpy(&found, CMSG_DATA(head) + at, sizeof found);
        }
    }
    if (n > 1) {
        close(found);
        found = -1;
    }
    return found;
}

int handover_receive(int fd, struct handover_packet *packet, int *pages)
{
    struct iovec part = {packet, sizeof *packet};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
    } control = {.room = {0}};
    struct msghdr in = {.msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof control.room};
    const ssize_t n = recvmsg(fd, &in, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    *pages = -1;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    *pages = descriptor(&in);
    if (n == (ssize_t)sizeof *packet && !(in.msg_flags & MSG_TRUNC) && packet->magic == MAGIC &&
        packet->kind && packet->kind < HANDOVER_KINDS &&
        memchr(packet->name, 0, sizeof packet->name)) {
        char name[HANDOVER_NAME]; /* goes to logs, and into heartbeats */
        memcpy(name, packet->name, sizeof name);
        printable(packet->name, sizeof packet->name, name, strlen(name), PRINTABLE_LINE);
        return 1;
    }
    if (*pages >= 0)
        close(*pages);
    *pages = -1;
    return -1;
}

/* ---- to another user */

static struct hash keyed(const struct hash *hash, const void *words, size_t n)
{
    struct hash out;

    crypto_generichash_blake2b(out.byte, sizeof out.byte, words, n, hash->byte,
                               sizeof hash->byte);
    return out;
}

struct hash handover_tag(const struct hash *hash, const uint8_t nonce[HANDOVER_NONCE],
                         uint32_t uid)
{
    uint8_t words[4 + HANDOVER_NONCE + sizeof uid] = {'a', 's', 'k', 0};

    memcpy(words + 4, nonce, HANDOVER_NONCE);
    memcpy(words + 4 + HANDOVER_NONCE, &uid, sizeof uid);
    return keyed(hash, words, sizeof words);
}

struct hash handover_proof(const struct hash *hash, const uint8_t nonce[HANDOVER_NONCE])
{
    uint8_t words[4 + HANDOVER_NONCE] = {'g', 'i', 'v', 'e'};

    memcpy(words + 4, nonce, HANDOVER_NONCE);
    return keyed(hash, words, sizeof words);
}

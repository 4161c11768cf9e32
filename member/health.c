/* How it works: written in place and not fsynced: a file for a probe is worth nothing after a
 * crash, and the loop must not wait for a disk. O_NOFOLLOW, since such files lie in folders that
 * others may write to. */
#include "member/health.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool put(const char *file, const char *word)
{
    const int fd =
        open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    const size_t n = strlen(word);
    bool whole;

    if (fd < 0)
        return false;
    whole = write(fd, word, n) == (ssize_t)n;
    return !close(fd) && whole;
}

void health_tick(struct health *h, bool ready, int64_t now_ms)
{
    bool whole;

    if (!h->file || !*h->file || now_ms < h->next_ms)
        return;
    h->next_ms = now_ms + HEALTH_MS;
    whole = put(h->file, ready ? "ready\n" : "waiting\n");
    if (!whole && !h->failed)
        log_warn("health",
                 "file=%s reason=\"%s\" next=\"probes will take this process for dead\"",
                 h->file, strerror(errno));
    h->failed = !whole;
}

void health_end(const struct health *h)
{
    if (h->file && *h->file)
        unlink(h->file);
}

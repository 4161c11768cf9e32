/* A file is scanned once, as it is opened, and only appended to after that. Each record says how
 * much of the file was durable before its group: a bad record at `at` is the torn end of the last
 * group if no good record behind it says that the byte at `at` had been synced; else it is
 * damage. Two blocks take turns: one fills while the other is being written. */

#include "learner/journal/journal.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 24, INTRO = 8 };
static const char intro[INTRO + 1] = "DROVERJ2", older[INTRO + 1] = "DROVERJ1";
static const char magic[5] = "JREC";

struct journal_block {
    uint8_t *byte;
    size_t n, room;
};

struct journal {
    int fd;
    char *path;
    uint64_t size;                         /* durable */
    struct journal_block pending, writing; /* `writing` belongs to the commit under way */
    bool busy;
    bool old; /* of version 1 */
};

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static void put_u64(uint8_t *to, uint64_t value)
{
    put_u32(to, (uint32_t)value);
    put_u32(to + 4, (uint32_t)(value >> 32));
}

static uint64_t get_u64(const uint8_t *from)
{
    return (uint64_t)get_u32(from) | (uint64_t)get_u32(from + 4) << 32;
}

static uint32_t checksum(const uint8_t *head, const uint8_t *payload, size_t n)
{
    return hash_crc32c(hash_crc32c(0, head + 4, 16), payload, n);
}

/* Bytes of the good record at `at`, 0 if there is none. */
static size_t record_at(const uint8_t *file, size_t n, size_t at, uint64_t *before)
{
    if (n - at < HEAD || memcmp(file + at, magic, 4) != 0)
        return 0; /* a cheap look before the checksum: was_durable tries every byte */
    const uint8_t *const head = file + at;
    const size_t length = get_u32(head + 4);
    const uint32_t type = get_u32(head + 16);
    if (length > JOURNAL_RECORD_MAX || length > n - at - HEAD || !type)
        return 0;
    if (checksum(head, head + HEAD, length) != get_u32(head + 20))
        return 0;
    *before = get_u64(head + 8);
    return HEAD + length;
}

/* Whether a good record behind `at` says that the byte at `at` had been made durable. */
static bool was_durable(const uint8_t *file, size_t n, size_t at)
{
    for (size_t i = at; n - i >= HEAD; i++) {
        uint64_t before;
        if (file[i] == 'J' && record_at(file, n, i, &before) && before > at)
            return true;
    }
    return false;
}

static enum err scan(struct journal *journal, const uint8_t *file, size_t n,
                     journal_visit *visit, void *self)
{
    size_t at = INTRO;

    while (at < n) {
        /* whole records of a group that was cut off are good: the file is synced once more before
         * anybody hears of them */
        uint64_t before = 0;
        const size_t size = record_at(file, n, at, &before);
        if (!size || before > at) {
            if (was_durable(file, n, at))
                return err_set(ERR_PARSE, "damaged record at byte %zu, not at the end", at);
            break;
        }
        const struct journal_record record = {
            .type = get_u32(file + at + 16),
            .payload = file + at + HEAD,
            .n = size - HEAD,
            .at = at,
        };
        const enum err err = visit ? visit(self, &record) : OK;
        if (err)
            return err_add("record at byte %zu", at);
        at += size;
    }
    journal->size = at;
    return OK;
}

static enum err failed(const char *path, const char *verb)
{
    return err_set(ERR_IO, "%s: cannot %s: %s", path, verb, strerror(errno));
}

/* Reads what is there; a file shorter than its first word is one that a crash left. */
static enum err load(struct journal *journal, journal_visit *visit, void *self, uint64_t *torn)
{
    const void *file = NULL;
    size_t n = 0;
    enum err err = OK;

    if (fs_exists(journal->path))
        err = fs_map(&file, &n, journal->path);
    if (err)
        return err;
    journal->old = n >= INTRO && !memcmp(file, older, INTRO);
    if (n && memcmp(file, intro, n < INTRO - 1 ? n : INTRO - 1) != 0)
        err = err_set(ERR_PARSE, "not a journal");
    else if (n >= INTRO && !journal->old && memcmp(file, intro, INTRO) != 0)
        err = err_set(ERR_PARSE, "a journal of another version: this program reads 1 and 2");
    else if (n >= INTRO)
        err = scan(journal, file, n, visit, self);
    fs_unmap(file, n);
    if (torn)
        *torn = n - (size_t)journal->size;
    if (err)
        return err_add("%s", journal->path);
    if (n >= INTRO)
        return OK;
    /* new, or cut off within its first word: begun by a whole write and a rename */
    journal->size = INTRO;
    return fs_write(journal->path, intro, INTRO);
}

enum err journal_open(struct journal **out, const char *path, journal_visit *visit, void *self,
                      uint64_t *torn)
{
    struct journal *journal = mem_new(1, sizeof *journal);
    enum err err;

    *out = NULL;
    journal->fd = -1;
    journal->path = mem_text(path);
    err = load(journal, visit, self, torn);
    if (err)
        goto out;
    journal->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (journal->fd < 0) {
        err = failed(journal->path, "open");
        goto out;
    }
    if ((journal->old && pwrite(journal->fd, intro, INTRO, 0) != INTRO) ||
        ftruncate(journal->fd, (off_t)journal->size) ||
        lseek(journal->fd, (off_t)journal->size, SEEK_SET) < 0 || fsync(journal->fd))
        err =
            failed(journal->path, "cut"); /* what is told to `visit` is durable from here on */
out:
    if (err)
        journal_close(journal);
    else
        *out = journal;
    return err;
}

/* What is pending was promised to nobody. */
void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    free(journal->pending.byte);
    free(journal->writing.byte);
    free(journal->path);
    free(journal);
}

/* The checksum is made when the record is appended: what memory does to it until it is written is
 * found when it is read. */
void journal_append(struct journal *journal, uint32_t type, const void *payload, size_t n)
{
    struct journal_block *to = &journal->pending;

    assert(n <= JOURNAL_RECORD_MAX && type);
    if (to->room - to->n < HEAD + n) {
        to->room = 2 * to->room + HEAD + n;
        to->byte = mem_grow(to->byte, to->room, 1);
    }
    uint8_t *const head = to->byte + to->n;
    memcpy(head, magic, 4);
    put_u32(head + 4, (uint32_t)n);
    put_u64(head + 8, journal->size + journal->writing.n); /* where its own group begins */
    put_u32(head + 16, type);
    if (n)
        memcpy(head + HEAD, payload, n);
    put_u32(head + 20, checksum(head, head + HEAD, n));
    to->n += HEAD + n;
}

bool journal_pending(const struct journal *journal)
{
    return journal->pending.n > 0;
}

/* The blocks change places: the one that was written last is filled next, with its room. */
bool journal_commit_begin(struct journal *journal, struct journal_group *out)
{
    if (journal->busy || !journal->pending.n)
        return false;
    const struct journal_block empty = journal->writing;
    journal->writing = journal->pending;
    journal->pending = empty;
    journal->pending.n = 0;
    journal->busy = true;
    *out = (struct journal_group){journal->fd, journal->path, journal->writing.byte,
                                  journal->writing.n};
    return true;
}

enum err journal_commit_write(const struct journal_group *group)
{
    const uint8_t *from = group->byte;
    size_t n = group->n;

    while (n) {
        const ssize_t put = write(group->fd, from, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed(group->path, "write");
        from += put;
        n -= (size_t)put;
    }
    return fsync(group->fd) ? failed(group->path, "fsync") : OK;
}

void journal_commit_end(struct journal *journal)
{
    journal->size += journal->writing.n;
    journal->writing.n = 0;
    journal->busy = false;
}

enum err journal_commit(struct journal *journal)
{
    struct journal_group group;

    if (!journal_commit_begin(journal, &group))
        return OK;
    const enum err err = journal_commit_write(&group);
    if (!err)
        journal_commit_end(journal);
    return err;
}

uint64_t journal_size(const struct journal *journal)
{
    return journal->size;
}

/* The lock is the kernel's, so it goes with whoever holds it; its file says who that is, for the
 * words of those who wait in vain. A log that is full moves on by one number, and the last of them
 * goes: what is noted is bounded by the changes that may be made, and refusals by time
 * (registrar_admit.c). */

#include "proto/registrar_book.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "proto/keyring_file.h"
#include "proto/role.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = 1024, TURN_MS = 10, HOLDER = 96 };

/* Files of the folder are their owner's alone, as the folder is. */
static enum err open_file(int *fd, const char *folder, const char *name, int flags)
{
    char *path = mem_print("%s/%s", folder, name);
    enum err err = OK;

    *fd = open(path, flags | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    free(path);
    return err;
}

/* ---- the lock */

static enum err held(struct registrar_book *book, int wait_ms)
{
    char who[HOLDER];
    ssize_t n = pread(book->lock, who, sizeof who - 1, 0);

    if (n > 0 && who[n - 1] == '\n')
        n--;
    who[n > 0 ? n : 0] = 0;
    book->busy = true;
    return err_set(ERR_STATE, "%s/.lock: %s has been writing this keys folder for %d ms",
                   book->folder, *who ? who : "another process", wait_ms);
}

/* Who it is stands in the file from the moment on that others may ask. */
static void sign(const struct registrar_book *book)
{
    char host[48] = "", line[HOLDER];
    int n;

    gethostname(host, sizeof host - 1);
    n = snprintf(line, sizeof line, "process %ld of %s\n", (long)getpid(), host);
    if (ftruncate(book->lock, 0) || pwrite(book->lock, line, (size_t)n, 0) != n)
        return; /* the lock holds all the same */
}

static enum err take_lock(struct registrar_book *book, int wait_ms)
{
    const int64_t from_ms = clock_mono_ms();

    while (flock(book->lock, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_set(ERR_IO, "%s/.lock: %s", book->folder, strerror(errno));
        if (clock_mono_ms() - from_ms >= wait_ms)
            return held(book, wait_ms);
        poll(NULL, 0, TURN_MS);
    }
    sign(book);
    return OK;
}

/* ---- the log */

static char *log_path(const char *folder, int number)
{
    return number ? mem_print("%s/audit.log.%d", folder, number)
                  : mem_print("%s/audit.log", folder);
}

/* From the last to the first: each takes the place of the one after it. */
static enum err move_on(struct registrar_book *book)
{
    enum err err = OK;

    close(book->log);
    book->log = -1;
    for (int i = REGISTRAR_BOOK_LOGS - 1; i >= 0; i--) {
        char *from = log_path(book->folder, i), *to = log_path(book->folder, i + 1);

        if (rename(from, to) && errno != ENOENT)
            err = err_set(ERR_IO, "%s: %s", to, strerror(errno));
        free(from);
        free(to);
    }
    return err ? err : open_file(&book->log, book->folder, "audit.log", O_WRONLY | O_APPEND);
}

static enum err open_log(struct registrar_book *book)
{
    struct stat st;
    enum err err = open_file(&book->log, book->folder, "audit.log", O_WRONLY | O_APPEND);

    if (err || fstat(book->log, &st) || st.st_size < REGISTRAR_BOOK_LOG)
        return err;
    err = move_on(book);
    if (!err)
        registrar_book_note(book, "event=log before=audit.log.1 kept=%d", REGISTRAR_BOOK_LOGS);
    return err;
}

/* One write, so that the line is whole. Its loss undoes nothing. */
void registrar_book_note(const struct registrar_book *book, const char *fmt, ...)
{
    char line[LINE];
    va_list list;
    int n = snprintf(line, sizeof line, "time=%lld uid=%u pid=%ld ", (long long)book->now_s,
                     (unsigned)getuid(), (long)getpid());

    va_start(list, fmt);
    n += vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, list);
    va_end(list);
    if (n > (int)sizeof line - 2)
        n = (int)sizeof line - 2;
    line[n++] = '\n';
    if (write(book->log, line, (size_t)n) != n)
        return; /* the words of what went wrong with the change stay */
}

/* Public parts only: the log may be read by who may not join. */
void registrar_book_entry(const struct registrar_book *book, const char *event,
                          const struct keyring_entry *entry)
{
    char key[CURVE_TEXT];

    curve_text(key, &entry->key);
    registrar_book_note(
        book,
        "event=%s kind=%s name=%s role=%s key=\"%s\" expires=%lld uses=%u ticket=%s "
        "host=\"%s\" address=%s",
        event, keyring_file_folder(entry->is_ticket), entry->name, role_name(entry->role), key,
        (long long)entry->expires_s, entry->uses, entry->ticket, entry->host, entry->address);
}

/* ---- opening, closing */

/* The pair whose time has come takes the first one's place. */
static enum err promote(const struct registrar_book *book)
{
    char *next = mem_print("%s/next.key", book->folder);
    char *path = mem_print("%s/broker.key", book->folder);
    struct curve_keys keys;
    enum err err = OK;

    if (!access(next, F_OK)) {
        err = curve_load_broker(&keys, next);
        if (!err && book->now_s >= keys.from_s)
            err = fs_rename(next, path);
        curve_wipe(&keys);
    }
    free(next);
    free(path);
    return err;
}

static enum err look(struct registrar_book *book)
{
    return book->borrowed ? keyring_look(book->ring, book->now_s, &book->changed)
                          : keyring_open(&book->ring, book->folder, book->now_s);
}

enum err registrar_book_open(struct registrar_book *book, const char *folder,
                             struct keyring *ring, int wait_ms, int64_t now_s)
{
    enum err err;

    *book = (struct registrar_book){.folder = folder,
                                    .lock = -1,
                                    .log = -1,
                                    .now_s = now_s,
                                    .ring = ring,
                                    .borrowed = ring != NULL};
    err = open_file(&book->lock, folder, ".lock", O_RDWR);
    if (!err)
        err = take_lock(book, wait_ms);
    if (!err)
        err = open_log(book);
    if (!err)
        err = promote(book);
    if (!err)
        err = look(book);
    if (!err)
        err = registrar_remove_old(book);
    return err ? registrar_book_close(book, err) : OK;
}

/* What went wrong before stays the error. */
enum err registrar_book_close(struct registrar_book *book, enum err err)
{
    if (!book->borrowed)
        keyring_close(book->ring);
    if (book->log >= 0)
        close(book->log);
    if (book->lock >= 0)
        close(book->lock);
    return err;
}

/* Two names are refused besides: files of the folder itself. A ticket and a worker have no name in
 * common, and no new one that of whom somebody came in by: by it alone is known who that was, and
 * who is meant by a revocation. */
enum err registrar_book_free(const struct registrar_book *book, const char *name)
{
    const struct keyring_entry *list;
    uint32_t n;

    if (!keyring_file_name(name) || !strcmp(name, "broker") || !strcmp(name, "next"))
        return err_set(ERR_RANGE,
                       "'%.70s' is no name for a key: 1 to %d letters, digits, '.', '_', '-'",
                       name, CURVE_NAME - 1);
    list = keyring_list(book->ring, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (!strcmp(list[i].name, name))
            return err_set(ERR_IO, "%s: that name is taken by a %s of %s", name,
                           list[i].is_ticket ? "ticket" : "key", book->folder);
        if (!strcmp(list[i].ticket, name))
            return err_set(ERR_IO, "%s: that name is taken: %s of %s came in by it", name,
                           list[i].name, book->folder);
    }
    if (n >= KEYRING_MAX)
        return err_set(ERR_RANGE,
                       "%s holds %u keys: more than %d it cannot; `drover keys revoke` and "
                       "`drover keys remove` make room",
                       book->folder, n, KEYRING_MAX);
    return OK;
}

bool registrar_book_meant(const struct keyring_entry *entry, const char *who, bool all)
{
    char key[CURVE_TEXT];

    curve_text(key, &entry->key);
    return !strcmp(entry->name, who) || !strcmp(key, who) ||
           (all && !entry->is_ticket && !strcmp(entry->ticket, who));
}

enum err registrar_book_nobody(const char *folder, const char *who)
{
    return err_set(ERR_RANGE,
                   "'%.70s' is no name and no public key of %s: `drover keys list %s`", who,
                   folder, folder);
}

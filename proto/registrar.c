/* Each call: the lock, what the folder holds now (keyring_look), one change, a line of the log,
 * the lock again. The lock is the kernel's, so it goes with whoever holds it. A rotation whose
 * time has come is brought to its end by the first who comes by.
 *
 * The order within a change is such that whoever is killed between two steps leaves nothing that
 * counts twice: a worker's secret file first (useless by itself), then what lets it in. */

#include "proto/registrar.h"

#include "base/fs.h"
#include "base/mem.h"
#include "proto/keyring_file.h"
#include "proto/role.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUFFIX = 8, LINE = 1024 };

/* A folder that is being written. */
struct book {
    const char *folder;
    int lock, log;
    int64_t now_s;
    struct keyring *ring;
};

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

/* What went wrong before stays the error. */
static enum err close_book(struct book *book, enum err err)
{
    keyring_close(book->ring);
    if (book->log >= 0)
        close(book->log);
    if (book->lock >= 0)
        close(book->lock);
    return err;
}

/* The pair whose time has come takes the first one's place. */
static enum err promote(const struct book *book)
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

static enum err open_book(struct book *book, const char *folder, int64_t now_s)
{
    enum err err;

    *book = (struct book){.folder = folder, .lock = -1, .log = -1, .now_s = now_s};
    err = open_file(&book->lock, folder, ".lock", O_RDWR);
    if (!err && flock(book->lock, LOCK_EX))
        err = err_set(ERR_IO, "%s/.lock: %s", folder, strerror(errno));
    if (!err)
        err = open_file(&book->log, folder, "audit.log", O_WRONLY | O_APPEND);
    if (!err)
        err = promote(book);
    if (!err)
        err = keyring_open(&book->ring, folder, now_s);
    return err ? close_book(book, err) : OK;
}

/* A line of who did what; one write, so that it is whole. Its loss undoes nothing. */
PRINTF(2, 3) static void note(const struct book *book, const char *fmt, ...)
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
        err_set(OK, "%s", "");
}

/* Public parts only: the log may be read by who may not join. */
static void note_entry(const struct book *book, const char *event,
                       const struct keyring_entry *entry)
{
    char key[CURVE_TEXT];

    curve_text(key, &entry->key);
    note(book,
         "event=%s kind=%s name=%s role=%s key=\"%s\" expires=%lld uses=%u ticket=%s "
         "host=\"%s\" address=%s",
         event, keyring_file_folder(entry->is_ticket), entry->name, role_name(entry->role), key,
         (long long)entry->expires_s, entry->uses, entry->ticket, entry->host, entry->address);
}

/* ---- making */

/* Folders first, the broker's key last: a folder without one is none, and made again. */
enum err registrar_create(const char *folder, int64_t now_s)
{
    char *path = mem_print("%s/broker.key", folder);
    char *worker = mem_print("%s/worker", folder), *ticket = mem_print("%s/ticket", folder);
    struct curve_keys keys;
    struct book book;
    enum err err = OK;

    if (fs_exists(path))
        err = err_set(ERR_IO, "%s: File exists: this is a keys folder already", path);
    if (!err)
        err = fs_mkdir(folder);
    if (!err && chmod(folder, 0700))
        err = err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    if (!err)
        err = fs_mkdir(worker);
    if (!err)
        err = fs_mkdir(ticket);
    if (!err)
        err = curve_new(&keys);
    if (!err) {
        snprintf(keys.name, sizeof keys.name, "broker");
        err = curve_save(path, &keys);
        curve_wipe(&keys);
    }
    if (!err)
        err = open_book(&book, folder, now_s);
    if (!err) {
        note(&book, "event=create key=\"%s\"", keyring_broker(book.ring)->public_key);
        err = close_book(&book, OK);
    }
    free(path);
    free(worker);
    free(ticket);
    return err;
}

/* Public parts of what the broker has go into each worker's file. */
static void know_broker(struct curve_keys *keys, const struct book *book)
{
    int64_t from_s;

    memcpy(keys->server_key, keyring_broker(book->ring)->public_key, CURVE_TEXT);
    snprintf(keys->next_key, sizeof keys->next_key, "%s", keyring_next(book->ring, &from_s));
}

/* Before anything is made: may something be called that, would it count, and is there room? The
 * two names that are refused besides are files of the folder itself. A ticket and a worker have
 * no name in common: by it alone is known who came in by whom, and who is meant by a revocation. */
static enum err check(const struct book *book, const struct registrar_want *want)
{
    const struct keyring_entry *list;
    uint32_t n;

    if (!keyring_file_name(want->name) || !strcmp(want->name, "broker") ||
        !strcmp(want->name, "next"))
        return err_set(ERR_RANGE,
                       "'%.70s' is no name for a key: 1 to %d letters, digits, '.', '_', '-'",
                       want->name, CURVE_NAME - 1);
    if (want->expires_s && want->expires_s <= book->now_s)
        return err_set(ERR_RANGE, "%s: it would have expired already", want->name);
    list = keyring_list(book->ring, &n);
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(list[i].name, want->name))
            return err_set(ERR_IO, "%s: that name is taken by a %s of %s", want->name,
                           list[i].is_ticket ? "ticket" : "key", book->folder);
    if (n >= KEYRING_MAX)
        return err_set(ERR_RANGE, "%s holds %u keys: more than %d it cannot", book->folder, n,
                       KEYRING_MAX);
    return OK;
}

/* A pair, and the entry that lets its public part in: the two say the same name and role, but
 * only the entry counts. */
static enum err pair_for(struct curve_keys *keys, struct keyring_entry *entry,
                         const struct book *book, const struct registrar_want *want)
{
    enum err err = check(book, want);

    memset(entry, 0, sizeof *entry);
    if (!err)
        err = curve_new(keys);
    if (err)
        return err;
    know_broker(keys, book);
    keys->role = entry->role = want->role;
    snprintf(keys->name, sizeof keys->name, "%s", want->name);
    snprintf(entry->name, sizeof entry->name, "%s", want->name);
    entry->made_s = book->now_s;
    entry->expires_s = want->expires_s;
    return curve_key(&entry->key, keys->public_key);
}

enum err registrar_add(const char *folder, const struct registrar_want *want, const char *file,
                       int64_t now_s)
{
    char *path = file ? mem_text(file) : mem_print("%s/%s.key", folder, want->name);
    struct keyring_entry entry;
    struct curve_keys keys;
    struct book book;
    enum err err = open_book(&book, folder, now_s);

    if (!err) {
        err = pair_for(&keys, &entry, &book, want);
        if (!err)
            err = curve_save(path, &keys);
        if (!err) {
            err = keyring_file_write(folder, &entry, true);
            if (err) /* nobody would let it in */
                unlink(path);
        }
        if (!err)
            note_entry(&book, "add", &entry);
        curve_wipe(&keys);
        err = close_book(&book, err);
    }
    free(path);
    return err;
}

/* Only the public part stays here: whoever reads the folder cannot use the ticket. */
enum err registrar_ticket(struct curve_keys *out, const char *folder,
                          const struct registrar_want *want, int64_t now_s)
{
    struct keyring_entry entry;
    struct book book;
    enum err err = OK;

    if (want->uses < 1 || want->uses > KEYRING_USES)
        return err_set(ERR_RANGE, "uses: a ticket has 1 to %d", KEYRING_USES);
    err = open_book(&book, folder, now_s);
    if (err)
        return err;
    err = pair_for(out, &entry, &book, want);
    entry.is_ticket = true;
    entry.uses = want->uses;
    if (!err)
        err = keyring_file_write(folder, &entry, true);
    if (!err)
        note_entry(&book, "ticket", &entry);
    if (err)
        curve_wipe(out);
    return close_book(&book, err);
}

/* ---- a ticket is used */

/* What a stranger calls itself, as far as a file may be called that. */
static void cleaned(char *out, size_t room, const char *text, const char *other)
{
    size_t n = 0;

    for (; *text && n + 1 < room; text++) {
        const char one[2] = {*text, 0}, two[3] = {'a', *text, 0};
        if (keyring_file_name(n ? two : one))
            out[n++] = *text;
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    out[n] = 0;
    if (!n)
        snprintf(out, room, "%s", other);
}

/* NAME-3f2a91c0: the last part is of its public key. */
static void name_it(struct keyring_entry *entry, const struct keyring_entry *as)
{
    char name[CURVE_NAME - SUFFIX - 2];
    char hex[SUFFIX + 1];

    cleaned(name, sizeof name, as->name, "worker");
    for (int i = 0; i < SUFFIX / 2; i++)
        snprintf(hex + 2 * i, 3, "%02x", entry->key.byte[i]);
    snprintf(entry->name, sizeof entry->name, "%s-%s", name, hex);
    cleaned(entry->host, sizeof entry->host, as->host, "");
    cleaned(entry->address, sizeof entry->address, as->address, "");
}

/* May whoever asks (NULL: an unknown key) let somebody in now? */
static enum err may_admit(const struct keyring_entry *by, const struct keyring_entry *as,
                          int64_t now_s)
{
    const char *words;

    if (!by || (!by->is_ticket && by->role != ROLE_SUPERVISOR))
        return err_set(ERR_RANGE, "this is no ticket of the fleet's");
    if (!keyring_valid(by, now_s, &words))
        return err_set(ERR_STATE, "%s", words);
    if (!by->is_ticket && as->role != ROLE_ACTOR && as->role != ROLE_REWARDER)
        return err_set(ERR_RANGE,
                       "a supervisor asks for actors and rewarders, for nobody else");
    if (by->is_ticket && by->used >= by->uses)
        return err_set(ERR_STATE, "this ticket is used up: it was good for %u", by->uses);
    return OK;
}

/* The same use said again, since its answer was lost on its way. */
static enum err admit_again(struct keyring_entry *as, const struct keyring_entry *was,
                            const struct keyring_entry *by, int64_t now_s)
{
    const char *words;

    if (was->is_ticket || !by || strcmp(was->ticket, by->name) != 0)
        return err_set(ERR_STATE, "that key is another's");
    *as = *was;
    return keyring_valid(was, now_s, &words) ? OK : err_set(ERR_STATE, "%s", words);
}

static enum err admit(struct keyring_entry *as, const struct book *book,
                      const struct hash *ticket, const struct hash *key)
{
    const struct keyring_entry *const by = keyring_find(book->ring, ticket);
    const struct keyring_entry *const was = keyring_find(book->ring, key);
    struct keyring_entry entry = {.key = *key, .made_s = book->now_s};
    enum err err;

    if (was)
        return admit_again(as, was, by, book->now_s);
    err = may_admit(by, as, book->now_s);
    if (err)
        return err;
    entry.role = by->is_ticket ? by->role : as->role;
    entry.expires_s = by->is_ticket ? 0 : by->expires_s;
    snprintf(entry.ticket, sizeof entry.ticket, "%s", by->name);
    name_it(&entry, as);
    err = check(book, &(struct registrar_want){.name = entry.name});
    if (!err)
        err = keyring_file_write(book->folder, &entry, true);
    if (!err)
        *as = entry;
    return err;
}

enum err registrar_admit(struct keyring_entry *as, const char *folder,
                         const struct hash *ticket, const struct hash *key, int64_t now_s)
{
    struct book book;
    enum err err = open_book(&book, folder, now_s);

    if (err)
        return err;
    err = admit(as, &book, ticket, key);
    if (!err)
        note_entry(&book, "admit", as);
    else
        note(&book, "event=admit-refused reason=\"%s\"", err_text());
    return close_book(&book, err);
}

/* ---- revoking, rotating */

/* A name, a public key, or, with `all`, what came in by the ticket or supervisor of that name:
 * a lost ticket is shut out with everybody it let in. */
static bool meant(const struct keyring_entry *entry, const char *who, bool all)
{
    char key[CURVE_TEXT];

    curve_text(key, &entry->key);
    return !strcmp(entry->name, who) || !strcmp(key, who) ||
           (all && !entry->is_ticket && !strcmp(entry->ticket, who));
}

/* Marked, not removed: a use of a ticket stays a use, and the list says who was there. */
enum err registrar_revoke(uint32_t *n, const char *folder, const char *who, bool all,
                          int64_t now_s)
{
    const struct keyring_entry *list;
    uint32_t entries, met = 0;
    struct book book;
    enum err err = open_book(&book, folder, now_s);

    *n = 0;
    if (err)
        return err;
    list = keyring_list(book.ring, &entries);
    for (uint32_t i = 0; !err && i < entries; i++) {
        struct keyring_entry entry = list[i];

        if (!meant(&entry, who, all))
            continue;
        met++;
        if (entry.revoked_s)
            continue;
        entry.revoked_s = now_s;
        err = keyring_file_write(folder, &entry, false);
        if (!err)
            note_entry(&book, "revoke", &entry);
        *n += !err;
    }
    if (!err && !met)
        err = err_set(ERR_RANGE,
                      "'%.70s' is no name and no public key of %s: `drover keys list "
                      "%s`",
                      who, folder, folder);
    return close_book(&book, err);
}

/* Workers' files that are still here know both keys from now on, as new ones do. */
static void tell_files(const struct book *book, const char *next)
{
    const struct keyring_entry *list;
    uint32_t n;

    list = keyring_list(book->ring, &n);
    for (uint32_t i = 0; i < n && !list[i].is_ticket; i++) {
        char *path = mem_print("%s/%s.key", book->folder, list[i].name);
        struct curve_keys keys;

        if (fs_exists(path) && !curve_load(&keys, path)) {
            know_broker(&keys, book);
            memcpy(keys.next_key, next, CURVE_TEXT);
            if (curve_replace(path, &keys))
                note(book, "event=not-told file=%s reason=\"%s\"", path, err_text());
            curve_wipe(&keys);
        }
        free(path);
    }
}

enum err registrar_rotate(const char *folder, int64_t from_s, int64_t now_s)
{
    char *path = mem_print("%s/next.key", folder);
    struct curve_keys keys;
    struct book book;
    int64_t at_s;
    enum err err = open_book(&book, folder, now_s);

    if (!err) {
        if (*keyring_next(book.ring, &at_s))
            err = err_set(ERR_STATE, "%s: a rotation goes on already, for %lld s more", folder,
                          (long long)(at_s - now_s));
        if (!err)
            err = curve_new(&keys);
        if (!err) {
            snprintf(keys.name, sizeof keys.name, "broker");
            keys.from_s = from_s;
            err = curve_save(path, &keys);
            if (!err)
                tell_files(&book, keys.public_key);
            if (!err)
                note(&book, "event=rotate key=\"%s\" from=%lld", keys.public_key,
                     (long long)from_s);
            curve_wipe(&keys);
        }
        err = close_book(&book, err);
    }
    free(path);
    return err;
}

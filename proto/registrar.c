/* Each call: the lock, what the folder holds now (registrar_book.h), one change, a line of the log,
 * the lock again. A rotation whose time has come is brought to its end by the first who comes by.
 *
 * The order within a change is such that whoever is killed between two steps leaves nothing that
 * counts twice: a worker's secret file first (useless by itself), then what lets it in. */

#include "proto/registrar.h"

#include "base/fs.h"
#include "base/mem.h"
#include "proto/keyring_file.h"
#include "proto/registrar_book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As a person does: each call by itself. */
static enum err open_now(struct registrar_book *book, const char *folder, int64_t now_s)
{
    return registrar_book_open(book, folder, NULL, REGISTRAR_BOOK_WAIT_MS, now_s);
}

/* ---- making */

/* Folders first, the broker's key last: a folder without one is none, and made again. */
enum err registrar_create(const char *folder, int64_t now_s)
{
    char *path = mem_print("%s/broker.key", folder);
    char *worker = mem_print("%s/worker", folder), *ticket = mem_print("%s/ticket", folder);
    struct curve_keys keys;
    struct registrar_book book;
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
        err = open_now(&book, folder, now_s);
    if (!err) {
        registrar_book_note(&book, "event=create key=\"%s\"",
                            keyring_broker(book.ring)->public_key);
        err = registrar_book_close(&book, OK);
    }
    free(path);
    free(worker);
    free(ticket);
    return err;
}

/* Public parts of what the broker has go into each worker's file. */
static void know_broker(struct curve_keys *keys, const struct registrar_book *book)
{
    int64_t from_s;

    memcpy(keys->server_key, keyring_broker(book->ring)->public_key, CURVE_TEXT);
    snprintf(keys->next_key, sizeof keys->next_key, "%s", keyring_next(book->ring, &from_s));
}

/* Before anything is made: would it count? */
static enum err check(const struct registrar_book *book, const struct registrar_want *want)
{
    const enum err err = registrar_book_free(book, want->name);

    if (!err && want->expires_s && want->expires_s <= book->now_s)
        return err_set(ERR_RANGE, "%s: it would have expired already", want->name);
    return err;
}

/* A pair, and the entry that lets its public part in: the two say the same name and role, but
 * only the entry counts. */
static enum err pair_for(struct curve_keys *keys, struct keyring_entry *entry,
                         const struct registrar_book *book, const struct registrar_want *want)
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
    struct registrar_book book;
    enum err err = open_now(&book, folder, now_s);

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
            registrar_book_entry(&book, "add", &entry);
        curve_wipe(&keys);
        err = registrar_book_close(&book, err);
    }
    free(path);
    return err;
}

/* Only the public part stays here: whoever reads the folder cannot use the ticket. */
enum err registrar_ticket(struct curve_keys *out, const char *folder,
                          const struct registrar_want *want, int64_t now_s)
{
    struct keyring_entry entry;
    struct registrar_book book;
    enum err err = OK;

    if (want->uses < 1 || want->uses > KEYRING_USES)
        return err_set(ERR_RANGE, "uses: a ticket has 1 to %d", KEYRING_USES);
    err = open_now(&book, folder, now_s);
    if (err)
        return err;
    err = pair_for(out, &entry, &book, want);
    entry.is_ticket = true;
    entry.uses = want->uses;
    if (!err)
        err = keyring_file_write(folder, &entry, true);
    if (!err)
        registrar_book_entry(&book, "ticket", &entry);
    if (err)
        curve_wipe(out);
    return registrar_book_close(&book, err);
}

/* ---- revoking, rotating */

/* Marked, not removed: a use of a ticket stays a use, and the list says who was there. With `all` a
 * lost ticket is shut out with everybody it let in. */
enum err registrar_revoke(uint32_t *n, const char *folder, const char *who, bool all,
                          int64_t now_s)
{
    const struct keyring_entry *list;
    uint32_t entries, met = 0;
    struct registrar_book book;
    enum err err = open_now(&book, folder, now_s);

    *n = 0;
    if (err)
        return err;
    list = keyring_list(book.ring, &entries);
    for (uint32_t i = 0; !err && i < entries; i++) {
        struct keyring_entry entry = list[i];

        if (!registrar_book_meant(&entry, who, all))
            continue;
        met++;
        if (entry.revoked_s)
            continue;
        entry.revoked_s = now_s;
        err = keyring_file_write(folder, &entry, false);
        if (!err)
            registrar_book_entry(&book, "revoke", &entry);
        *n += !err;
    }
    if (!err && !met)
        err = registrar_book_nobody(folder, who);
    return registrar_book_close(&book, err);
}

/* Workers' files that are still here know both keys from now on, as new ones do. */
static void tell_files(const struct registrar_book *book, const char *next)
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
                registrar_book_note(book, "event=not-told file=%s reason=\"%s\"", path,
                                    err_text());
            curve_wipe(&keys);
        }
        free(path);
    }
}

enum err registrar_rotate(const char *folder, int64_t from_s, int64_t now_s)
{
    char *path = mem_print("%s/next.key", folder);
    struct curve_keys keys;
    struct registrar_book book;
    int64_t at_s;
    enum err err = open_now(&book, folder, now_s);

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
                registrar_book_note(&book, "event=rotate key=\"%s\" from=%lld", keys.public_key,
                                    (long long)from_s);
            curve_wipe(&keys);
        }
        err = registrar_book_close(&book, err);
    }
    free(path);
    return err;
}

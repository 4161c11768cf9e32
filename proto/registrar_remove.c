/* What ended leaves the folder: by itself after REGISTRAR_KEPT_S, or when a person says so. Till
 * then the list shows who was there.
 *
 * A use of a ticket is the file of whom it let in: that file stays for as long as the ticket could
 * be used, or the use would come back. And whoever let others in stays for as long as one of them
 * is here, so that nobody else is ever called so. */

#include "proto/registrar.h"

#include "base/fs.h"
#include "base/mem.h"
#include "proto/keyring_file.h"
#include "proto/registrar_book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 64 }; /* by the way of another change */

/* 0: it may still be used. */
static int64_t ended_s(const struct keyring_entry *entry, int64_t now_s)
{
    if (entry->revoked_s)
        return entry->revoked_s;
    return entry->expires_s && now_s >= entry->expires_s ? entry->expires_s : 0;
}

/* Somebody who is here came in by it. */
static const struct keyring_entry *let_in(const struct registrar_book *book,
                                          const struct keyring_entry *by)
{
    uint32_t n;
    const struct keyring_entry *const list = keyring_list(book->ring, &n);

    for (uint32_t i = 0; i < n && (by->is_ticket || by->role == ROLE_SUPERVISOR); i++)
        if (!list[i].is_ticket && !strcmp(list[i].ticket, by->name))
            return &list[i];
    return NULL;
}

/* In words, if it has to stay. */
static enum err may_go(const struct registrar_book *book, const struct keyring_entry *entry)
{
    const struct keyring_entry *const ticket =
        *entry->ticket ? keyring_called(book->ring, true, entry->ticket) : NULL;
    const struct keyring_entry *of;

    if (!ended_s(entry, book->now_s))
        return err_set(ERR_STATE, "%s is valid: `drover keys revoke` comes first", entry->name);
    if (ticket && !ended_s(ticket, book->now_s))
        return err_set(ERR_STATE,
                       "%s: its use of the ticket %s would come back, which is valid: revoke "
                       "that first",
                       entry->name, ticket->name);
    of = let_in(book, entry);
    if (of)
        return err_set(ERR_STATE, "%s let in %s, which is here: `all=true` removes both",
                       entry->name, of->name);
    return OK;
}

/* The worker's own file, if it was never taken to its machine: a secret of no use. */
static void remove_secret(const struct registrar_book *book, const struct keyring_entry *entry)
{
    char *path = mem_print("%s/%s.key", book->folder, entry->name);
    char key[CURVE_TEXT];
    struct curve_keys keys;

    curve_text(key, &entry->key);
    if (fs_exists(path) && !curve_load(&keys, path)) {
        if (!strcmp(keys.public_key, key))
            unlink(path);
        curve_wipe(&keys);
    }
    free(path);
}

static enum err take_out(const struct registrar_book *book, const struct keyring_entry *entry)
{
    char *path =
        mem_print("%s/%s/%s", book->folder, keyring_file_folder(entry->is_ticket), entry->name);
    enum err err = OK;

    if (!entry->is_ticket)
        remove_secret(book, entry);
    if (unlink(path))
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    else
        registrar_book_entry(book, "remove", entry);
    free(path);
    return err;
}

/* The list as it is now. */
static enum err look(struct registrar_book *book)
{
    bool unused;

    keyring_doubt(book->ring);
    return keyring_look(book->ring, book->now_s, &unused);
}

/* Of a full folder all that ended goes. */
enum err registrar_remove_old(struct registrar_book *book)
{
    uint32_t n, out = 0;
    const struct keyring_entry *const list = keyring_list(book->ring, &n);
    const int64_t kept_s = n < KEYRING_MAX ? REGISTRAR_KEPT_S : 0;
    enum err err = OK;

    for (uint32_t i = 0; !err && i < n && out < AT_ONCE; i++) {
        const int64_t at_s = ended_s(&list[i], book->now_s);

        if (!at_s || book->now_s - at_s < kept_s || may_go(book, &list[i]))
            continue;
        err = take_out(book, &list[i]);
        out++;
    }
    return err || !out ? err : look(book);
}

/* With `all` first who came in by it, then itself. */
static enum err remove_meant(uint32_t *n, struct registrar_book *book, const char *who,
                             bool by_it, bool *met)
{
    uint32_t entries;
    const struct keyring_entry *const list = keyring_list(book->ring, &entries);
    enum err err = OK;

    for (uint32_t i = 0; !err && i < entries; i++) {
        const bool itself = registrar_book_meant(&list[i], who, false);

        if (by_it ? itself || !registrar_book_meant(&list[i], who, true) : !itself)
            continue;
        *met = true;
        err = may_go(book, &list[i]);
        if (!err)
            err = take_out(book, &list[i]);
        *n += !err;
    }
    return err ? err : look(book);
}

enum err registrar_remove(uint32_t *n, const char *folder, const char *who, bool all,
                          int64_t now_s)
{
    struct registrar_book book;
    bool met = false;
    enum err err = registrar_book_open(&book, folder, NULL, REGISTRAR_BOOK_WAIT_MS, now_s);

    *n = 0;
    if (err)
        return err;
    if (all)
        err = remove_meant(n, &book, who, true, &met);
    if (!err)
        err = remove_meant(n, &book, who, false, &met);
    if (!err && !met)
        err = registrar_book_nobody(folder, who);
    return registrar_book_close(&book, err);
}

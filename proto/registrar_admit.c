/* Letting in, as the head does it for as long as a fleet lives: what the folder held stays known,
 * so that an order costs the times of three folders and not the reading of all files. A file
 * system's clock is coarse: after a change the folder is read once more a while later.
 *
 * Who asks is outside. A use of a ticket is a file, and a host has so many workers at once: so
 * what may be written is bounded. A refusal writes a line of the log at most once an hour and
 * asker, with a count. The lock is waited for no longer than the head's own loop can be held up. */

#include "proto/registrar.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/keyring_file.h"
#include "proto/registrar_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUFFIX = 8, ASKERS = 64, WAIT_MS = 50, SETTLED_S = 2, TOLD_S = 3600 };

/* Whose refusals were noted. */
struct asker {
    struct hash key;
    uint64_t count; /* since it was noted last */
    int64_t told_s; /* 0: a free place */
};

struct registrar {
    char *folder;
    struct keyring *ring; /* NULL: not read yet */
    bool doubt;           /* it changed a moment ago */
    int64_t changed_s, busy_s;
    struct asker asker[ASKERS];
};

void registrar_admit_new(struct registrar **out, const char *folder)
{
    *out = mem_new(1, sizeof **out);
    (*out)->folder = mem_text(folder);
}

void registrar_admit_free(struct registrar *r)
{
    if (!r)
        return;
    keyring_close(r->ring);
    free(r->folder);
    free(r);
}

/* ---- what is called how */

/* NAME-3f2a91c0: the last part is of its public key. */
static void name_it(struct keyring_entry *entry, const struct keyring_entry *as)
{
    char name[CURVE_NAME - SUFFIX - 2];
    char hex[SUFFIX + 1];

    keyring_file_clean(name, sizeof name, as->name, "worker");
    for (int i = 0; i < SUFFIX / 2; i++)
        snprintf(hex + 2 * i, 3, "%02x", entry->key.byte[i]);
    snprintf(entry->name, sizeof entry->name, "%s-%s", name, hex);
    keyring_file_clean(entry->host, sizeof entry->host, as->host, "");
    keyring_file_clean(entry->address, sizeof entry->address, as->address, "");
}

/* ---- who may */

static uint32_t valid_by(const struct registrar_book *book, const struct keyring_entry *by)
{
    uint32_t n, of = 0;
    const struct keyring_entry *list = keyring_list(book->ring, &n);

    for (uint32_t i = 0; i < n; i++)
        of += !list[i].is_ticket && !strcmp(list[i].ticket, by->name) &&
              keyring_valid(&list[i], book->now_s, NULL);
    return of;
}

static enum err host_may(const struct registrar_book *book, const struct keyring_entry *by,
                         enum role role)
{
    if (role != ROLE_ACTOR && role != ROLE_REWARDER)
        return err_set(ERR_RANGE,
                       "a supervisor asks for actors and rewarders, for nobody else");
    if (valid_by(book, by) >= KEYRING_HOST)
        return err_set(ERR_STATE,
                       "%s has let in %d, more it may not: `drover keys revoke FOLDER NAME` of "
                       "those that are gone",
                       by->name, KEYRING_HOST);
    return OK;
}

/* May whoever asks (NULL: an unknown key) let somebody in now? */
static enum err may_admit(const struct registrar_book *book, const struct keyring_entry *by,
                          enum role role)
{
    const char *words;

    if (!by || (!by->is_ticket && by->role != ROLE_SUPERVISOR))
        return err_set(ERR_RANGE, "this is no ticket of the fleet's");
    if (!keyring_valid(by, book->now_s, &words))
        return err_set(ERR_STATE, "%s", words);
    if (!by->is_ticket)
        return host_may(book, by, role);
    if (by->used >= by->uses)
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

/* *news: it was not let in before. */
static enum err admit(struct keyring_entry *as, const struct registrar_book *book,
                      const struct hash *ticket, const struct hash *key, bool *news)
{
    const struct keyring_entry *const by = keyring_find(book->ring, ticket);
    const struct keyring_entry *const was = keyring_find(book->ring, key);
    struct keyring_entry entry = {.key = *key, .made_s = book->now_s};
    enum err err;

    if (was)
        return admit_again(as, was, by, book->now_s);
    err = may_admit(book, by, as->role);
    if (err)
        return err;
    entry.role = by->is_ticket ? by->role : as->role;
    entry.expires_s = by->is_ticket ? 0 : by->expires_s;
    if (!by->is_ticket && *by->host) /* its workers are where it is, whatever it says of them */
        memcpy(as->host, by->host, sizeof as->host);
    snprintf(entry.ticket, sizeof entry.ticket, "%s", by->name);
    name_it(&entry, as);
    err = registrar_book_free(book, entry.name);
    if (!err)
        err = keyring_file_write(book->folder, &entry, true);
    if (!err) {
        *as = entry;
        *news = true;
    }
    return err;
}

/* ---- the book */

/* The asker's place: of a full table the one that was noted longest ago. */
static struct asker *asker_of(struct registrar *r, const struct hash *key)
{
    struct asker *found = r->asker;

    for (int i = 0; i < ASKERS; i++) {
        if (r->asker[i].told_s && hash_same(&r->asker[i].key, key))
            return &r->asker[i];
        if (r->asker[i].told_s < found->told_s)
            found = &r->asker[i];
    }
    *found = (struct asker){.key = *key};
    return found;
}

static void note_refusal(struct registrar *r, const struct registrar_book *book,
                         const struct hash *by)
{
    const struct keyring_entry *const entry = keyring_find(book->ring, by);
    struct asker *const asker = asker_of(r, by);
    char key[CURVE_TEXT];

    asker->count++;
    if (asker->told_s && book->now_s - asker->told_s < TOLD_S)
        return;
    curve_text(key, by);
    registrar_book_note(book, "event=admit-refused by=%s key=\"%s\" count=%llu reason=\"%s\"",
                        entry ? entry->name : "?", key, (unsigned long long)asker->count,
                        err_text());
    asker->count = 0;
    asker->told_s = book->now_s;
}

/* What is known of the folder is read again as long as a change may have been too near to the last
 * look to show in its times. */
static enum err open_known(struct registrar_book *book, struct registrar *r, int64_t now_s)
{
    enum err err = OK;

    if (!r->ring)
        err = keyring_open(&r->ring, r->folder, now_s);
    if (err)
        return err;
    if (r->doubt)
        keyring_doubt(r->ring);
    if (r->doubt && now_s - r->changed_s >= SETTLED_S)
        r->doubt = false;
    err = registrar_book_open(book, r->folder, r->ring, WAIT_MS, now_s);
    if (!err && book->changed) {
        r->doubt = true;
        r->changed_s = now_s;
    }
    return err;
}

enum err registrar_admit(struct keyring_entry *as, struct registrar *r,
                         const struct hash *ticket, const struct hash *key, int64_t now_s,
                         bool *later)
{
    struct registrar_book book = {.busy = false};
    bool news = false;
    enum err err;

    *later = r->busy_s == now_s; /* one wait a second is enough */
    if (*later)
        return err_set(ERR_STATE, "%s: another process writes it", r->folder);
    err = open_known(&book, r, now_s);
    *later = err && book.busy;
    r->busy_s = *later ? now_s : 0;
    if (*later)
        log_warn("admit", "reason=\"%s\" next=\"who asks asks again\"", err_text());
    if (err)
        return err;
    err = admit(as, &book, ticket, key, &news);
    if (news)
        registrar_book_entry(&book, "admit", as);
    else if (err)
        note_refusal(r, &book, ticket);
    return registrar_book_close(&book, err);
}

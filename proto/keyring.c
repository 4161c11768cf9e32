/* The folder is looked at some times a second: its own time of change and those of its two lists
 * say whether anything was renamed into them since. A file system's clock is coarse, so what
 * changed a moment before the last look is read once more. Of a list only those files are opened
 * that are not what they were (inode and time). Entries lie by name, workers first; `by_key`
 * leads to them by public key.
 *
 * Which of the broker's pairs counts follows from the clock alone: next.key says from when on it
 * does, and whoever writes the folder next puts it in the first one's place. */

#include "proto/keyring.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/keyring_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { FOLDERS = 3, SETTLE_LOOKS = 10 };

/* What was read of a file, and which file that was. */
struct keyring_slot {
    struct keyring_entry entry; /* first: an entry of ours is a slot */
    uint64_t inode;
    struct timespec changed;
    bool valid; /* at the last look */
};

struct place {
    struct hash key;
    uint32_t at;
};

struct keyring {
    char *folder;
    struct keyring_entry *entry; /* as shown */
    struct keyring_slot *slot;
    struct place *by_key;
    uint32_t n;
    struct hash *lost; /* were there, and are not any more */
    uint32_t n_lost;
    struct timespec seen[FOLDERS];
    bool fresh;    /* a file was read that was not known as it is */
    int unsettled; /* looks that still read, whatever the times say */
    struct curve_keys now, next;
    bool has_next;
};

/* ---- reading */

static int by_name(const void *a, const void *b)
{
    const struct keyring_slot *x = a, *y = b;

    if (x->entry.is_ticket != y->entry.is_ticket)
        return x->entry.is_ticket ? 1 : -1;
    return strcmp(x->entry.name, y->entry.name);
}

static const struct keyring_slot *find_name(const struct keyring *ring,
                                            const struct keyring_slot *like)
{
    return ring->n ? bsearch(like, ring->slot, ring->n, sizeof *like, by_name) : NULL;
}

/* One file: as it was, or read again. False: it lets nobody in. */
static bool take(struct keyring_slot *out, struct keyring *ring, bool is_ticket,
                 const char *name)
{
    char *path = mem_print("%s/%s/%s", ring->folder, keyring_file_folder(is_ticket), name);
    const struct keyring_slot *was;
    struct stat st;
    bool good = !stat(path, &st);

    free(path);
    memset(out, 0, sizeof *out);
    out->entry.is_ticket = is_ticket;
    memcpy(out->entry.name, name, strlen(name) + 1); /* keyring_file_name: it fits */
    was = find_name(ring, out);
    if (good && was && was->inode == st.st_ino && was->changed.tv_sec == st.st_mtim.tv_sec &&
        was->changed.tv_nsec == st.st_mtim.tv_nsec) {
        *out = *was;
        return true;
    }
    ring->fresh = true;
    if (good && keyring_file_read(&out->entry, ring->folder, is_ticket, name)) {
        if (ring->unsettled == SETTLE_LOOKS - 1) /* once a change */
            log_warn("key-file", "reason=\"%s\" next=\"it lets nobody in\"", err_text());
        good = false;
    }
    out->inode = st.st_ino;
    out->changed = st.st_mtim;
    return good;
}

/* The list of one folder. What is just being written has a name that none may have, and is passed
 * over. More than the broker can hold is said, and not let in. */
static enum err read_list(struct keyring *ring, struct keyring_slot **slot, uint32_t *n,
                          bool is_ticket)
{
    char *path = mem_print("%s/%s", ring->folder, keyring_file_folder(is_ticket));
    DIR *folder = opendir(path);
    enum err err = folder ? OK : err_set(ERR_IO, "%s: %s", path, strerror(errno));

    for (const struct dirent *e; !err && (e = readdir(folder));) {
        if (!keyring_file_name(e->d_name)) /* ., .., and what is just being written */
            continue;
        if (*n == KEYRING_MAX) {
            log_warn("keys", "folder=%s reason=\"more than %d: the others are not let in\"",
                     path, KEYRING_MAX);
            break;
        }
        if (!(*n & (*n + 1))) /* room for twice as many */
            *slot = mem_grow(*slot, 2 * (size_t)*n + 2, sizeof **slot);
        *n += take(&(*slot)[*n], ring, is_ticket, e->d_name);
    }
    if (folder)
        closedir(folder);
    free(path);
    return err;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(&((const struct place *)a)->key, &((const struct place *)b)->key,
                  sizeof(struct hash));
}

static const struct keyring_slot *slot_by_name(const struct keyring_slot *slot, uint32_t n,
                                               bool is_ticket, const char *name)
{
    struct keyring_slot like = {.entry.is_ticket = is_ticket};

    snprintf(like.entry.name, sizeof like.entry.name, "%s", name);
    return bsearch(&like, slot, n, sizeof *slot, by_name);
}

/* A use of a ticket is the worker that it let in. */
static void count_uses(struct keyring_slot *slot, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        slot[i].entry.used = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct keyring_slot *ticket =
            *slot[i].entry.ticket ? slot_by_name(slot, n, true, slot[i].entry.ticket) : NULL;
        if (ticket)
            slot[ticket - slot].entry.used++;
    }
}

/* A file that is taken away, or spoilt, shuts its key out as a revocation does. Of more than there
 * can be nobody asks: who writes the folder does not look at this list. */
static void lose(struct keyring *ring, const struct hash *key)
{
    if (keyring_find(ring, key) || ring->n_lost == KEYRING_MAX)
        return;
    if (!(ring->n_lost & (ring->n_lost + 1)))
        ring->lost = mem_grow(ring->lost, 2 * (size_t)ring->n_lost + 2, sizeof *ring->lost);
    ring->lost[ring->n_lost++] = *key;
}

/* The new lists in the place of the old; what was revoked or came shows as another entry. */
static void adopt(struct keyring *ring, struct keyring_slot *slot, uint32_t n)
{
    struct keyring_slot *const was = ring->slot;
    const uint32_t n_was = ring->n;

    ring->slot = slot;
    ring->n = n;
    ring->entry = mem_grow(ring->entry, (size_t)n + 1, sizeof *ring->entry);
    ring->by_key = mem_grow(ring->by_key, (size_t)n + 1, sizeof *ring->by_key);
    for (uint32_t i = 0; i < n; i++) {
        ring->entry[i] = slot[i].entry;
        ring->by_key[i] = (struct place){slot[i].entry.key, i};
    }
    qsort(ring->by_key, n, sizeof *ring->by_key, by_key);
    for (uint32_t i = 0; i < n_was; i++)
        lose(ring, &was[i].entry.key);
    free(was);
}

/* Both lists or neither: half a folder would let in who was revoked in the other half. */
static enum err read_lists(struct keyring *ring)
{
    struct keyring_slot *slot = NULL;
    uint32_t n = 0;
    enum err err = read_list(ring, &slot, &n, false);

    if (!err)
        err = read_list(ring, &slot, &n, true);
    if (err) {
        free(slot);
        return err;
    }
    if (n) {
        qsort(slot, n, sizeof *slot, by_name);
        count_uses(slot, n);
    }
    adopt(ring, slot, n);
    return OK;
}

/* The pair that counts must be there; the one that follows it may be. Both or neither, too. */
static enum err read_broker(struct keyring *ring)
{
    char *path = mem_print("%s/broker.key", ring->folder);
    char *next = mem_print("%s/next.key", ring->folder);
    const bool has_next = !access(next, F_OK);
    struct curve_keys now, then = {.from_s = 0};
    enum err err = curve_load_broker(&now, path);

    if (!err && has_next)
        err = curve_load_broker(&then, next);
    if (!err) {
        ring->now = now;
        ring->next = then;
        ring->has_next = has_next;
    }
    curve_wipe(&now);
    curve_wipe(&then);
    free(path);
    free(next);
    return err;
}

/* ---- looking */

/* Renaming into a folder changes its time, and nothing here is changed in any other way. */
static bool moved(struct keyring *ring)
{
    static const char *const names[FOLDERS] = {"", "/worker", "/ticket"};
    bool any = false;

    for (int i = 0; i < FOLDERS; i++) {
        char *path = mem_print("%s%s", ring->folder, names[i]);
        struct stat st = {.st_size = 0};

        if (stat(path, &st) || st.st_mtim.tv_sec != ring->seen[i].tv_sec ||
            st.st_mtim.tv_nsec != ring->seen[i].tv_nsec)
            any = true;
        ring->seen[i] = st.st_mtim;
        free(path);
    }
    return any;
}

/* Does another set count than at the last look? */
static bool judge(struct keyring *ring, int64_t now_s)
{
    bool any = false;

    for (uint32_t i = 0; i < ring->n; i++) {
        const bool valid = keyring_valid(&ring->slot[i].entry, now_s, NULL);

        any |= valid != ring->slot[i].valid;
        ring->slot[i].valid = valid;
    }
    if (ring->has_next && now_s >= ring->next.from_s) {
        ring->now = ring->next;
        ring->has_next = false;
        any = true;
    }
    return any;
}

enum err keyring_look(struct keyring *ring, int64_t now_s, bool *changed)
{
    const uint32_t before = ring->n;
    const bool had_next = ring->has_next;
    struct curve_keys now = ring->now;
    bool any;
    enum err err = OK;

    *changed = ring->fresh = false;
    if (moved(ring))
        ring->unsettled = SETTLE_LOOKS;
    if (ring->unsettled) {
        ring->unsettled--;
        err = read_lists(ring);
        if (!err)
            err = read_broker(ring);
    }
    any = judge(ring, now_s);
    *changed = any || ring->fresh || before != ring->n || had_next != ring->has_next ||
               strcmp(now.public_key, ring->now.public_key) != 0;
    curve_wipe(&now);
    return err;
}

void keyring_doubt(struct keyring *ring)
{
    if (!ring->unsettled)
        ring->unsettled = 1;
}

enum err keyring_open(struct keyring **out, const char *folder, int64_t now_s)
{
    struct keyring *ring = mem_new(1, sizeof *ring);
    struct stat st;
    bool unused;
    enum err err = OK;

    ring->folder = mem_text(folder);
    *out = NULL;
    if (stat(folder, &st))
        err = err_set(ERR_IO, "%s: %s; `drover keys new %s` makes a keys folder", folder,
                      strerror(errno), folder);
    else if (!S_ISDIR(st.st_mode))
        err = err_set(ERR_STATE,
                      "%s: a keys folder is meant, not a file: `drover keys new "
                      "FOLDER` makes one",
                      folder);
    else if (st.st_mode & 077)
        err = err_set(ERR_STATE, "%s: others may look into it; chmod 700 %s", folder, folder);
    if (!err)
        err = keyring_look(ring, now_s, &unused);
    if (err) {
        keyring_close(ring);
        return err;
    }
    *out = ring;
    return OK;
}

void keyring_close(struct keyring *ring)
{
    if (!ring)
        return;
    curve_wipe(&ring->now);
    curve_wipe(&ring->next);
    free(ring->slot);
    free(ring->entry);
    free(ring->by_key);
    free(ring->lost);
    free(ring->folder);
    free(ring);
}

/* ---- asking */

const struct keyring_entry *keyring_find(const struct keyring *ring, const struct hash *key)
{
    uint32_t from = 0, to = ring->n;

    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;
        const int order = memcmp(&ring->by_key[middle].key, key, sizeof *key);
        if (!order)
            return &ring->entry[ring->by_key[middle].at];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

bool keyring_valid(const struct keyring_entry *entry, int64_t now_s, const char **words)
{
    const char *why = "";

    if (entry->revoked_s)
        why = entry->is_ticket ? "this ticket was revoked" : "this key was revoked";
    else if (entry->expires_s && now_s >= entry->expires_s)
        why = entry->is_ticket ? "this ticket has expired" : "this key has expired";
    if (words)
        *words = why;
    return !*why;
}

const struct keyring_entry *keyring_called(const struct keyring *ring, bool is_ticket,
                                           const char *name)
{
    const struct keyring_slot *const slot =
        ring->n ? slot_by_name(ring->slot, ring->n, is_ticket, name) : NULL;

    return slot ? &ring->entry[slot - ring->slot] : NULL;
}

const char *keyring_host(const struct keyring *ring, const struct keyring_entry *entry,
                         const char *said)
{
    const struct keyring_entry *by;
    char clean[CURVE_NAME];

    if (entry->is_ticket || !*entry->host || !*entry->ticket)
        return NULL;
    /* By a worker's ticket it said itself where it is: that binds nobody, for it may move. */
    by = entry->role == ROLE_SUPERVISOR ? entry : keyring_called(ring, false, entry->ticket);
    if (!by || by->role != ROLE_SUPERVISOR)
        return NULL;
    keyring_file_clean(clean, sizeof clean, said, "");
    return strcmp(clean, entry->host) ? entry->host : NULL;
}

const struct hash *keyring_lost(struct keyring *ring, uint32_t *n)
{
    *n = ring->n_lost;
    ring->n_lost = 0;
    return ring->lost;
}

const struct keyring_entry *keyring_list(const struct keyring *ring, uint32_t *n)
{
    *n = ring->n;
    return ring->entry;
}

const struct curve_keys *keyring_broker(const struct keyring *ring)
{
    return &ring->now;
}

const char *keyring_next(const struct keyring *ring, int64_t *from_s)
{
    *from_s = ring->has_next ? ring->next.from_s : 0;
    return ring->has_next ? ring->next.public_key : "";
}

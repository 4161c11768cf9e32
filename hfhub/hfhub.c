/* How it works: a revision is opened by one question to the hub, which answers with its commit and
 * all files with sizes and hashes (open_revision); whatever is then wanted is asked for by that
 * commit (take_files), so that a branch that moves meanwhile cannot mix two states. A file is
 * fetched under a lock into blobs/, by its hash, compared, and linked into the commit's snapshot.
 *
 * A hub that does not answer is no reason to stop where the cache has the revision: that is used,
 * and said. A hub that says no (404) is believed, unless a commit was asked for, which cannot have
 * changed. The token goes to the hub's own host alone. */
#include "hfhub/hfhub.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "base/say.h"
#include "hfhub/download.h"
#include "hfhub/hubcache.h"
#include "hfhub/hubplace.h"
#include "hfhub/listing.h"
#include "hfhub/meter.h"
#include "hfhub/request.h"
#include "hfhub/tree.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { TRIES = 5, HOPS = 3, SHORT = 12 };
static const int64_t size_max = (int64_t)1 << 38, spare = 64 << 20;
static const char *const kinds[] = {"model", "data set"}, *const rooms[] = {"models",
                                                                            "datasets"};

/* A revision's own. */
struct here {
    struct hubplace place;
    char *folder;    /* of the repository, in the cache */
    bool cache_only; /* the hub is not asked */
};

/* ---- words */

/* What an answer that is no yes means to a person. */
static enum err explain(const struct repo *o, const struct hubplace *place,
                        const struct request_answer *seen)
{
    const char *token = place->token ? "" : "; a token (HF_TOKEN) may be needed";

    if (!strcmp(seen->code, "GatedRepo") || seen->status == 403)
        return err_set(
            ERR_IO,
            "%s: its owner lets only those in who agreed to its conditions: do so at "
            "%s/%s%s%s",
            o->name, place->endpoint, o->kind == REPO_DATASET ? "datasets/" : "", o->name,
            place->token ? " with the account of your token"
                         : ", then say its token (HF_TOKEN)");
    if (!strcmp(seen->code, "RevisionNotFound"))
        return err_set(ERR_IO, "%s: has no revision '%s'", o->name, o->revision);
    if (!strcmp(seen->code, "RepoNotFound") || seen->status == 404 || seen->status == 401)
        return err_set(ERR_IO, "%s: %s has no %s of this name, or does not show it%s", o->name,
                       place->endpoint, kinds[o->kind], token);
    return err_add("%s", o->name); /* the words that stand already say why */
}

/* ---- a revision */

/* All but letters, digits and a few marks as %XX; slashes too if `all`. Free it. */
static char *quoted(const char *text, bool all)
{
    char *out = mem_new(3 * strlen(text) + 1, 1), *to = out;

    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || memchr("-._~", c, 4) || (c == '/' && !all);
        if (plain)
            *to++ = *text;
        else
            to += snprintf(to, 4, "%%%02X", c);
    }
    return out;
}

/* With sizes and hashes; a mirror that does not know that question is asked without. */
enum err hfhub_list(struct repo *o, const struct hubplace *place, const char *revision,
                    struct request_answer *seen)
{
    char *name = quoted(revision, true), *text = NULL, *url = NULL;
    size_t n;
    enum err err = OK;

    for (int bare = 0; bare < 2; bare++) {
        free(url);
        url = mem_print("%s/api/%s/%s/revision/%s%s", place->endpoint, rooms[o->kind], o->name,
                        name, bare ? "" : "?blobs=true");
        err =
            request_text(&text, &n, seen, url, place->token, "application/json", LISTING_BYTES);
        if (!err || seen->status < 400 || seen->status >= 500 || *seen->code)
            break;
    }
    if (!err) {
        err = listing_read(o, text, n, url);
        if (err == ERR_RANGE) /* cut: the tree has them all */
            err = tree_read(o, place->endpoint, place->token);
    } else if (seen->status >= 400 && seen->status < 500) {
        err = explain(o, place, seen);
    }
    free(text);
    free(url);
    free(name);
    return err;
}

static enum err from_cache(struct repo *o, struct here *h, const char *revision)
{
    enum err err = hubcache_commit(o->commit, h->folder, revision);

    if (!err)
        err = hubcache_files(o, h->folder);
    h->cache_only = true;
    return err;
}

/* Said once, since it decides what a run is made of. */
static void tell(const struct repo *o, const struct here *h, const char *why)
{
    say(stderr, "hub: %s %s: commit %.*s of %s%s%s\n", kinds[o->kind], o->name, SHORT,
        o->commit, o->revision, h->cache_only ? ", as the cache has it: " : "", why);
}

static enum err from_hub(struct repo *o, struct here *h, const char *revision)
{
    struct request_answer seen;
    char *why;
    enum err err = hfhub_list(o, &h->place, revision, &seen);

    if (!err) {
        tell(o, h, "");
        return OK;
    }
    why = mem_text(err_text());
    if (seen.status == 404 && !listing_is_commit(revision))
        err = err_set(err, "%s", why);
    else if (!from_cache(o, h, revision)) {
        tell(o, h, why);
        err = OK;
    } else {
        err = err_set(err, "%s", why);
    }
    free(why);
    return err;
}

static enum err from_here(struct repo *o, struct here *h, const char *revision)
{
    const enum err err = from_cache(o, h, revision);

    if (err)
        return err_set(ERR_IO,
                       "%s: not in the cache (%s), and HF_HUB_OFFLINE forbids to ask "
                       "the hub",
                       o->name, h->place.cache);
    tell(o, h, "HF_HUB_OFFLINE is set");
    return OK;
}

static void close_revision(struct repo *o)
{
    struct here *h = o->self;

    listing_free(o);
    if (h) {
        hubplace_free(&h->place);
        free(h->folder);
    }
    free(h);
    free(o->folder);
    o->folder = NULL;
    o->self = NULL;
}

static enum err open_revision(struct repo *o, const char *commit)
{
    struct here *h = o->self = mem_new(1, sizeof *h);
    const char *revision = commit ? commit : o->revision;
    enum err err = hubplace_read(&h->place);

    if (!err) {
        h->folder = hubcache_folder(h->place.cache, o->kind, o->name);
        err = h->place.offline ? from_here(o, h, revision) : from_hub(o, h, revision);
    }
    if (!err && commit && strcmp(o->commit, commit) != 0)
        err = err_set(ERR_PARSE, "%s: the hub answers with another commit than %s", o->name,
                      commit);
    if (!err)
        o->folder = mem_print("%s/snapshots/%s", h->folder, o->commit);
    else
        close_revision(o);
    return err;
}

/* ---- files */

static char *url_of(const struct repo *o, const struct here *h, const char *path)
{
    char *name = quoted(path, false);
    char *url = mem_print("%s/%s%s/resolve/%s/%s", h->place.endpoint,
                          o->kind == REPO_DATASET ? "datasets/" : "", o->name, o->commit, name);

    free(name);
    return url;
}

/* Here already, in the length that the hub says. */
static bool is_here(const struct repo *o, const struct repo_file *file)
{
    char *path = mem_print("%s/%s", o->folder, file->path);
    struct stat st;
    const bool here =
        !stat(path, &st) && S_ISREG(st.st_mode) && (file->size < 0 || file->size == st.st_size);

    free(path);
    return here;
}

/* A repository that was renamed sends on within the hub; where the bytes lie is no matter yet. */
static enum err ask_file(struct request_answer *seen, const struct repo *o,
                         const struct here *h, const char *path)
{
    char *url = url_of(o, h, path);
    enum err err = OK;

    for (int i = 0; i < HOPS; i++) {
        err = request_head(seen, url, h->place.token);
        if (err || *seen->linked || seen->status < 300 || *seen->next != '/' ||
            seen->next[1] == '/')
            break;
        free(url);
        url = mem_print("%s%s", h->place.endpoint, seen->next);
    }
    if (err && seen->status >= 400 && seen->status < 500)
        err = explain(o, &h->place, seen);
    free(url);
    return err;
}

/* Of a file whose hash the listing does not have. */
static enum err look_up(struct repo_file *file, const struct repo *o, const struct here *h)
{
    struct request_answer seen;
    const char *blob;
    enum err err = ask_file(&seen, o, h, file->path);

    if (err)
        return err;
    blob = *seen.linked ? seen.linked : seen.etag;
    if (!listing_is_blob(blob) || (*seen.commit && strcmp(seen.commit, o->commit) != 0))
        return err_set(ERR_PARSE, "%s: %s: the hub does not say which bytes these are (ETag)",
                       o->name, file->path);
    memcpy(file->blob, blob, strlen(blob) + 1); /* listing_is_blob: it fits */
    file->size = *seen.linked ? seen.linked_size : seen.status < 300 ? seen.length : -1;
    return OK;
}

static void told(void *self, int64_t have)
{
    meter_at(self, have, clock_mono_ms());
}

/* The bytes into blobs/, by whichever hash names them. */
static enum err fetch(const struct repo *o, const struct here *h, const struct repo_file *file,
                      struct meter *meter)
{
    char *blob = mem_print("%s/blobs/%s", h->folder, file->blob);
    char *part = mem_print("%s.incomplete", blob), *url = url_of(o, h, file->path);
    struct request_answer seen;
    struct hash sha256;
    const bool large = !hash_parse(&sha256, file->blob);
    const bool git = !large && strlen(file->blob) == 40 && listing_is_commit(file->blob);
    const struct download_want want = {.sha256 = large ? &sha256 : NULL,
                                       .git = git ? file->blob : NULL,
                                       .size = file->size,
                                       .limit = file->size < 0 ? size_max : file->size,
                                       .part = large || git ? part : NULL,
                                       .tries = TRIES,
                                       .tell = told,
                                       .self = meter,
                                       .seen = &seen};
    enum err err;

    request_answer_init(&seen);
    err = download_file(blob, url, h->place.token, &want);
    if (err && (seen.status == 401 || seen.status == 403))
        err = explain(o, &h->place, &seen);
    else if (err)
        err = err_add("%s: %s", o->name, file->path);
    free(url);
    free(part);
    free(blob);
    return err;
}

/* The bytes, perhaps of another commit's file. */
static bool has_blob(const struct here *h, const struct repo_file *file)
{
    char *path = mem_print("%s/blobs/%s", h->folder, file->blob);
    struct stat st;
    const bool here =
        !stat(path, &st) && S_ISREG(st.st_mode) && (file->size < 0 || st.st_size == file->size);

    free(path);
    return here;
}

/* Two processes may want the same: the second finds it done. */
static enum err bring(const struct repo *o, const struct here *h, const struct repo_file *file,
                      struct meter *meter)
{
    const int lock = hubcache_lock(h->place.cache, h->folder, file->blob);
    enum err err = OK;

    if (!has_blob(h, file)) {
        err = fetch(o, h, file, meter);
        meter->before += file->size > 0 ? file->size : 0;
    }
    if (!err)
        err = hubcache_link(h->folder, o->commit, file->path, file->blob);
    if (lock >= 0)
        close(lock);
    return err;
}

/* Before the first byte: half of a model on a full disk helps nobody. */
static enum err check_room(const struct here *h, const struct repo *o, int64_t bytes)
{
    struct statvfs disk;
    char *blobs = mem_print("%s/blobs", h->folder);
    enum err err = fs_mkdir(blobs);

    if (!err && !statvfs(blobs, &disk)) {
        const double room = (double)disk.f_bavail * (double)disk.f_frsize;
        if ((double)bytes + (double)spare > room)
            err = err_set(ERR_IO,
                          "%s: %.1f GB are to be fetched, %s has room for %.1f: HF_HOME names "
                          "another place",
                          o->name, (double)bytes / 1e9, h->place.cache, room / 1e9);
    }
    free(blobs);
    return err;
}

/* What of `at` is to be done. */
struct todo {
    size_t *at, n;  /* files that are not in the snapshot */
    size_t n_fetch; /* of them, those whose bytes are not here either */
    int64_t bytes;
};

static enum err missing(struct todo *todo, struct repo *o, const struct here *h,
                        const size_t *at, size_t n)
{
    enum err err = OK;

    *todo = (struct todo){.at = mem_new(n + 1, sizeof *at)};
    for (size_t i = 0; i < n && !err; i++) {
        struct repo_file *file = &o->file[at[i]];
        if (is_here(o, file))
            continue;
        if (h->cache_only)
            err = err_set(ERR_IO, "%s: %s is not in the cache (%s), and the hub is not reached",
                          o->name, file->path, h->place.cache);
        else if (!*file->blob)
            err = look_up(file, o, h);
        if (!err && file->size > size_max)
            err = err_set(ERR_RANGE, "%s: %s: %lld bytes, at most %lld are taken", o->name,
                          file->path, (long long)file->size, (long long)size_max);
        todo->at[todo->n++] = at[i];
        if (err || has_blob(h, file))
            continue;
        todo->n_fetch++;
        todo->bytes += file->size > 0 ? file->size : 0;
    }
    return err;
}

static enum err take_files(struct repo *o, const size_t *at, size_t n)
{
    const struct here *h = o->self;
    struct todo todo;
    struct meter meter;
    enum err err = missing(&todo, o, h, at, n);

    if (!err && todo.n)
        err = check_room(h, o, todo.bytes);
    if (!err && todo.n_fetch)
        say(stderr, "hub: fetching %zu file(s) of %s, %.1f MB, into %s\n", todo.n_fetch,
            o->name, (double)todo.bytes / 1e6, h->place.cache);
    if (!err && todo.n)
        err = hubcache_note(h->folder, o->revision, o->commit);
    meter_begin(&meter, todo.bytes, h->place.quiet, clock_mono_ms());
    for (size_t i = 0; i < todo.n && !err; i++)
        err = bring(o, h, &o->file[todo.at[i]], &meter);
    meter_end(&meter);
    free(todo.at);
    return err;
}

static const struct repo_source hub = {open_revision, take_files, close_revision};

void hfhub_serve(void)
{
    repo_serve(&hub);
}

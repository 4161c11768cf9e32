/* How: bytes go to path.part, and what they are of (a SHA-256, git's SHA-1, or the server's entity
 * tag) to path.part.id. A later try goes on only where both stand and the server still means the
 * same; in a cache the part's own name says what it is of. What is whole is compared with the hash
 * that the index or the hub names, then renamed. A line that breaks is taken up again where it
 * broke, as often as the caller says, and without end as long as bytes come. */

#include "hfhub/download.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "hfhub/gitsha.h"
#include "hfhub/request.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES_MAX = 200, PAUSE_MS = 250, PROGRESS_BYTES = 1 << 16 };

/* A transfer into a part. */
struct transfer {
    CURL *curl;
    const char *part, *id_path;
    const char *known; /* what the bytes are of, if that is known before; else NULL */
    char *was;         /* what an earlier try's bytes are of; NULL: there are none */
    int fd;
    int64_t have, limit, before; /* bytes of the part; at most; of an earlier try */
    int64_t began_ms, told_ms;
    bool begun, stale; /* the first bytes are here; they are of something else */
    struct request_answer seen;
    CURLcode code;
    const struct download_want *want;
    enum err err; /* of this machine */
};

/* On a terminal, or to whoever asked to be told. */
static int show(void *self, curl_off_t total, curl_off_t now, curl_off_t up_total,
                curl_off_t up)
{
    struct transfer *t = self;
    const int64_t ms = clock_mono_ms();
    const double rate = (double)now / (double)(ms - t->began_ms + 1) * 1e3;
    const double before = (double)t->before;

    (void)up_total, (void)up;
    if (ms - t->told_ms < 200)
        return 0;
    t->told_ms = ms;
    if (t->want->tell)
        t->want->tell(t->want->self, t->have);
    if (t->want->tell || total <= 0)
        return 0;
    fprintf(stderr, "\r  %5.1f of %.1f MB  %5.1f MB/s  %4.0f s left ",
            ((double)now + before) / 1e6, ((double)total + before) / 1e6, rate / 1e6,
            (double)(total - now) / (rate + 1));
    return 0;
}

/* ---- bytes */

/* Before any byte is written: after a crash bytes without a name are worth nothing, a name
 * without bytes does no harm. */
static enum err note_id(const struct transfer *t)
{
    const char *const tag = *t->seen.linked ? t->seen.linked : t->seen.etag;
    char id[300];

    if (t->want->part) /* its name says it */
        return OK;
    if (!t->known && !*tag)
        return fs_remove(t->id_path); /* nobody can say later whether it is the same */
    snprintf(id, sizeof id, "%s%s", t->known ? "" : "etag:", t->known ? t->known : tag);
    return fs_write(t->id_path, id, strlen(id));
}

/* The first bytes: are they the rest of what is here, or all of something else? */
static enum err begin(struct transfer *t)
{
    const char *const tag = *t->seen.linked ? t->seen.linked : t->seen.etag;
    long code = 0;

    t->begun = true;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    t->seen.status = code;
    /* 206: the rest, as asked for. Where only a tag is known it must still be the same one. */
    if (t->before && code == 206) {
        t->stale = !t->known && strcmp(t->was + strlen("etag:"), tag) != 0;
        return OK;
    }
    /* 200: the whole thing anew, whatever was asked for. */
    if (ftruncate(t->fd, 0) || lseek(t->fd, 0, SEEK_SET))
        return err_set(ERR_IO, "%s: cannot write: %s", t->part, strerror(errno));
    t->have = t->before = 0;
    return note_id(t);
}

static size_t take(char *data, size_t size, size_t count, void *self)
{
    struct transfer *t = self;
    const size_t n = size * count;

    if (!t->begun)
        t->err = begin(t);
    if (t->err || t->stale)
        return 0;
    /* Again here: a server that does not say its size gets past MAXFILESIZE. */
    if ((int64_t)n > t->limit - t->have) {
        t->err = err_set(ERR_RANGE, "%s: more than %lld bytes", t->part, (long long)t->limit);
        return 0;
    }
    for (size_t put = 0; put < n;) {
        const ssize_t more = write(t->fd, data + put, n - put);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0) {
            t->err = err_set(ERR_IO, "%s: cannot write: %s", t->part, strerror(errno));
            return 0;
        }
        put += (size_t)more;
    }
    t->have += (int64_t)n;
    return n;
}

static enum err transfer(struct transfer *t, const char *url, const char *token)
{
    const bool shown = t->want->tell || isatty(STDERR_FILENO);
    char why[CURL_ERROR_SIZE] = "", range[32];
    struct curl_slist *headers = NULL;
    enum err err;

    request_answer_init(&t->seen);
    t->curl = request_session(url, why);
    if (!t->curl)
        return err_set(ERR_NOMEM, "no memory for a connection");
    headers = request_bearer(headers, token);
    /* Whose hash is known needs no condition: bytes that are mixed do not match it. */
    if (t->before && !t->known) {
        char *line = mem_print("If-Range: \"%s\"", t->was + strlen("etag:"));
        headers = curl_slist_append(headers, line);
        free(line);
    }
    snprintf(range, sizeof range, "%lld-", (long long)t->before);
    if (t->before)
        curl_easy_setopt(t->curl, CURLOPT_RANGE, range);
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t->curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(t->limit - t->before));
    curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, request_header);
    curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, &t->seen);
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_NOPROGRESS, shown ? 0L : 1L);
    curl_easy_setopt(t->curl, CURLOPT_XFERINFOFUNCTION, show);
    curl_easy_setopt(t->curl, CURLOPT_XFERINFODATA, t);
    t->code = curl_easy_perform(t->curl);
    err = request_outcome(t->code, &t->seen, url, why);
    if (shown && !t->want->tell)
        fputc('\n', stderr);
    curl_slist_free_all(headers);
    return t->err ? t->err : err;
}

/* ---- the part */

/* Whether an earlier try's bytes may be gone on from. */
static bool goes_on(const struct transfer *t, const struct download_want *want, int64_t size)
{
    const char *was = t->was;

    return was &&
           (t->known ? !strcmp(was, t->known) : !strncmp(was, "etag:", strlen("etag:"))) &&
           (want->size < 0 || size <= want->size);
}

static enum err open_part(struct transfer *t, const struct download_want *want)
{
    struct stat st;
    size_t n;

    /* A link of that name would lead the bytes elsewhere, a device might wait for ever. */
    t->fd = open(t->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (t->fd < 0 || fstat(t->fd, &st) || !S_ISREG(st.st_mode))
        return err_set(ERR_IO, "%s: cannot write: %s", t->part,
                       t->fd < 0 ? strerror(errno) : "no regular file");
    if (want->part)
        t->was = mem_text(t->known);
    else if (fs_read(&t->was, &n, t->id_path, 300))
        t->was = NULL;
    if (goes_on(t, want, st.st_size))
        t->before = t->have = st.st_size;
    if (!t->before && ftruncate(t->fd, 0))
        return err_set(ERR_IO, "%s: cannot write: %s", t->part, strerror(errno));
    if (lseek(t->fd, t->before, SEEK_SET) < 0)
        return err_set(ERR_IO, "%s: cannot write: %s", t->part, strerror(errno));
    return t->known ? note_id(t) : OK;
}

/* 416: nothing lies behind what is here. Is that all, and of the same? */
static bool whole_already(const struct transfer *t)
{
    const bool other =
        !t->known && *t->seen.etag && strcmp(t->was + strlen("etag:"), t->seen.etag) != 0;

    return t->seen.range_total == t->have && !other;
}

/* The bytes into the part, whole. *again: what was there is of something else. */
static enum err get(struct transfer *t, const char *url, const char *token,
                    const struct download_want *want, bool *again)
{
    long code = 0;
    enum err err = open_part(t, want);

    *again = false;
    /* Whole already: only the comparison was missing when the last try ended. */
    if (err || (t->known && t->before && t->before == want->size))
        return err;
    err = transfer(t, url, token);
    if (t->curl)
        curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    t->seen.status = code;
    if (err && !t->err && t->before && code == 416) {
        *again = !whole_already(t);
        err = OK;
    }
    if (t->stale) {
        *again = true;
        return OK;
    }
    if (!err && fsync(t->fd))
        err = err_set(ERR_IO, "%s: cannot write: %s", t->part, strerror(errno));
    return err;
}

static enum err damaged(const char *part, const char *hash)
{
    return err_set(ERR_PARSE,
                   "%s: the download is damaged (its %s differs); it was removed: try again",
                   part, hash);
}

/* What is known of the bytes beforehand must be true of them now. */
static enum err compare(const char *part, const struct hash *want)
{
    struct hash_sha256 state;
    struct hash got;
    const void *bytes;
    size_t n;
    enum err err = fs_map(&bytes, &n, part);

    if (err)
        return err;
    hash_sha256_init(&state);
    hash_sha256_add(&state, bytes, n);
    got = hash_sha256_end(&state);
    fs_unmap(bytes, n);
    return hash_same(&got, want) ? OK : damaged(part, "SHA-256");
}

/* git's name of the bytes, or their plain SHA-1, which some mirrors give in its place. */
static enum err compare_git(const char *part, const char *want)
{
    char got[GITSHA_TEXT], bare[GITSHA_TEXT];
    struct gitsha state;
    const void *bytes;
    size_t n;
    enum err err = fs_map(&bytes, &n, part);

    if (err)
        return err;
    gitsha_init(&state);
    gitsha_add(&state, bytes, n);
    gitsha_end(bare, &state);
    gitsha_blob(got, bytes, n);
    fs_unmap(bytes, n);
    return !strcmp(got, want) || !strcmp(bare, want) ? OK : damaged(part, "SHA-1");
}

static enum err check(const struct transfer *t, const struct download_want *want)
{
    struct hash linked;

    if (want->size >= 0 && t->have != want->size)
        return err_set(ERR_PARSE,
                       "%s: %lld bytes, not %lld as its index says; it was removed: try again",
                       t->part, (long long)t->have, (long long)want->size);
    if (want->sha256)
        return compare(t->part, want->sha256);
    if (want->git)
        return compare_git(t->part, want->git);
    if (*t->seen.linked && !hash_parse(&linked, t->seen.linked))
        return compare(t->part, &linked);
    return OK;
}

static enum err forget(const char *part, const char *id_path, enum err err)
{
    if (fs_remove(part) || fs_remove(id_path))
        err = err_add("cannot remove");
    return err;
}

/* What became of a try. */
struct tried {
    bool again;   /* what was there is of something else: from the start */
    bool passing; /* the line broke */
    int64_t came; /* bytes of this try */
};

/* One try. */
static enum err attempt(const char *part, const char *id_path, const char *url,
                        const char *token, const struct download_want *want,
                        struct tried *tried)
{
    char known[80] = "sha256:";
    struct transfer t = {.part = part,
                         .id_path = id_path,
                         .fd = -1,
                         .limit = want->limit,
                         .want = want,
                         .began_ms = clock_mono_ms()};
    enum err err;

    if (want->sha256)
        hash_text(known + strlen(known), want->sha256);
    else if (want->git)
        snprintf(known, sizeof known, "git:%s", want->git);
    t.known = want->sha256 || want->git ? known : NULL;
    err = get(&t, url, token, want, &tried->again);
    if (t.fd >= 0)
        close(t.fd);
    tried->passing = err && !t.err && request_passing(t.code, t.seen.status);
    tried->came = t.have - t.before;
    if (want->seen)
        *want->seen = t.seen;
    curl_easy_cleanup(t.curl);
    free(t.was);
    if (tried->again)
        return forget(part, id_path, OK);
    if (!err) {
        err = check(&t, want);
        if (err)
            err = forget(part, id_path, err);
    }
    return err;
}

/* Pauses grow while nothing comes; a server that gives a byte a try has an end too. */
static enum err persist(const char *part, const char *id_path, const char *url,
                        const char *token, const struct download_want *want)
{
    struct tried tried = {.again = false};
    int idle = 0, fresh = 0;
    enum err err;

    for (int i = 0;; i++) {
        err = attempt(part, id_path, url, token, want, &tried);
        if (!err && !tried.again)
            return OK;
        if (tried.again && fresh++)
            return err_set(ERR_IO, "%.300s: the server does not know how much there is", url);
        if (err && (!tried.passing || i >= TRIES_MAX))
            return err;
        idle = tried.came >= PROGRESS_BYTES ? 0 : idle + 1;
        if (err && (idle > want->tries || !want->tries))
            return err;
        if (err)
            poll(NULL, 0, PAUSE_MS << (idle < 5 ? idle : 5));
    }
}

enum err download_file(const char *path, const char *url, const char *token,
                       const struct download_want *want)
{
    char *part = want->part ? mem_text(want->part) : mem_print("%s.part", path);
    char *id_path = mem_print("%s.id", part);
    struct stat st;
    enum err err = OK;

    if (!lstat(path, &st) && !S_ISREG(st.st_mode))
        err = err_set(ERR_IO, "%s: is no regular file: name another place", path);
    if (!err)
        err = persist(part, id_path, url, token, want);
    if (!err)
        err = fs_rename(part, path);
    if (!err && !want->part)
        err = fs_remove(id_path);
    free(part);
    free(id_path);
    return err;
}

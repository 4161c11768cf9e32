/* How: bytes go to path.part, and what they are of (a SHA-256, or the server's entity tag) to
 * path.part.id. A later try goes on only where both stand and the server still means the same;
 * what is whole is compared with the SHA-256 that the index or the hub names, then renamed. */

#include "cli/download.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* A small answer as it comes, bounded. */
struct download_body {
    char *bytes;
    size_t n, limit;
};

/* 0 tells curl to stop: what is above the limit is no listing. */
static size_t keep(char *data, size_t size, size_t count, void *self)
{
    struct download_body *text = self;
    const size_t n = size * count;

    if (n > text->limit - text->n)
        return 0;
    text->bytes = mem_grow(text->bytes, text->n + n + 1, 1);
    memcpy(text->bytes + text->n, data, n);
    text->n += n;
    text->bytes[text->n] = 0;
    return n;
}

/* Redirects go to https only, and to few; there is no limit of time but for connecting and for
 * standing still, since nobody knows how long 16 GiB take. */
static CURL *session(const char *url, char *why)
{
    CURL *curl = curl_easy_init();

    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    /* curl's own timeouts would use SIGALRM otherwise, which other threads do not expect. */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "drover/" DROVER_VERSION);
    return curl;
}

static enum err outcome(CURL *curl, CURLcode code, const char *url, const char *why)
{
    (void)curl;
    if (!code)
        return OK;
    return err_set(ERR_IO, "%.300s: %s", url, *why ? why : curl_easy_strerror(code));
}

enum err download_text(char **out, size_t *n, const char *url, const char *accept, size_t limit)
{
    char why[CURL_ERROR_SIZE] = "";
    struct download_body text = {.limit = limit};
    struct curl_slist *headers = NULL;
    char *line = mem_print("Accept: %s", accept ? accept : "*/*");
    CURL *curl = session(url, why);
    enum err err;

    *out = NULL;
    headers = curl_slist_append(headers, line);
    free(line);
    if (!curl)
        return err_set(ERR_NOMEM, "no memory for a connection");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    err = outcome(curl, curl_easy_perform(curl), url, why);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (!err && !text.bytes)
        err = err_set(ERR_IO, "%.300s: an empty answer", url);
    if (err) {
        free(text.bytes);
        return err;
    }
    *out = text.bytes;
    *n = text.n;
    return OK;
}

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
    char etag[256], linked[256];
    int64_t total; /* of 416's Content-Range, or -1 */
    enum err err;  /* of this machine */
};

static int show(void *self, curl_off_t total, curl_off_t now, curl_off_t up_total,
                curl_off_t up)
{
    struct transfer *t = self;
    const int64_t ms = clock_mono_ms();
    const double rate = (double)now / (double)(ms - t->began_ms + 1) * 1e3;
    const double before = (double)t->before;

    (void)up_total, (void)up;
    if (ms - t->told_ms < 200 || total <= 0)
        return 0;
    t->told_ms = ms;
    fprintf(stderr, "\r  %5.1f of %.1f MB  %5.1f MB/s  %4.0f s left ",
            ((double)now + before) / 1e6, ((double)total + before) / 1e6, rate / 1e6,
            (double)(total - now) / (rate + 1));
    return 0;
}

/* ---- headers */

/* The value of header `name` in a line, without blanks and quotes; false if it is another. A
 * weak tag ("W/...") promises nothing about bytes. */
static bool value_of(char *out, size_t room, const char *line, size_t n, const char *name)
{
    const size_t key = strlen(name);

    if (n <= key || strncasecmp(line, name, key) || line[key] != ':')
        return false;
    line += key + 1;
    n -= key + 1;
    while (n && strchr(" \t\"", *line))
        line++, n--;
    while (n && strchr(" \t\r\n\"", line[n - 1]))
        n--;
    if (n >= room || (n > 1 && !strncmp(line, "W/", 2)))
        n = 0;
    snprintf(out, room, "%.*s", (int)n, line);
    return true;
}

/* Of all answers on the way (redirects): the first's X-Linked-Etag, the last's tag. */
static size_t header(char *line, size_t size, size_t count, void *self)
{
    struct transfer *t = self;
    const size_t n = size * count;
    char range[64] = "";

    /* A new answer: what an earlier one said of itself does not hold for it. */
    if (n > 5 && !strncmp(line, "HTTP/", 5)) {
        *t->etag = 0;
        t->total = -1;
    }
    if (!*t->linked)
        value_of(t->linked, sizeof t->linked, line, n, "x-linked-etag");
    value_of(t->etag, sizeof t->etag, line, n, "etag");
    if (value_of(range, sizeof range, line, n, "content-range") && strstr(range, "*/"))
        t->total = strtoll(strstr(range, "*/") + 2, NULL, 10);
    return n;
}

/* ---- bytes */

/* Before any byte is written: after a crash bytes without a name are worth nothing, a name
 * without bytes does no harm. */
static enum err note_id(const struct transfer *t)
{
    const char *const tag = *t->linked ? t->linked : t->etag;
    char id[300];

    if (!t->known && !*tag)
        return fs_remove(t->id_path); /* nobody can say later whether it is the same */
    snprintf(id, sizeof id, "%s%s", t->known ? "" : "etag:", t->known ? t->known : tag);
    return fs_write(t->id_path, id, strlen(id));
}

/* The first bytes: are they the rest of what is here, or all of something else? */
static enum err begin(struct transfer *t)
{
    const char *const tag = *t->linked ? t->linked : t->etag;
    long code = 0;

    t->begun = true;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
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
    char why[CURL_ERROR_SIZE] = "", range[32];
    struct curl_slist *headers = NULL;
    enum err err;

    t->curl = session(url, why);
    if (!t->curl)
        return err_set(ERR_NOMEM, "no memory for a connection");
    if (token && *token) {
        char *line = mem_print("Authorization: Bearer %s", token);
        headers = curl_slist_append(headers, line);
        free(line);
    }
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
    curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, header);
    curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_NOPROGRESS, isatty(STDERR_FILENO) ? 0L : 1L);
    curl_easy_setopt(t->curl, CURLOPT_XFERINFOFUNCTION, show);
    curl_easy_setopt(t->curl, CURLOPT_XFERINFODATA, t);
    err = outcome(t->curl, curl_easy_perform(t->curl), url, why);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    curl_slist_free_all(headers);
    return t->err ? t->err : err;
}

/* ---- the part */

/* Opens the part, and finds whether an earlier try's bytes may be gone on from. */
static enum err open_part(struct transfer *t, const struct download_want *want)
{
    struct stat st;
    size_t n;

    /* A link of that name would lead the bytes elsewhere, a device might wait for ever. */
    t->fd = open(t->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (t->fd < 0 || fstat(t->fd, &st) || !S_ISREG(st.st_mode))
        return err_set(ERR_IO, "%s: cannot write: %s", t->part,
                       t->fd < 0 ? strerror(errno) : "no regular file");
    if (fs_read(&t->was, &n, t->id_path, 300))
        t->was = NULL;
    if (t->was &&
        (t->known ? !strcmp(t->was, t->known) : !strncmp(t->was, "etag:", strlen("etag:"))) &&
        (want->size < 0 || st.st_size <= want->size))
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
    const bool other = !t->known && *t->etag && strcmp(t->was + strlen("etag:"), t->etag) != 0;

    return t->total == t->have && !other;
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
    if (hash_same(&got, want))
        return OK;
    return err_set(
        ERR_PARSE,
        "%s: the download is damaged (its SHA-256 differs); it was removed: try again", part);
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
    if (*t->linked && !hash_parse(&linked, t->linked))
        return compare(t->part, &linked);
    return OK;
}

static enum err forget(const char *part, const char *id_path, enum err err)
{
    if (fs_remove(part) || fs_remove(id_path))
        err = err_add("cannot remove");
    return err;
}

/* One try. */
static enum err attempt(const char *part, const char *id_path, const char *url,
                        const char *token, const struct download_want *want, bool *again)
{
    char known[80] = "sha256:";
    struct transfer t = {.part = part,
                         .id_path = id_path,
                         .fd = -1,
                         .limit = want->limit,
                         .total = -1,
                         .began_ms = clock_mono_ms()};
    enum err err;

    if (want->sha256) {
        hash_text(known + strlen(known), want->sha256);
        t.known = known;
    }
    err = get(&t, url, token, want, again);
    if (t.fd >= 0)
        close(t.fd);
    curl_easy_cleanup(t.curl);
    free(t.was);
    if (*again)
        return forget(part, id_path, OK);
    if (!err) {
        err = check(&t, want);
        if (err)
            err = forget(part, id_path, err);
    }
    return err;
}

enum err download_file(const char *path, const char *url, const char *token,
                       const struct download_want *want)
{
    char *part = mem_print("%s.part", path), *id_path = mem_print("%s.part.id", path);
    struct stat st;
    bool again = false;
    enum err err = OK;

    if (!lstat(path, &st) && !S_ISREG(st.st_mode))
        err = err_set(ERR_IO, "%s: is no regular file: name another place", path);
    if (!err)
        err = attempt(part, id_path, url, token, want, &again);
    if (!err && again)
        err = attempt(part, id_path, url, token, want, &again);
    if (!err && again)
        err = err_set(ERR_IO, "%.300s: the server does not know how much there is", url);
    if (!err)
        err = fs_rename(part, path);
    if (!err)
        err = fs_remove(id_path);
    free(part);
    free(id_path);
    return err;
}

#include "cli/fetch.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct text {
    char *bytes;
    size_t n, limit;
};

static size_t keep(char *data, size_t size, size_t count, void *self)
{
    struct text *text = self;
    const size_t n = size * count;

    if (n > text->limit - text->n)
        return 0;
    text->bytes = mem_grow(text->bytes, text->n + n + 1, 1);
    memcpy(text->bytes + text->n, data, n);
    text->n += n;
    text->bytes[text->n] = 0;
    return n;
}

static CURL *session(const char *url, char *why)
{
    CURL *curl = curl_easy_init();

    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
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

enum err fetch_text(char **out, size_t *n, const char *url, const char *accept, size_t limit)
{
    char why[CURL_ERROR_SIZE] = "";
    struct text text = {.limit = limit};
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

struct progress {
    int64_t began_ms, told_ms;
    curl_off_t start; /* bytes that an earlier try left */
};

static int show(void *self, curl_off_t total, curl_off_t now, curl_off_t up_total,
                curl_off_t up)
{
    struct progress *p = self;
    const int64_t t = clock_mono_ms();
    const double rate = (double)now / (double)(t - p->began_ms + 1) * 1e3;

    (void)up_total, (void)up;
    if (t - p->told_ms < 200 || total <= 0)
        return 0;
    p->told_ms = t;
    fprintf(stderr, "\r  %5.1f of %.1f MB  %5.1f MB/s  %4.0f s left ",
            (double)(now + p->start) / 1e6, (double)(total + p->start) / 1e6, rate / 1e6,
            (double)(total - now) / (rate + 1));
    return 0;
}

static enum err get(const char *part, const char *url, const char *token, int64_t limit)
{
    char why[CURL_ERROR_SIZE] = "";
    struct progress p = {.began_ms = clock_mono_ms()};
    struct curl_slist *headers = NULL;
    FILE *file = fopen(part, "ab");
    CURL *curl;
    enum err err;

    if (!file)
        return err_set(ERR_IO, "%s: cannot write: %s", part, strerror(errno));
    fseek(file, 0, SEEK_END);
    p.start = ftell(file);
    curl = session(url, why);
    if (!curl) {
        fclose(file);
        return err_set(ERR_NOMEM, "no memory for a connection");
    }
    if (token && *token) {
        char *line = mem_print("Authorization: Bearer %s", token);
        headers = curl_slist_append(headers, line);
        free(line);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, p.start);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limit);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, file);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, isatty(STDERR_FILENO) ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &p);
    err = outcome(curl, curl_easy_perform(curl), url, why);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    if ((fflush(file) || fsync(fileno(file))) && !err)
        err = err_set(ERR_IO, "%s: cannot write: %s", part, strerror(errno));
    fclose(file);
    return err;
}

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

enum err fetch_file(const char *path, const char *url, const char *token,
                    const struct hash *sha256, int64_t limit)
{
    char *part = mem_print("%s.part", path);
    enum err err = get(part, url, token, limit);

    if (!err && sha256) {
        err = compare(part, sha256);
        if (err && fs_remove(part))
            err = err_add("cannot remove");
    }
    if (!err)
        err = fs_rename(part, path);
    free(part);
    return err;
}

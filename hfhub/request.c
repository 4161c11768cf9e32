/* How it works: every exchange is a curl session of its own with the same limits; headers are
 * collected as they come by (request_header), through redirects: what the first answer says is
 * the hub's, what the last one says is of the bytes. Nothing of it is believed here: callers
 * look at each value before they use it. */
#include "hfhub/request.h"

#include "base/mem.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TRIES = 3, PAUSE_MS = 500, TEXT_SECONDS = 120 };

/* A small answer as it comes, bounded. */
struct body {
    char *bytes;
    size_t n, limit;
    bool over;
};

void request_answer_init(struct request_answer *answer)
{
    *answer = (struct request_answer){.length = -1, .range_total = -1, .linked_size = -1};
}

/* The value of header `name` in a line, without blanks and quotes; false if it is another. A
 * weak tag ("W/...") promises nothing about bytes. */
static bool value_of(char *out, size_t room, const char *line, size_t n, const char *name)
{
    const size_t key = strlen(name);

    if (n <= key || strncasecmp(line, name, key) || line[key] != ':')
        return false;
    line += key + 1;
    n -= key + 1;
    while (n && memchr(" \t\"", *line, 3))
        line++, n--;
    while (n && memchr(" \t\r\n\"", line[n - 1], 5))
        n--;
    if (n >= room || (n > 1 && !strncmp(line, "W/", 2)))
        n = 0;
    snprintf(out, room, "%.*s", (int)n, line);
    return true;
}

static void number_of(int64_t *out, const char *line, size_t n, const char *name)
{
    char text[32] = "", *end;
    long long value;

    if (!value_of(text, sizeof text, line, n, name) || !*text)
        return;
    value = strtoll(text, &end, 10);
    *out = *end || value < 0 ? -1 : value;
}

static void first_of(char *out, size_t room, const char *line, size_t n, const char *name)
{
    if (!*out)
        value_of(out, room, line, n, name);
}

/* <URL>; rel="next" among links with commas between (RFC 8288). */
static void next_of(char *out, size_t room, const char *links)
{
    for (const char *at = strchr(links, '<'); at; at = strchr(at, '<')) {
        const char *const end = strchr(at, '>');
        const size_t n = end ? (size_t)(end - at - 1) : 0;
        const size_t rest = end ? strcspn(end, "<") : 0; /* its parameters */
        const char *const rel = end ? strstr(end, "rel=\"next") : NULL;

        if (!end)
            return;
        if (rel && (size_t)(rel - end) < rest && n < room)
            snprintf(out, room, "%.*s", (int)n, at + 1);
        at = end;
    }
}

size_t request_header(char *line, size_t size, size_t count, void *self)
{
    struct request_answer *a = self;
    const size_t n = size * count;
    char range[64] = "", link[REQUEST_LINK] = "";

    /* A new answer: what an earlier one said of itself does not hold for it. */
    if (n > 5 && !strncmp(line, "HTTP/", 5)) {
        *a->etag = *a->next = *a->page = 0;
        a->range_total = a->length = -1;
    }
    first_of(a->linked, sizeof a->linked, line, n, "x-linked-etag");
    first_of(a->commit, sizeof a->commit, line, n, "x-repo-commit");
    first_of(a->code, sizeof a->code, line, n, "x-error-code");
    first_of(a->words, sizeof a->words, line, n, "x-error-message");
    if (a->linked_size < 0)
        number_of(&a->linked_size, line, n, "x-linked-size");
    number_of(&a->length, line, n, "content-length");
    value_of(a->next, sizeof a->next, line, n, "location");
    if (value_of(link, sizeof link, line, n, "link"))
        next_of(a->page, sizeof a->page, link);
    value_of(a->etag, sizeof a->etag, line, n, "etag");
    if (value_of(range, sizeof range, line, n, "content-range") && strstr(range, "*/"))
        a->range_total = strtoll(strstr(range, "*/") + 2, NULL, 10);
    return n;
}

/* Redirects are few; there is no limit of time but for connecting and for standing still, since
 * nobody knows how long 16 GiB take. */
CURL *request_session(const char *url, char *why)
{
    CURL *curl = curl_easy_init();

    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    /* curl's own timeouts would use SIGALRM otherwise, which other threads do not expect. */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    /* Who asks by https is not sent on without it; a hub of one's own may have neither. */
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                     strncasecmp(url, "https:", 6) ? "https,http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "drover/" DROVER_VERSION);
    return curl;
}

struct curl_slist *request_bearer(struct curl_slist *list, const char *token)
{
    char *line;

    if (!token || !*token)
        return list;
    line = mem_print("Authorization: Bearer %s", token);
    list = curl_slist_append(list, line);
    free(line);
    return list;
}

enum err request_outcome(CURLcode code, const struct request_answer *answer, const char *url,
                         const char *why)
{
    if (!code)
        return OK;
    if (!*why)
        why = curl_easy_strerror(code);
    return *answer->words ? err_set(ERR_IO, "%.300s: %s: %s", url, why, answer->words)
                          : err_set(ERR_IO, "%.300s: %s", url, why);
}

bool request_passing(CURLcode code, long status)
{
    switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    case CURLE_HTTP_RETURNED_ERROR:
        return status == 429 || status >= 500;
    default: /* no such host, no route, no trust: not in a moment */
        return false;
    }
}

/* 0 tells curl to stop: what is above the limit is no listing. */
static size_t keep(char *data, size_t size, size_t count, void *self)
{
    struct body *text = self;
    const size_t n = size * count;

    text->over = n > text->limit - text->n;
    if (text->over)
        return 0;
    text->bytes = mem_grow(text->bytes, text->n + n + 1, 1);
    memcpy(text->bytes + text->n, data, n);
    text->n += n;
    text->bytes[text->n] = 0;
    return n;
}

/* One try. */
static enum err get(struct body *body, struct request_answer *seen, const char *url,
                    const char *token, const char *accept, CURLcode *code)
{
    char why[CURL_ERROR_SIZE] = "", *line = mem_print("Accept: %s", accept ? accept : "*/*");
    struct curl_slist *headers = request_bearer(curl_slist_append(NULL, line), token);
    CURL *curl = request_session(url, why);
    enum err err;

    free(line);
    request_answer_init(seen);
    if (!curl) {
        curl_slist_free_all(headers);
        return err_set(ERR_NOMEM, "no memory for a connection");
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, request_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, seen);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TEXT_SECONDS);
    *code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &seen->status);
    err = request_outcome(*code, seen, url, why);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (body->over)
        err = err_set(ERR_RANGE, "%.300s: more than %zu bytes", url, body->limit);
    return err;
}

enum err request_text(char **out, size_t *n, struct request_answer *seen, const char *url,
                      const char *token, const char *accept, size_t limit)
{
    struct body body = {.limit = limit};
    CURLcode code = CURLE_OK;
    enum err err = OK;

    *out = NULL;
    for (int i = 0; i < TRIES; i++) {
        free(body.bytes);
        body = (struct body){.limit = limit};
        err = get(&body, seen, url, token, accept, &code);
        if (!err || body.over || !request_passing(code, seen->status))
            break;
        if (i + 1 < TRIES)
            poll(NULL, 0, PAUSE_MS << i);
    }
    if (!err && !body.bytes)
        err = err_set(ERR_IO, "%.300s: an empty answer", url);
    if (err) {
        free(body.bytes);
        return err;
    }
    *out = body.bytes;
    *n = body.n;
    return OK;
}

/* Where the bytes lie may be elsewhere, at addresses that are good for fetching alone; what the
 * hub says of them is in its own answer. */
enum err request_head(struct request_answer *seen, const char *url, const char *token)
{
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = request_bearer(NULL, token);
    CURL *curl = request_session(url, why);
    CURLcode code;
    enum err err;

    request_answer_init(seen);
    if (!curl) {
        curl_slist_free_all(headers);
        return err_set(ERR_NOMEM, "no memory for a connection");
    }
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TEXT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, request_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, seen);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &seen->status);
    err = request_outcome(code, seen, url, why);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return err;
}

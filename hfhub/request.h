/* request: one HTTP exchange with a hub, a registry or what they send us to: bounded, and with
 * the headers by which a hub says what it means. */

#ifndef HFHUB_REQUEST_H
#define HFHUB_REQUEST_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_TAG = 256, REQUEST_LINK = 2048 };

/* What the answers' headers said; as curl's header data of request_header. */
struct request_answer {
    long status;             /* of the last answer; 0: none came */
    char etag[REQUEST_TAG];  /* of the last answer; without quotes; "" for a weak one */
    int64_t length;          /* Content-Length of the last, or -1 */
    int64_t range_total;     /* of 416's Content-Range, or -1 */
    char next[REQUEST_LINK]; /* Location */
    char page[REQUEST_LINK]; /* Link with rel="next": of the last answer */
    /* of the first answer that has it, since others on the way are not the hub */
    char linked[REQUEST_TAG];  /* X-Linked-Etag: a large file's SHA-256 */
    int64_t linked_size;       /* X-Linked-Size, or -1 */
    char commit[65];           /* X-Repo-Commit */
    char code[64], words[256]; /* X-Error-Code (RepoNotFound, …), X-Error-Message */
};
void request_answer_init(struct request_answer *answer);
size_t request_header(char *line, size_t size, size_t count, void *answer);

/* A session for one URL, with limits for connecting and for standing still; `why` is filled as
 * it fails (CURL_ERROR_SIZE). NULL: no memory. Redirects go to https, and to http only from
 * http; a token in a header goes to the URL's own host alone (curl's rule). */
CURL *request_session(const char *url, char *why);
/* "Authorization: Bearer TOKEN" before `list`; token NULL: `list` as it is. */
struct curl_slist *request_bearer(struct curl_slist *list, const char *token);

/* What it came to, in words. Errors: ERR_IO. */
enum err request_outcome(CURLcode code, const struct request_answer *answer, const char *url,
                         const char *why) MUST_CHECK;
/* Whether the same may go well in a moment: cut lines, busy servers. */
bool request_passing(CURLcode code, long status);

/* The body of a small answer, zero-terminated, at most `limit` bytes, within two minutes.
 * `accept` and `token` may be NULL. Free with free(). Errors: ERR_IO (words name URL and
 * reason; `seen` says more), ERR_RANGE. */
enum err request_text(char **out, size_t *n, struct request_answer *seen, const char *url,
                      const char *token, const char *accept, size_t limit) MUST_CHECK;

/* The headers alone, without following whereto they lead. Errors: ERR_IO. */
enum err request_head(struct request_answer *seen, const char *url,
                      const char *token) MUST_CHECK;

#endif

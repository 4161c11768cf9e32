/* desk: requests that wait for another thread, which answers them.
 *
 * microhttpd's thread reads a request whole and lays it on the desk; its connection is suspended.
 * The caller's thread takes all that lies there, answers each, and gives them back together: what
 * it did for all of them may have become durable in one piece before any is answered. */

#ifndef HTTP_DESK_H
#define HTTP_DESK_H

#include "base/strbuf.h"
#include "http/http.h"

struct desk;

enum { DESK_HEADERS_MAX = 8 };

/* One request, the caller's between desk_take and desk_give. */
struct desk_request {
    struct desk_request *next;
    struct MHD_Connection *connection; /* suspended: nobody else reads it */
    char *method, *path;               /* path: without what follows '?' */
    struct strbuf body;                /* a zero stands behind it */
    /* the answer: 404 with no body as long as nobody says another */
    unsigned status;
    const char *kind;  /* Content-Type, a constant */
    struct strbuf out; /* freed by the desk */
    int file;          /* instead of `out`, or -1; closed by the desk */
    uint64_t file_bytes;
    const char *name[DESK_HEADERS_MAX]; /* further headers: constants */
    char *value[DESK_HEADERS_MAX];      /* and their values: freed by the desk */
    int headers;
};

struct desk_conf {
    const char *listen;
    const char *tls_cert, *tls_key; /* PEM texts, or both NULL */
    unsigned connections, idle_s;   /* as http_conf's */
    size_t head_bytes, body_bytes;  /* of one request */
    size_t bodies_bytes;            /* of all bodies at hand */
    const char *const (*always)[2]; /* headers of every answer, NULL-ended; may be NULL */
};

/* *port is the one that it has. Errors: http_address's, http_start's. */
enum err desk_open(struct desk **out, unsigned *port, const struct desk_conf *conf) MUST_CHECK;
/* What lies there (a list), oldest first; waits up to wait_ms for one; NULL: none came. */
struct desk_request *desk_take(struct desk *desk, int64_t wait_ms);
/* Answers all of a list and takes it. */
void desk_give(struct desk *desk, struct desk_request *list);
/* What still lies there is answered 503. NULL is fine. */
void desk_close(struct desk *desk);

/* A header, cookie or argument behind '?' of a request that was taken; NULL: none. */
const char *desk_header(const struct desk_request *request, const char *name);
const char *desk_cookie(const struct desk_request *request, const char *name);
const char *desk_argument(const struct desk_request *request, const char *name);
/* Who dials, as bytes: 4 or 16; 0 if unknown. */
size_t desk_peer(unsigned char out[16], const struct desk_request *request);

/* An answer's text, copied; and a header, whose value is taken. A header beyond
 * DESK_HEADERS_MAX is a mistake of the program. */
void desk_say(struct desk_request *request, unsigned status, const char *kind, const char *text,
              size_t n);
/* A file's bytes from its beginning; the descriptor is taken. */
void desk_file(struct desk_request *request, unsigned status, const char *kind, int file,
               uint64_t bytes);
void desk_head(struct desk_request *request, const char *name, char *value);

#endif

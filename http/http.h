/* http: a small HTTP server, for those who hand out pages or answers.
 *
 * One thread of the library's serves all connections; what it calls runs there. Bounded in what a
 * stranger could use up: connections, their idle time, bytes of a request's head. */

#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/err.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_address {
    struct sockaddr_storage at;
    socklen_t n;
};

/* HOST:PORT, [HOST]:PORT; "" and "*" for every address; port 0: any that is free. Errors:
 * ERR_PARSE, ERR_RANGE, whose words begin with "listen: ". */
enum err http_address(struct http_address *out, const char *listen) MUST_CHECK;

/* Whether only this machine can dial it. */
bool http_address_local(const struct http_address *address);

struct http_conf {
    unsigned connections, idle_s;   /* at once; seconds without a byte until one is closed */
    size_t head_bytes;              /* of a request line and its headers */
    bool suspends;                  /* answers may wait: MHD_suspend_connection */
    const char *tls_cert, *tls_key; /* PEM texts, which it keeps no copy of; or both NULL */
    /* microhttpd's callbacks; each gets `self` */
    MHD_AccessHandlerCallback request;
    MHD_RequestCompletedCallback completed; /* or NULL */
    void *self;
};

struct http;

/* Listens and answers from here on; *port is the one that it has. Errors: ERR_IO (words begin
 * with "listen: " or "tls_cert"). */
enum err http_start(struct http **out, unsigned *port, const char *listen,
                    const struct http_address *address,
                    const struct http_conf *conf) MUST_CHECK;

/* Now and then, from any thread but the server's: closes connections on which a request's head
 * has been coming for more than twice idle_s, byte by byte. */
void http_tick(struct http *http, int64_t now_ms);

/* No connection may be suspended. NULL is fine. */
void http_stop(struct http *http);

/* A whole answer; the text is copied. What MHD_queue_response says. */
enum MHD_Result http_answer(struct MHD_Connection *to, unsigned status, const char *kind,
                            const char *text);

#endif

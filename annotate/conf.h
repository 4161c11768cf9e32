/* conf: what a server of the page is told. */

#ifndef ANNOTATE_CONF_H
#define ANNOTATE_CONF_H

enum { ANNOTATE_BODY_MAX = 2 << 20 }; /* bytes of a request: a rewritten answer, as JSON */

struct prefs;

struct annotate_conf {
    struct prefs *prefs; /* borrowed, open for writing; the server is its only user */
    const char *listen;  /* HOST:PORT */
    const char *hosts; /* names of the page beside this machine's own, split by ','; or NULL */
    const char *proxy; /* the proxy's address: it alone is answered, and believed; or NULL */
    const char *tls_cert, *tls_key; /* files (PEM); or NULL */
    const char *owner;              /* who enters by the address that is printed: an admin */
    unsigned connections;
    const char
        *program; /* the path of drover, which computes agreement; or NULL: nobody does */
};

#endif

/* conf: what a server of the page is told. */

#ifndef ANNOTATE_CONF_H
#define ANNOTATE_CONF_H

enum { ANNOTATE_BODY_MAX = 2 << 20 }; /* bytes of a request: a rewritten answer, as JSON */

#include <stdint.h>

struct prefs;

/* Of which run the items are, as pages tell it. The caller changes it between turns. */
struct annotate_run {
    char name[33];          /* its id in hexadecimal; "": not known yet */
    const char *state;      /* "here", "away", ...: a word */
    uint64_t newest;        /* version of its policy */
    int64_t pairs;          /* that came */
    int64_t waiting, late;  /* of them: need a judgement; of these, too old to be learnt from */
    int64_t outbox, others; /* judgements that it has not acknowledged; of other runs */
};

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
    const struct annotate_run *run; /* borrowed; NULL: the items are of no fleet */
};

#endif

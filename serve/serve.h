/* serve: a model's answers over HTTP, as OpenAI's interface has them: /v1/chat/completions,
 * /v1/completions, /v1/models, /health. */

#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "serve/ask.h"
#include "serve/edition.h"

#include <signal.h>

/* Where newer weights come from. Any member may be NULL. */
struct serve_source {
    /* In the computing thread, some times a second: a newer edition, if there is one. */
    bool (*newer)(void *self, struct edition_conf *out);
    /* From any thread, for /health: a word on how things stand with those who make them. */
    const char *(*state)(void *self);
    void *self;
};

struct serve_conf {
    const struct ask_model *model; /* borrowed; the weights of its `loaded` are not looked at */
    const struct edition_conf *first; /* what is answered with; taken, whatever comes of it */
    struct serve_source source;
    const char *listen, *api_key;  /* HOST:PORT; a file, or NULL (gate.h) */
    int slots, queue, connections; /* answers, requests, connections at once */
    int max_body;                  /* bytes of a request's body */
    int idle_s, drain_s;           /* seconds without a byte; to be done in at the end */
};

/* Serves until *end is not 0, and what is being answered then is done; the calling thread
 * computes. Errors: ERR_RANGE (an address that others can dial, without a key), http_start's,
 * engine_new's, gate_open's. */
enum err serve_run(const struct serve_conf *conf, const volatile sig_atomic_t *end) MUST_CHECK;

#endif

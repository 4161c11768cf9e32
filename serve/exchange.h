/* exchange: one request of a connection and what answers it. In the HTTP library's thread. */

#ifndef SERVE_EXCHANGE_H
#define SERVE_EXCHANGE_H

#include "http/http.h"
#include "serve/engine.h"

struct server;

struct exchange {
    struct server *server;
    struct engine *engine;
    const struct ask_model *model;
    const char *route; /* a literal, or NULL: /v1/models/NAME */
    int64_t begun_ms;
    struct strbuf body;
    unsigned refused; /* status; its words: */
    char *words;
    struct job *job;
    struct strbuf out; /* of a stream: what is not sent yet, */
    size_t sent;       /* but for so many bytes; */
    bool ended;        /* nothing comes behind it */
};

/* Each queues an answer. Whole texts, of JSON: */
enum MHD_Result exchange_reply(struct MHD_Connection *to, unsigned status, const char *text);
/* An error (answer_error). */
enum MHD_Result exchange_refuse(struct MHD_Connection *to, unsigned status, const char *words,
                                const char *param, const char *code);
/* The answer of a job whose connection waited: of one that has left the engine all of it, of a
 * stream that has begun events, as the engine makes them. */
enum MHD_Result exchange_answer(struct exchange *exchange, struct MHD_Connection *to);

/* engine_ending, for those who have not the lock. */
bool exchange_ends(struct engine *engine);

#endif

/* Answers on their way out. A whole one is written when the engine has let go of its job; a stream
 * from its beginning on (its head says which weights answer) whenever the socket takes more: what
 * the engine made since becomes events, and where there is nothing new the connection is suspended
 * until the engine wakes it. A client that reads slowly slows nobody: tokens wait in the job,
 * bounded by what ask_read lets through. */

#include "serve/exchange.h"

#include "serve/answer.h"
#include "serve/chunks.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16 << 10 };

bool exchange_ends(struct engine *engine)
{
    bool ending;

    engine_lock(engine);
    ending = engine_ending(engine);
    engine_unlock(engine);
    return ending;
}

/* Which weights answered, where they change; name: "" says nothing. */
static void say_version(struct MHD_Response *response, const char *name)
{
    if (*name)
        MHD_add_response_header(response, "X-Drover-Version", name);
}

static enum MHD_Result reply(struct MHD_Connection *to, unsigned status, const char *text,
                             const char *version)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    say_version(response, version);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    result = MHD_queue_response(to, status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result exchange_reply(struct MHD_Connection *to, unsigned status, const char *text)
{
    return reply(to, status, text, "");
}

enum MHD_Result exchange_refuse(struct MHD_Connection *to, unsigned status, const char *words,
                                const char *param, const char *code)
{
    char *text = answer_error(status, words, param, code);
    const enum MHD_Result result = exchange_reply(to, status, text);

    free(text);
    return result;
}

/* In the library's thread, whenever the socket takes more. */
static ssize_t read_stream(void *self, uint64_t at, char *to, size_t room)
{
    struct exchange *x = self;
    struct engine *engine = x->engine;
    size_t n;

    (void)at;
    engine_lock(engine);
    if (x->sent == x->out.n && !x->ended) {
        x->sent = x->out.n = 0;
        chunks_write(&x->out, x->job, x->model, &x->ended);
        if (!x->out.n && !x->ended && x->job->inside) {
            x->job->waiting = true;
            MHD_suspend_connection(x->job->connection);
            engine_unlock(engine);
            return 0;
        }
    }
    engine_unlock(engine);
    n = x->out.n - x->sent < room ? x->out.n - x->sent : room;
    if (!n)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(to, x->out.text + x->sent, n);
    x->sent += n;
    return (ssize_t)n;
}

static enum MHD_Result stream(struct exchange *x, struct MHD_Connection *to)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, x, NULL);
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    say_version(response, x->job->version);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    result = MHD_queue_response(to, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* Its job has left the engine: nobody else looks at it. */
static enum MHD_Result finish(struct exchange *x, struct MHD_Connection *to)
{
    char *text = NULL;
    enum MHD_Result result;

    if (x->job->failed)
        return exchange_refuse(to,
                               exchange_ends(x->engine) ? MHD_HTTP_SERVICE_UNAVAILABLE
                                                        : MHD_HTTP_INTERNAL_SERVER_ERROR,
                               x->job->failed, NULL, NULL);
    if (answer_whole(&text, x->job, x->model))
        return exchange_refuse(to, MHD_HTTP_INTERNAL_SERVER_ERROR, err_text(), NULL, NULL);
    result = reply(to, MHD_HTTP_OK, text, x->job->version);
    free(text);
    return result;
}

/* A stream that failed before it began is answered by a status, as all that fails. */
enum MHD_Result exchange_answer(struct exchange *x, struct MHD_Connection *to)
{
    bool begun;

    engine_lock(x->engine);
    begun = x->job->begun;
    engine_unlock(x->engine);
    return begun && x->job->ask.stream ? stream(x, to) : finish(x, to);
}

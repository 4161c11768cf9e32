/* ZeroMQ closes a port that is let go in a thread of its own, some milliseconds later, and another
 * process may take its number in between. So there is one try a tick, for as long as it takes: the
 * other ports go on meanwhile, and whoever watches reads what is missing. */

#include "broker/rekey.h"

#include "base/log.h"
#include "proto/bind.h"
#include "proto/text.h"

enum { TELL_MS = 1000 }; /* what is over sooner is no news */

void rekey_add(struct rekey *rekey, void *socket, const char *endpoint, int listen_fd)
{
    rekey->port[rekey->n++] =
        (struct rekey_port){.socket = socket, .endpoint = endpoint, .listen_fd = listen_fd};
}

/* What fails here is tried again, and told, by the tick. */
void rekey_begin(struct rekey *rekey, const struct curve_keys *keys, int64_t now_ms)
{
    rekey->keys = keys;
    rekey->since_ms = now_ms;
    for (int i = 0; i < rekey->n; i++) {
        struct rekey_port *port = &rekey->port[i];

        port->pending = true;
        port->told = false;
        port->bound = bind_let_go(port->socket, port->endpoint, port->listen_fd, keys) != OK;
    }
}

/* Each half is done once: what follows a failure begins where it ended. */
static enum err try_one(struct rekey_port *port, const struct curve_keys *keys)
{
    if (port->bound) {
        const enum err err = bind_let_go(port->socket, port->endpoint, port->listen_fd, keys);
        if (err)
            return err;
        port->bound = false;
    }
    return bind_retake(port->socket, port->endpoint);
}

bool rekey_tick(struct rekey *rekey, int64_t now_ms)
{
    rekey->words[0] = 0;
    for (int i = 0; i < rekey->n; i++) {
        struct rekey_port *port = &rekey->port[i];

        if (!port->pending)
            continue;
        port->pending = try_one(port, rekey->keys) != OK;
        if (!port->pending) {
            if (port->told)
                log_info("port", "endpoint=%s state=back", port->endpoint);
            continue;
        }
        text_print(rekey->words, sizeof rekey->words, "nobody can come in by %s", err_text());
        if (port->told || now_ms - rekey->since_ms < TELL_MS)
            continue;
        port->told = true;
        log_error("port", "endpoint=%s state=missing reason=\"%s\"", port->endpoint,
                  err_text());
    }
    return !rekey->words[0];
}

/* Whoever was off while the broker's key changed has the old one in front and the new one behind, or
 * knows only one. So both are tried in turn, whenever the far end hangs up while keys are compared. */

#include "proto/generation.h"

#include <errno.h>
#include <string.h>
#include <zmq.h>

void generation_take(struct generation *out, const struct curve_keys *keys)
{
    memset(out, 0, sizeof *out);
    if (!keys)
        return;
    memcpy(out->server, keys->server_key, CURVE_TEXT);
    memcpy(out->next, keys->next_key, CURVE_TEXT);
}

void generation_learn(struct generation *known, const char *next)
{
    uint8_t key[32];

    if (!*known->server || !strcmp(next, known->server))
        return;
    if (!*next)
        *known->next = 0;
    else if (strlen(next) == CURVE_TEXT - 1 && zmq_z85_decode(key, next))
        memcpy(known->next, next, CURVE_TEXT);
}

enum err generation_turn(struct generation *known, void *socket)
{
    char other[CURVE_TEXT];

    memcpy(other, known->next, CURVE_TEXT);
    memcpy(known->next, known->server, CURVE_TEXT);
    memcpy(known->server, other, CURVE_TEXT);
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, other, CURVE_TEXT))
        return err_set(ERR_IO, "server key: %s", zmq_strerror(errno));
    return OK;
}

/* Told apart by both, in their order: a process that saw the change keeps the new one in front. */
bool generation_tell(const struct generation *known, struct curve_keys *keys)
{
    if (!strcmp(keys->server_key, known->server) && !strcmp(keys->next_key, known->next))
        return false;
    memcpy(keys->server_key, known->server, CURVE_TEXT);
    memcpy(keys->next_key, known->next, CURVE_TEXT);
    return true;
}

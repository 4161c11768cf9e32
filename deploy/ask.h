/* ask: one request of a person to a fleet's supervisor, through the broker, and the answer. */

#ifndef DEPLOY_ASK_H
#define DEPLOY_ASK_H

#include "deploy/endpoint.h"
#include "proto/msg.h"

struct ask_order {
    const char
        *order;       /* scale, status, down, drain, logs, doctor, apply; hosts: the broker's */
    const char *host; /* whose supervisor; NULL: the head's */
    enum role role;
    uint32_t count;
    const char *arguments; /* a JSON object; NULL: none */
    int timeout_ms;
};

/* Sends ADMIN and waits up to timeout_ms. *result is the answer's JSON ("" if none), freed
 * with free(); its words are printed by the caller from *words, freed too. Errors: ERR_IO (no
 * broker answers), ERR_STATE (the supervisor says no; words say why). */
enum err ask_fleet(struct endpoint *fleet, const struct ask_order *ask, char **words,
                   char **result) MUST_CHECK;

#endif

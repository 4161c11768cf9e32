/* admit: the head's answer to who has a ticket: another key comes into the keys folder. */

#ifndef DEPLOY_ADMIT_H
#define DEPLOY_ADMIT_H

#include "proto/msg_peer.h"

#include <stdbool.h>

struct registrar;

/* An order ADMIN_ADMIT as the broker passed it on: `key` is the asker's. Of a ticket it is a use;
 * of a supervisor that came in itself, a worker of its host, with the role that the order names.
 * *result (freed with free()) is the answer's JSON, {"name": …}, NULL on an error. Errors: its
 * words are the answer's: ERR_PARSE (arguments), ERR_STATE (used up, expired, revoked), ERR_RANGE
 * (who may not ask), ERR_IO. *later: no answer; who asked asks again. */
enum err admit_obey(char **result, struct registrar *registrar, const struct msg_admin *order,
                    int64_t now_s, bool *later) MUST_CHECK;

#endif

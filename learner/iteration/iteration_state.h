/* iteration_state: what a run over a fleet keeps between iterations, on disk and back. */

#ifndef LEARNER_ITERATION_ITERATION_STATE_H
#define LEARNER_ITERATION_ITERATION_STATE_H

#include "learner/iteration/iteration_conf.h"

#include <jansson.h>

struct iteration_state;

/* The whole state (weights, moments and counts of the models, a reference that moves, the
 * weights of KL and bonus, counters) as FOLDER/step-<iteration>.ckpt (checkpoint.h lists and
 * trims them), with a JSON value of the caller's (NULL: none). Errors: ERR_IO. */
enum err iteration_state_write(struct iteration_state *state, const char *folder,
                               const json_t *meta) MUST_CHECK;
/* State after `iteration`, into a state of the same shapes; *meta (may be NULL) is the caller's
 * and to be freed. Errors: ERR_IO, ERR_PARSE, ERR_RANGE (other shapes); it is then
 * unchanged. */
enum err iteration_state_read(struct iteration_state *state, const char *folder,
                              int64_t iteration, json_t **meta) MUST_CHECK;

/* The critic that was given, or the policy's trunk under a head of zeros. Errors: iteration_new's.
 */
enum err iteration_state_critic(struct params **critic, const struct params *policy,
                                const struct iteration_conf *conf) MUST_CHECK;

#endif

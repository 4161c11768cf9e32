/* functions: TRL's `reward_funcs` as entries of a list of rewards. */

#ifndef REWARD_FUNCTIONS_H
#define REWARD_FUNCTIONS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* A list of names, or one, as entries behind those of `list` (may be NULL): accuracy_reward and
 * reasoning_accuracy_reward compare the last number with column `solution`, think_format_reward
 * is a pattern; *overlong: get_soft_overlong_punishment is among them. The result is the
 * caller's, also after an error. Errors: ERR_PARSE, ERR_RANGE (another function: it is
 * Python). */
enum err functions_read(json_t **out, const json_t *list, const json_t *functions,
                        bool *overlong) MUST_CHECK;

#endif

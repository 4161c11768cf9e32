/* actions: what an answer calls, against what it should have called.
 *
 * Calls are read out of text in the ways models write them: <tool_call>{"name", "arguments"}
 * </tool_call>, {"name", "parameters"}, and the compact list [{"tool", "args"}, ...]; other
 * words around them do not matter. A gold call is {"tool", "args"}, or {"tool", "any"} with the
 * acceptable values of each argument ("" among them: may be left out).
 *
 * One call against one gold call: 0 when the names differ, else 1/2 + 1/2 (arguments that are
 * right) / (arguments that either has). Of a whole answer: the best alignment's sum over the
 * larger number of calls; `order` keeps the calls in order (a longest-common-subsequence
 * alignment), else each gold call takes the best call left. 1 exactly when all is right. */

#ifndef REWARD_RULE_ACTIONS_H
#define REWARD_RULE_ACTIONS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum {
    ACTIONS_MAX = 256,           /* calls of an answer; further ones are not read */
    ACTIONS_BYTES_MAX = 1 << 20, /* of an answer; a longer one calls nothing */
    ACTIONS_TRIES = 4096 /* braces and brackets tried: a text of them alone stays linear */
};

/* [{"tool", "args"}, ...], a new reference. *broken (may be NULL): calls whose JSON cannot be
 * read. */
json_t *actions_read(const char *text, size_t *broken);

/* In [0, 1]; 1 for no calls where none are wanted. */
double actions_score(const json_t *made, const json_t *gold, bool order);

#endif

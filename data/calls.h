/* calls: what an agent did: tool calls in messages, or in the compact form.
 *
 *   messages   {"role": "assistant", "content": ..., "tool_calls": [{"type": "function",
 *              "function": {"name": ..., "arguments": {...} or its JSON text}}]}, and the
 *              result as {"role": "tool", "content": ...}
 *   compact    [{"tool": ..., "args": {...}[, "result": ...][, "thought": ...]}, ...]
 *
 * A gold call may be exact ({"tool", "args"}) or give every acceptable value of an argument
 * ({"tool", "any": {"x": [1, 2, ""]}}; "" says that it may be left out), as BFCL does. */

#ifndef DATA_CALLS_H
#define DATA_CALLS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum { CALLS_MAX = 4096 }; /* of one trajectory */

/* Is `value` a list in the compact form? */
bool calls_compact(const json_t *value);

/* The compact form as messages: each call an assistant turn, its result (if there is one) a
 * tool turn. A new reference. Errors: ERR_PARSE names the item and what is wrong with it. */
enum err calls_expand(json_t **out, const json_t *compact) MUST_CHECK;

/* Checks message `at` of `field`: its calls have names, their arguments are an object or the
 * text of one. Errors: ERR_PARSE: "field[3]: tool_calls[0]: arguments: not JSON: ...". */
enum err calls_check(const json_t *message, const char *field, size_t at) MUST_CHECK;

/* What the assistant called in `messages`, in order, as [{"tool", "args"}, ...]: a new
 * reference. Calls that calls_check would refuse are left out. */
json_t *calls_made(const json_t *messages);

/* Did `made` do what `gold` asks: the same names in the same order, each argument equal or
 * among the acceptable, none left out or added. */
bool calls_same(const json_t *made, const json_t *gold);

/* A gold call's arguments by their first acceptable values: {"tool", "args"}; a new reference.
 */
json_t *calls_first(const json_t *gold);

#endif

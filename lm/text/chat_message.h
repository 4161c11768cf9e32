/* chat_message: messages as records hold them to messages as a template gets them. */

#ifndef LM_TEXT_CHAT_MESSAGE_H
#define LM_TEXT_CHAT_MESSAGE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* A new list, released with json_decref. As transformers makes it: without what is null, with
 * reasoning under all of its names; and call arguments that are text parsed. Errors: ERR_PARSE
 * (no list, empty, a message without a role, arguments that are no JSON). */
enum err chat_message_list(json_t **out, const json_t *messages) MUST_CHECK;

/* Whether any of them has calls. */
bool chat_message_calls(const json_t *messages);

#endif

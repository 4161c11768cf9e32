/* chat_tokens: the special tokens that a chat template may name. */

#ifndef LM_FILE_CHAT_TOKENS_H
#define LM_FILE_CHAT_TOKENS_H

#include "lm/model/shape.h"
#include "lm/text/tokenizer.h"

#include <jansson.h>

/* bos_token, eos_token, pad_token by their texts, those that there are: an object released with
 * json_decref. */
json_t *chat_tokens(const struct shape *shape, const struct tokenizer *tokenizer);

#endif

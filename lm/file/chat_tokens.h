/* chat_tokens: the special tokens that a chat template may name. */

#ifndef LM_FILE_CHAT_TOKENS_H
#define LM_FILE_CHAT_TOKENS_H

#include "lm/model/shape.h"
#include "lm/text/tokenizer.h"

#include <jansson.h>

/* bos_token, eos_token, pad_token by the shape's ids, those that there are, and over them what
 * `named` (chat_tokens_named's, or NULL) says: a text, or null for a token that the template is
 * not given. An object released with json_decref. */
json_t *chat_tokens(const struct shape *shape, const struct tokenizer *tokenizer,
                    const json_t *named);

/* What tokenizer_config.json's object (NULL: none) says of them beyond the ids: names with a text
 * or null, the standard ones and a model's own. NULL: nothing. Released with json_decref. */
json_t *chat_tokens_named(const json_t *config, const struct shape *shape,
                          const struct tokenizer *tokenizer);

/* Those of `named` that stand in the template's text (NULL: none), NULL where there are none: what
 * travels with a model. Released with json_decref. */
json_t *chat_tokens_asked(const json_t *named, const char *template_text);

#endif

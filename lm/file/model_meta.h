/* model_meta: everything of a model but its weights, as one JSON text: what travels to an
 * actor.
 *
 * {"config": …, "stops": […], "template": text or null, "tokenizer": the text of
 * tokenizer.json} with sorted keys; "rope" where a run chooses: "short" or "long" (longrope), or how
 * many tokens (dynamic scaling); "compute": "bfloat16" or "int8", unless it is float32
 * (lm/model/precision.h); "generation": "int8", where a run's answers are written in that and compute is
 * another; "tokens": special tokens that the template names and the ids do not say (chat_tokens.h), if
 * any: equal models give equal bytes. */

#ifndef LM_FILE_MODEL_META_H
#define LM_FILE_MODEL_META_H

#include "lm/model/shape.h"

#include <jansson.h>
#include <stddef.h>

struct model_meta {
    struct shape shape;
    char *tokenizer;     /* text of tokenizer.json, zero-terminated */
    char *template_text; /* NULL: none */
    json_t *tokens;      /* chat_tokens_named's; NULL: none */
};

/* Errors: ERR_PARSE, ERR_RANGE; `name` stands before the words. */
enum err model_meta_read(struct model_meta *out, const char *text, size_t n,
                         const char *name) MUST_CHECK;
void model_meta_fini(struct model_meta *card);

/* *out is freed with free(). Errors: ERR_PARSE if tokenizer or template is not UTF-8. */
enum err model_meta_write(const struct model_meta *card, char **out, size_t *n) MUST_CHECK;

#endif

/* hfconfig: config.json of transformers 4 and 5, and the numbers that this engine runs on.
 *
 * Read: the classes of lm/file/hfkeys. What would change the forward pass and is not done here
 * (other biases, other rope scalings, quantisation) is refused by name, never left out
 * silently. */

#ifndef LM_FILE_HFCONFIG_H
#define LM_FILE_HFCONFIG_H

#include "lm/model/shape.h"

#include <jansson.h>

/* `name` stands before the words of an error: the file. Errors: ERR_PARSE, ERR_RANGE. */
enum err hfconfig_read(struct shape *out, const json_t *config, const char *name) MUST_CHECK;

/* Adds the ids of a generation_config.json (eos_token_id may be a list) to the shape's stops,
 * and its bos and pad where the shape has none. */
enum err hfconfig_generation(struct shape *shape, const json_t *config,
                             const char *name) MUST_CHECK;

/* JSON as text with the fewest digits that give the same numbers back; keys sorted. flags:
 * JSON_INDENT(2) or JSON_COMPACT. Free with free(). */
char *hfconfig_text(const json_t *json, size_t flags);

/* Parses the text of a file, an object. flags: 0, or JSON_DECODE_INT_AS_REAL for files with
 * whole numbers beyond 2^63 (model_max_length). Errors: ERR_PARSE with name, line and reason.
 */
enum err hfconfig_parse(json_t **out, const char *text, size_t n, const char *name,
                        size_t flags) MUST_CHECK;

#endif

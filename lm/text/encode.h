/* encode: prompts and answers, as records hold them, to token ids.
 *
 * A prompt or a completion is a JSON string (used as it is) or a list of messages (rendered
 * with the model's template). Where the completion starts is TRL's rule: the first token at
 * which tokens(prompt with its generation prompt) and tokens(prompt + completion) differ. A
 * tokenizer whose post-processor adds BOS gets it before plain text, as transformers does,
 * unless the text begins with it (transformers makes it two there); a template writes its own.
 */

#ifndef LM_TEXT_ENCODE_H
#define LM_TEXT_ENCODE_H

#include "lm/text/chat.h"
#include "lm/text/tokenizer.h"

/* What turns text into ids: borrowed. */
struct encode {
    const struct tokenizer *tokenizer;
    const struct chat *chat; /* NULL: none */
    const char *chat_error;  /* why messages cannot be rendered, or NULL */
    const json_t *kwargs;    /* chat_render's, or NULL */
};

struct encoded {
    int *ids;
    int n, start; /* ids[start .. n) are the completion's */
};

/* Text of a string or of messages; `generation` adds the assistant's opening to messages.
 * Free *text with free(). Errors: ERR_PARSE (neither), ERR_STATE (no template), chat_render's.
 */
enum err encode_text(const struct encode *encode, const json_t *value, const json_t *tools,
                     bool generation, char **text, size_t *n) MUST_CHECK;

/* The prompt alone, ready for generation: start = n. */
enum err encode_prompt(const struct encode *encode, const json_t *prompt, const json_t *tools,
                       struct encoded *out) MUST_CHECK;

/* Prompt and completion in one sequence. Both strings, or both lists of messages. A
 * conversational completion includes the template's end of turn. */
enum err encode_pair(const struct encode *encode, const json_t *prompt,
                     const json_t *completion, const json_t *tools,
                     struct encoded *out) MUST_CHECK;

/* A whole text, with BOS where the tokenizer wants one, or a whole dialogue: start = n. */
enum err encode_whole(const struct encode *encode, const json_t *value, const json_t *tools,
                      struct encoded *out) MUST_CHECK;

void encoded_free(struct encoded *encoded);

#endif

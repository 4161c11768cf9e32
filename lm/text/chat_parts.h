/* chat_parts: what the families' renderers share; for the chat*.c files alone. */

#ifndef LM_TEXT_CHAT_PARTS_H
#define LM_TEXT_CHAT_PARTS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { CHAT_BYTES_MAX = 1 << 26 }; /* a rendered conversation */

/* A text in the making. */
struct chat_text {
    char *text;
    size_t n, room;
    size_t *span; /* start, end */
    size_t spans;
};

void chat_parts_put(struct chat_text *out, const char *text, size_t n);
void chat_parts_word(struct chat_text *out, const char *text);
enum err chat_parts_json(struct chat_text *out, const json_t *value, int indent) MUST_CHECK;

/* Call arguments: an object, or a string that holds one, as the OpenAI format has it. */
enum err chat_parts_arguments(struct chat_text *out, const json_t *arguments) MUST_CHECK;

/* Marks where an assistant's content starts and ends. */
void chat_parts_open(struct chat_text *out);
void chat_parts_close(struct chat_text *out);

/* "role" of message i: a string. Errors: ERR_PARSE. */
enum err chat_parts_role(const json_t *message, size_t i, const char **role) MUST_CHECK;

/* Is `role` message i's? False beyond the end. */
bool chat_parts_is(const json_t *messages, size_t i, const char *role);

/* "content" of message i: a string; `optional` allows null and none (then *text is ""). */
enum err chat_parts_content(const json_t *message, size_t i, bool optional, const char **text,
                            size_t *n) MUST_CHECK;

/* The non-empty list of calls of a message, or NULL. */
const json_t *chat_parts_calls(const json_t *message);

/* A call's "function" object, or the call itself, and its name. Errors: ERR_PARSE. */
enum err chat_parts_function(const json_t *call, size_t i, const json_t **function,
                             const char **name) MUST_CHECK;

/* Python's str.strip(). */
void chat_parts_trim(const char **text, size_t *n);

/* The families. `initial` is the system turn of a conversation that has none, or NULL. */
enum err chat_chatml_render(struct chat_text *out, const json_t *messages, const json_t *tools,
                            bool generation, const char *initial) MUST_CHECK;
enum err chat_qwen_render(struct chat_text *out, const json_t *messages, const json_t *tools,
                          bool generation, const char *initial) MUST_CHECK;
enum err chat_llama_render(struct chat_text *out, const json_t *messages, const json_t *tools,
                           bool generation, const char *initial) MUST_CHECK;
enum err chat_llama_dated(struct chat_text *out, const json_t *messages, const json_t *tools,
                          bool generation, const char *date) MUST_CHECK;

#endif

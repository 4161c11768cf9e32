/* chat: messages to text by a model's template, natively for known families.
 *
 * A template is recognised by its text; an unknown one is an error that names those supported.
 * Where we part from a Jinja engine on purpose: tools or calls that a family's template would
 * drop in silence are an error, and so is a role it would skip; call arguments given as a
 * string (the OpenAI format) are parsed, not encoded twice; Llama 3.1's date is always 26 Jul
 * 2024, so that a text is the same tomorrow. Content is text: lists of parts are refused. */

#ifndef LM_TEXT_CHAT_H
#define LM_TEXT_CHAT_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum chat {
    CHAT_NONE,
    CHAT_CHATML,
    CHAT_SMOLLM2,
    CHAT_QWEN2,
    CHAT_QWEN25,
    CHAT_LLAMA3,
    CHAT_LLAMA31,
    CHATS
};

/* Which family a Jinja template is; NULL or "" gives CHAT_NONE. Errors: ERR_RANGE names the
 * supported. */
enum err chat_detect(enum chat *out, const char *template_text) MUST_CHECK;

/* By name: "chatml", "smollm2", "qwen2", "qwen2.5", "llama3", "llama3.1". Errors: ERR_RANGE. */
enum err chat_named(enum chat *out, const char *name) MUST_CHECK;
const char *chat_name(enum chat chat);

/* A Jinja text for tokenizer_config.json that transformers renders to the same string; NULL for
 * CHAT_NONE. */
const char *chat_template(enum chat chat);

/* messages: a JSON list of {"role", "content"[, "tool_calls"]}; tools: list or NULL.
 * `generation` adds the assistant's opening. span (may be NULL): start and end bytes of each
 * assistant content including its end-of-turn, pairs, freed with free(). *text is freed with
 * free(). Errors: ERR_PARSE, ERR_RANGE, ERR_STATE (CHAT_NONE). */
enum err chat_render(enum chat chat, const json_t *messages, const json_t *tools,
                     bool generation, char **text, size_t *n, size_t **span,
                     size_t *spans) MUST_CHECK;

/* What the template writes after an assistant's end-of-turn token ("\n" for ChatML kin, "" for
 * Llama 3): a rollout that ended by EOS gets it before it is scored. */
const char *chat_tail(enum chat chat);

/* The end-of-turn token's text ("<|im_end|>", "<|eot_id|>"); NULL for CHAT_NONE. */
const char *chat_end(enum chat chat);

#endif

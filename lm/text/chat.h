/* chat: messages to text by a model's template, natively for known templates.
 *
 * A template is known only if its very text was rendered beside transformers
 * (chat_known.h): a text that differs in one character may say something else, so it is an
 * error that names the way out. Where we part from a Jinja engine on purpose: tools or calls
 * that a family's template would drop in silence are an error, and so is a role it would skip;
 * call arguments given as a string (the OpenAI format) are parsed, not encoded twice. Content
 * is text: lists of parts are refused.
 *
 * Llama 3.2's template says today's date (transformers gives it strftime_now), Llama 3.1's
 * always 26 Jul 2024; both take another as their date_string. Time is an argument here. */

#ifndef LM_TEXT_CHAT_H
#define LM_TEXT_CHAT_H

#include "base/err.h"
#include "lm/text/chat_family.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which family a Jinja template is; NULL or "" gives CHAT_NONE. Errors: ERR_RANGE names the
 * known ones and the way out. */
enum err chat_detect(enum chat *out, const char *template_text) MUST_CHECK;

/* By name: "chatml", "smollm2", "qwen2", "qwen2.5", "llama3", "llama3.1", "llama3.2". Errors:
 * ERR_RANGE. */
enum err chat_named(enum chat *out, const char *name) MUST_CHECK;
const char *chat_name(enum chat chat);

/* A Jinja text for tokenizer_config.json that transformers renders to the same string; NULL for
 * CHAT_NONE. */
const char *chat_template(enum chat chat);

/* Whether its text says the day on which it is rendered. */
bool chat_dated(enum chat chat);

/* The local day of a time since 1970, as strftime("%d %b %Y") in English. Returns out. */
char *chat_date(char out[CHAT_DATE_ROOM], int64_t wall_ms);

/* messages: a JSON list of {"role", "content"[, "tool_calls"]}; tools: list or NULL.
 * date: Llama 3.1's and 3.2's date_string, NULL for CHAT_DATE; others have none.
 * `generation` adds the assistant's opening. span (may be NULL): start and end bytes of what
 * each turn of the assistant has to learn, pairs, freed with free(): its words and all that the
 * template writes behind them, of Qwen2.5 the line break before them, too, as TRL 1.16's
 * training templates of Qwen2.5 and Llama 3 mark it (TRL has none of the others). *text is
 * freed with free(). Errors: ERR_PARSE, ERR_RANGE, ERR_STATE (CHAT_NONE). */
enum err chat_render(enum chat chat, const json_t *messages, const json_t *tools,
                     const char *date, bool generation, char **text, size_t *n, size_t **span,
                     size_t *spans) MUST_CHECK;

/* What the template writes after an assistant's end-of-turn token ("\n" for ChatML kin, "" for
 * Llama 3): a rollout that ended by EOS gets it before it is scored. */
const char *chat_tail(enum chat chat);

/* The end-of-turn token's text ("<|im_end|>", "<|eot_id|>"); NULL for CHAT_NONE. */
const char *chat_end(enum chat chat);

#endif

/* chat: messages to text by a model's template, which is a program (lm/text/template/jinja.h).
 *
 * Rendered as transformers renders it: keys of messages that are null are left out, and a
 * reasoning_content, thinking or reasoning goes by all three names. Where we part from it on
 * purpose: tools or calls that a template never asks for are an error, for it would drop them
 * in silence, and so is a message whose content it never looks at; call arguments given as a
 * string (the OpenAI format) are parsed, not encoded twice.
 *
 * Some templates say today's date (strftime_now), Llama's take one as date_string. Time is an
 * argument here. */

#ifndef LM_TEXT_CHAT_H
#define LM_TEXT_CHAT_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chat; /* a template that was read; may be used by several threads at once */

#define CHAT_DATE "26 Jul 2024" /* the day where none is given, Llama 3.1's and 3.2's own */
enum { CHAT_DATE_ROOM = 32 };

/* NULL or "" gives NULL. tokens: an object of the special tokens that the template may name
 * (bos_token, eos_token …), or NULL; copied. Errors: jinja_open's. */
enum err chat_open(struct chat **out, const char *template_text,
                   const json_t *tokens) MUST_CHECK;
void chat_free(struct chat *chat); /* NULL is fine */

/* One of our own: "chatml", "smollm2", "qwen2", "qwen2.5", "llama3", "llama3.1", "llama3.2".
 * Errors: ERR_RANGE names them. */
enum err chat_named(struct chat **out, const char *name, const json_t *tokens) MUST_CHECK;

/* What it is known as (one of the names above, for a text that renders alike), or "template". */
const char *chat_name(const struct chat *chat);

/* Its text; NULL for NULL. */
const char *chat_source(const struct chat *chat);

/* Whether its text says the day on which it is rendered. */
bool chat_dated(const struct chat *chat);

/* Whether it has {% generation %}, so that chat_spans gives its marks. */
bool chat_marks(const struct chat *chat);

/* Whether it asks for a variable of this name. */
bool chat_asks(const struct chat *chat, const char *name);

/* The local day of a time since 1970, as strftime("%d %b %Y") in English. Returns out. */
char *chat_date(char out[CHAT_DATE_ROOM], int64_t wall_ms);

/* messages: a JSON list of {"role", "content"[, "tool_calls"]}; tools: list or NULL.
 * kwargs: more variables of the template, an object or NULL. Its date_string, written as
 * chat_date writes it, is also the day that strftime_now says; without one that is CHAT_DATE.
 * `generation` adds the assistant's opening. *text is freed with free().
 * Errors: ERR_PARSE (what Python would raise among them), ERR_RANGE, ERR_STATE (NULL). */
enum err chat_render(const struct chat *chat, const json_t *messages, const json_t *tools,
                     const json_t *kwargs, bool generation, char **text, size_t *n) MUST_CHECK;

/* span: start and end bytes of what each turn of the assistant has to learn in what
 * chat_render gives for the same (without the opening), pairs, freed with free(). Where the
 * template has {% generation %}, that; else what the turn adds to the messages before it and
 * the assistant's opening: its words and all that the template writes behind them (of Qwen2.5
 * the line break before them, too, as TRL 1.16's training template of it marks it). Errors: as
 * chat_render; ERR_RANGE when a turn is no such addition. */
enum err chat_spans(const struct chat *chat, const json_t *messages, const json_t *tools,
                    const json_t *kwargs, size_t **span, size_t *spans) MUST_CHECK;

/* What the template writes after an assistant's end-of-turn token ("\n" for ChatML kin, "" for
 * Llama 3): a rollout that ended by EOS gets it before it is scored. "" for NULL. */
const char *chat_tail(const struct chat *chat);

/* The end-of-turn token's text ("<|im_end|>", "<|eot_id|>"); NULL: none was found. */
const char *chat_end(const struct chat *chat);

#endif

/* dialogue: dividing and joining prompts and answers, strings or lists of messages alike. */

#ifndef DATA_DIALOGUE_H
#define DATA_DIALOGUE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* The prompt that two whole dialogues share: their longest common prefix, in messages or in
 * characters; a blank just before the first difference goes to the answers (TRL's
 * extract_prompt). *chosen and *rejected, both strings or both lists, are replaced by what
 * remains of them; *prompt is a new reference. Errors: ERR_PARSE when both are the same. */
enum err dialogue_split(json_t **prompt, json_t **chosen, json_t **rejected) MUST_CHECK;

/* Does a list of messages begin with what the assistant says or does (a compact call, too)?
 * Then it is an answer; else a whole dialogue. */
bool dialogue_answers(const json_t *list);

/* The prompt of `answer`: a string before an answer that is messages is what the user says, and
 * becomes a list of that message. A new reference. */
json_t *dialogue_asked(const json_t *prompt, const json_t *answer);

/* prompt + answer, both strings or both lists; prompt NULL gives the answer. A new reference;
 * NULL when the kinds differ. */
json_t *dialogue_join(const json_t *prompt, const json_t *answer);

/* An HH dialogue "\n\nHuman: ...\n\nAssistant: ..." as messages: *prompt gets all turns before
 * the last "\n\nAssistant:", *answer that last one; blanks around a turn are dropped. New
 * references. Errors: ERR_PARSE when there is no such marker. */
enum err dialogue_hh(const char *text, json_t **prompt, json_t **answer) MUST_CHECK;

/* What ShareGPT's `from` calls a speaker, by the name that templates know: human is user, gpt,
 * chatgpt, bing and bard are assistant, observation is tool; others are themselves. */
const char *dialogue_role(const char *from);

#endif

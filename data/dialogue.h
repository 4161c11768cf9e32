/* dialogue: dividing and joining prompts and answers, strings or lists of messages alike. */

#ifndef DATA_DIALOGUE_H
#define DATA_DIALOGUE_H

#include "base/err.h"

#include <jansson.h>

/* The prompt that two whole dialogues share: their longest common prefix, in messages or in
 * characters; a blank just before the first difference goes to the answers (TRL's
 * extract_prompt). *chosen and *rejected, both strings or both lists, are replaced by what
 * remains of them; *prompt is a new reference. Errors: ERR_PARSE when both are the same. */
enum err dialogue_split(json_t **prompt, json_t **chosen, json_t **rejected) MUST_CHECK;

/* prompt + answer, both strings or both lists; prompt NULL gives the answer. A new reference;
 * NULL when the kinds differ. */
json_t *dialogue_join(const json_t *prompt, const json_t *answer);

/* An HH dialogue "\n\nHuman: ...\n\nAssistant: ..." as messages: *prompt gets all turns before
 * the last "\n\nAssistant:", *answer that last one; blanks around a turn are dropped. New
 * references. Errors: ERR_PARSE when there is no such marker. */
enum err dialogue_hh(const char *text, json_t **prompt, json_t **answer) MUST_CHECK;

#endif

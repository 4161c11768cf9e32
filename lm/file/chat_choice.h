/* chat_choice: another chat template than the model's own, as people name one. */

#ifndef LM_FILE_CHAT_CHOICE_H
#define LM_FILE_CHAT_CHOICE_H

#include "lm/file/model_files.h"

/* Gives the model files the template of `path`: a Jinja file, a folder that has one
 * (chat_template.jinja, tokenizer_config.json), or a family's name (lm/text/chat.h). Its card
 * is made anew. Errors: ERR_IO, ERR_PARSE, ERR_RANGE (an unknown text). */
enum err chat_choice(struct model_files *files, const char *path) MUST_CHECK;

/* The same of a template's text. Errors: ERR_RANGE (an unknown text), chat_choice's. */
enum err chat_choice_text(struct model_files *files, const char *text) MUST_CHECK;

/* Makes token `id`, which the tokenizer has, the model's first stop, and what its template says as
 * eos_token. The card is made anew. Errors: ERR_PARSE. */
enum err chat_choice_end(struct model_files *files, int id) MUST_CHECK;

#endif

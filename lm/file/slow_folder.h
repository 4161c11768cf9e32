/* slow_folder: the tokenizer of a folder that has no tokenizer.json.
 *
 * tokenizer.model (or spiece.model; SentencePiece), else vocab.json with merges.txt. */

#ifndef LM_FILE_SLOW_FOLDER_H
#define LM_FILE_SLOW_FOLDER_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* Has the folder such files? */
bool slow_folder_has(const char *path);

/* The tokenizer.json that they mean, with tokenizer_config.json's object (NULL: none): free
 * *text. Errors: tokenizer_spm's and tokenizer_slow's; ERR_IO. */
enum err slow_folder_read(char **text, const char *path, const json_t *config) MUST_CHECK;

#endif

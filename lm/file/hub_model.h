/* hub_model: which files of a repository a model is, and bringing those here. */

#ifndef LM_FILE_HUB_MODEL_H
#define LM_FILE_HUB_MODEL_H

#include "base/err.h"

/* `name` (repo_is_name) as a folder with config.json or adapter_config.json, or a .gguf file, of
 * this machine: weights, tokenizer, template and what belongs to them, and nothing else of the
 * repository. Free *out. Errors: repo's; ERR_IO: no model there that could be opened, or several
 * .gguf files (the words list them). */
enum err hub_model_find(char **out, const char *name) MUST_CHECK;

/* The same without weights, for who needs text alone; but a .gguf file and an adapter are whole. */
enum err hub_model_text(char **out, const char *name) MUST_CHECK;

#endif

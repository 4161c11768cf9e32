/* inspect: what a model is: architecture, tensors as its files store them, parameters, weights
 * hash, tokenizer, template. */

#ifndef LM_FILE_INSPECT_H
#define LM_FILE_INSPECT_H

#include "base/err.h"
#include "lm/model/precision.h"

#include <stdbool.h>

/* For people, or as one JSON object with `json`. The weights are read in pieces, for their
 * hash; those of an adapter's base are loaded, for it is joined with them, as `compute` rounds
 * them. *out is freed with free(). Errors: those of model_files_open_as. */
enum err inspect_model(char **out, const char *path, bool json,
                       enum precision compute) MUST_CHECK;

/* The same of the headers alone: no weight is read, and there is no hash. */
enum err inspect_headers(char **out, const char *path, bool json) MUST_CHECK;

#endif

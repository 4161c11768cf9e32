/* unopened: what people have and this engine does not open, refused by its own name and with the
 * way out. */

#ifndef LM_FILE_UNOPENED_H
#define LM_FILE_UNOPENED_H

#include "base/err.h"

/* ERR_PARSE: `file` (in `folder`) is a Python pickle; the words have the line that turns it into
 * safetensors. */
enum err unopened_pickle(const char *folder, const char *file);

/* Why a checkpoint of this quantization_config is not read: `out`. */
enum { UNOPENED_WHY = 200 };
const char *unopened_scheme(char out[UNOPENED_WHY], const char *method);

#endif

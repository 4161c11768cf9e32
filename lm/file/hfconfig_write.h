/* hfconfig_write: the numbers of a model as a config.json that transformers opens. */

#ifndef LM_FILE_HFCONFIG_WRITE_H
#define LM_FILE_HFCONFIG_WRITE_H

#include "lm/model/shape.h"

#include <jansson.h>

/* A config.json that transformers 4.56 and 5 open; `dtype` is "float32" or "bfloat16".
 * The caller owns it. */
json_t *hfconfig_write(const struct shape *shape, const char *dtype);
/* start: text of the generation_config.json that the model came with, whose other settings are
 * kept; NULL: none. */
json_t *hfconfig_write_generation(const struct shape *shape, const char *start);

#endif

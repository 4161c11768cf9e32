/* travel: what of a start model's folder goes along into the folder of what was trained from it. */

#ifndef LM_FILE_TRAVEL_H
#define LM_FILE_TRAVEL_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* The tokenizer's own files beside tokenizer.json, licences and notices that `start` has and `to`
 * has not yet, byte for byte. start NULL: nothing. Errors: ERR_IO, ERR_RANGE (too long). */
enum err travel_files(const char *to, const char *start) MUST_CHECK;

/* The object in `name` of `start`; a new one without it, or if it is none. */
json_t *travel_json(const char *start, const char *name);

/* "key": "text" unless the object says the same in its own way ({"content": text}). */
void travel_token(json_t *to, const char *key, const char *text);

/* Whether folder_write may replace a folder that holds this file: it may be a traveller. */
bool travel_goes(const char *name);

#endif

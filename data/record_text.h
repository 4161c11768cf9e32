/* record_text: the words of a record or of a part of it, whatever form they have. */

#ifndef DATA_RECORD_TEXT_H
#define DATA_RECORD_TEXT_H

#include "base/hash.h"

#include <jansson.h>

/* Text of a string, of messages (contents and calls), or of a list of strings. Free it. */
char *record_text_words(const json_t *value);

/* Hash of the words in small ASCII letters, every run of white space one blank, none at the
 * ends: two prompts that differ in nothing else are the same. */
struct hash record_text_hash(const json_t *value);

/* The names of a row's columns, for words to the user: the first 200 bytes or so, "none". Free
 * it. */
char *record_text_columns(const json_t *row);

#endif

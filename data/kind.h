/* kind: which of TRL's kinds of record a row is, by its columns, and what it is made of.
 *
 *   text  messages  prompt  prompt-completion  preference (explicit prompt)  implicit (prompt
 *   inside both answers)  unpaired (a label for one answer)  stepwise  tokens */

#ifndef DATA_KIND_H
#define DATA_KIND_H

#include "base/err.h"
#include "base/hash.h"

#include <jansson.h>

enum kind {
    KIND_TEXT,
    KIND_MESSAGES,
    KIND_PROMPT,
    KIND_COMPLETION,
    KIND_PREFERENCE,
    KIND_IMPLICIT,
    KIND_UNPAIRED,
    KIND_STEPWISE,
    KIND_TOKENS,
    KINDS
};

/* Errors: ERR_PARSE lists the columns when they are of no kind. */
enum err kind_of(enum kind *out, const json_t *row) MUST_CHECK;

/* The names of a row's columns, for words to the user: the first 200 bytes or so, "none". Free.
 */
char *kind_columns(const json_t *row);

/* "text", "messages", ..., "tokens". kind_named: ERR_RANGE lists them. */
const char *kind_name(enum kind kind);
enum err kind_named(enum kind *out, const char *name) MUST_CHECK;

/* The prompt of a row: what stands before the answer or answers. A new reference; of text and
 * tokens it is all of it. Errors: ERR_PARSE. */
enum err kind_prompt(json_t **out, const json_t *row, enum kind kind) MUST_CHECK;

/* Text of a string, of messages (contents and calls), or of a list of strings. Free it. */
char *kind_words(const json_t *value);

/* Hash of the words in small ASCII letters, every run of white space one blank, none at the
 * ends: two prompts that differ in nothing else are the same. */
struct hash kind_hash(const json_t *value);

/* Finds what is wrong with a row that the columns alone do not show. Each flaw is reported by
 * `say`; `field` is where. */
enum kind_flaw {
    KIND_EMPTY,      /* an answer, a step or a prompt without a letter */
    KIND_EQUAL,      /* chosen and rejected are the same */
    KIND_LABELS,     /* labels and steps do not match, or a label is none */
    KIND_MESSAGE,    /* a message without role or content */
    KIND_CALL,       /* a tool call that cannot be read */
    KIND_FIELD,      /* a column of the wrong type */
    KIND_UNBALANCED, /* tokens and their mask differ in length */
    KIND_FLAWS
};
const char *kind_check_name(enum kind_flaw flaw);
void kind_check(const json_t *row, enum kind kind,
                void (*say)(void *self, enum kind_flaw flaw, const char *words), void *self);

#endif

/* import_fields: rows of annotation tools, which have fields of any name: which is the prompt,
 * which are the answers, and which of them a word means. */

#ifndef ANNOTATE_EXCHANGE_IMPORT_FIELDS_H
#define ANNOTATE_EXCHANGE_IMPORT_FIELDS_H

#include "annotate/exchange/import_put.h"

struct import_fields {
    const char *name[PREFS_CANDIDATES_MAX]; /* of the answers, borrowed or within `names` */
    char *names;
};

/* Fills mode, prompt, candidates of `item` from a map of fields: the rule's, else the usual
 * names. Borrowed from `fields`. Errors: ERR_PARSE, which says what to give. */
enum err import_fields_take(struct import_fields *out, struct prefs_item *item,
                            const json_t *fields, const struct import_rule *rule) MUST_CHECK;
void import_fields_free(struct import_fields *fields);

/* A word somebody chose: a field's name, left, right, a, b, 1, 2, tie, both_bad and kin.
 * Errors: ERR_PARSE names it. */
enum err import_fields_word(struct prefs_judgement *out, const struct import_fields *fields,
                            int n, const char *word) MUST_CHECK;

/* Unix milliseconds of "2021-03-09T22:16:08.728353Z" (or +01:00); 0: it is none. */
int64_t import_fields_time(const char *text);

#endif

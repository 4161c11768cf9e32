/* import: rows that others wrote, as items of a store and, if they say what somebody chose, judgements.
 *
 *   what drover exports (export.h: preference, trajectory, unpaired, stepwise, sft, arena, csv),
 *   every format that data/format.h reads (hh, ultrafeedback, ...)
 *   label_studio  its JSON export: data, annotations with results of type pairwise or choices
 *   argilla_tool  2.x: records.to_json, or flattened as data sets of it are saved
 *
 * Adding a file again adds nothing: keys and ids are made of what the rows hold. A row is whole or
 * not at all; a bad one is an error that names its line, or with strict off counted and left out. */

#ifndef ANNOTATE_EXCHANGE_IMPORT_H
#define ANNOTATE_EXCHANGE_IMPORT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prefs;

struct import_rule {
    const char *format;    /* NULL or "auto": told by the columns; a name of data/format.h;
                               label_studio, argilla, arena, csv */
    bool verdicts;         /* judgements too; off: items alone, to be judged anew */
    bool lenient;          /* bad rows are counted and left out */
    const char *annotator; /* whose the verdicts are where a row does not say; NULL: "import" */
    const char *prompt;    /* label_studio, argilla: the field; NULL: prompt, instruction,
                               question, input or text, the first that is there */
    const char *candidates; /* label_studio, argilla: fields, "a,b"; NULL: all that remain */
    const char *question;   /* label_studio, argilla: its name; NULL: any that says which */
};

struct import_count {
    size_t rows, items, judgements; /* read; added */
    size_t again;                   /* items or judgements that were there */
    size_t unjudged; /* annotations without a verdict: skipped, cancelled, discarded, drafts */
    size_t alone;    /* unpaired answers without one to be compared with */
    size_t bad;
    char first[320]; /* of the first bad one, why */
};

/* Within the store's open group, which the caller commits or abandons. Errors: ERR_IO,
 * ERR_PARSE, ERR_RANGE (words: path:line: why); the store's. */
enum err import_file(struct prefs *prefs, const char *path, const struct import_rule *rule,
                     int64_t now, struct import_count *count) MUST_CHECK;

/* The formats for words to people. */
extern const char import_formats[];

#endif

/* import: rows that others wrote, as items of a store and, if they say what somebody chose, judgements.
 *
 *   what drover exports (export.h: preference, trajectory, unpaired, stepwise, sft, arena, csv),
 *   every format that data/format.h reads (hh, ultrafeedback, ...)
 *   pairs         {"prompt", "a", "b"} of `drover generate pairs=true`; judged, of `drover judge`
 *   label_studio  its JSON export: data, annotations with results of type pairwise or choices; JSON-MIN
 *   argilla_tool  2.x: records.to_json, or flattened as data sets of it are saved; 1.x: records of a
 *                 FeedbackDataset, or its rows as a data set has them
 *
 * Adding a file again adds nothing: keys and ids are made of what the rows hold. A row is whole or
 * not at all; a bad one is an error that names its line, or with strict off counted and left out. */

#ifndef ANNOTATE_EXCHANGE_IMPORT_H
#define ANNOTATE_EXCHANGE_IMPORT_H

#include "annotate/exchange/import_rule.h"
#include "base/err.h"

#include <stdint.h>

struct prefs;

/* Within the store's open group, which the caller commits or abandons. Errors: ERR_IO,
 * ERR_PARSE, ERR_RANGE (words: path:line: why); the store's. */
enum err import_file(struct prefs *prefs, const char *path, const struct import_rule *rule,
                     int64_t now, struct import_count *count) MUST_CHECK;

/* The formats for words to people. */
extern const char import_formats[];

#endif

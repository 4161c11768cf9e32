/* trade: stores of tests that are imported into and exported from. */

#ifndef TESTS_PREFS_TRADE_H
#define TESTS_PREFS_TRADE_H

#include "annotate/exchange/export.h"
#include "annotate/exchange/import.h"

/* An empty store, open for writing. */
struct prefs *trade_fresh(void);
/* A file of the scratch folder with this text; its path. */
const char *trade_put(const char *name, const char *text);
/* All lines of an export; free it. */
char *trade_exported(struct prefs *prefs, const struct export_rule *rule,
                     struct export_count *count);
/* Imports a file of this name with this text, commits and checks the store. */
void trade_import_ok(struct prefs *prefs, const char *name, const char *text,
                     struct import_count *count);
/* Lines of JSON: the same objects, whatever the order of their keys. */
void trade_assert_rows(const char *got, const char *wanted);

#endif

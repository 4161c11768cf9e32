/* csv_line: rows as lines of CSV (RFC 4180) that neither a spreadsheet runs nor a reader
 * mistakes.
 *
 * * Spreadsheets take a cell that begins with = + - @, a tab or a carriage return for a
 * formula, and readers that guess types take "007" for seven and "NA" for nothing. Such a text
 * gets a ' before it; so does one that begins with ' itself: csv_line_text takes exactly one
 * away again. */

#ifndef ANNOTATE_EXCHANGE_CSV_LINE_H
#define ANNOTATE_EXCHANGE_CSV_LINE_H

#include "base/strbuf.h"

#include <jansson.h>

/* Appends a line of the columns (NULL-ended); what the row lacks is empty. Lists and objects
 * are JSON. */
void csv_line_put(struct strbuf *out, const json_t *row, const char *const *columns);
void csv_line_names(struct strbuf *out, const char *const *columns);

/* A cell's text as it was before csv_line_put: within `cell`. */
const char *csv_line_text(const char *cell);

#endif

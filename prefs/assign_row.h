/* assign_row: an assignment as the table holds it, for the files of this room. */

#ifndef PREFS_ASSIGN_ROW_H
#define PREFS_ASSIGN_ROW_H

#include "prefs/assign.h"

#include <sqlite3.h>

/* What assign_row_read wants, of a table called a, in this order: 15 columns. */
#define ASSIGN_ROW_COLUMNS \
    "a.id, a.item, a.annotator, a.why, a.active, a.chance, a.places, a.state, a.guideline," \
    " a.repeats, a.given, a.expires, a.ended, a.nth, a.was_right"
enum { ASSIGN_ROW_WIDTH = 15 };

/* Errors: ERR_PARSE. */
enum err assign_row_read(struct prefs_assignment *out, sqlite3_stmt *made,
                         int column) MUST_CHECK;

/* "10": candidate 1 first, then candidate 0; a letter a candidate, in hexadecimal. */
void assign_row_places(char out[PREFS_CANDIDATES_MAX + 1], const int *order, int n);

#endif

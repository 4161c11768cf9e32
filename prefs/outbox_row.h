/* outbox_row: what joins the outbox, for the files of this room. */

#ifndef PREFS_OUTBOX_ROW_H
#define PREFS_OUTBOX_ROW_H

#include "prefs/prefs.h"

/* The row `seq` was written just now, by somebody who judges here. Joins if it is for a run. */
enum err outbox_row_said(struct prefs *prefs, int64_t seq) MUST_CHECK;
/* The row `seq` is about to be dropped. Joins if it was for a run and nothing has taken it back. */
enum err outbox_row_dropping(struct prefs *prefs, int64_t seq) MUST_CHECK;
/* Errors: ERR_PARSE: a row is in it that is for no run. */
enum err outbox_row_check(struct prefs *prefs) MUST_CHECK;

#endif

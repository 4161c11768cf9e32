/* store_rows: a preference store where a data set is wanted: dataset_name=prefs.db.
 *
 * * data/rows.h asks; who may open a store (the command, the learner) installs this. The rows
 * are export.h's "auto": what each item's mode trains. A store that another process has open
 * is refused with words that say how to read it. */

#ifndef ANNOTATE_EXCHANGE_STORE_ROWS_H
#define ANNOTATE_EXCHANGE_STORE_ROWS_H

void store_rows_serve(void);

#endif

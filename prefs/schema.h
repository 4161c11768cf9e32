/* schema: the tables of a store, and whether a file has them. */

#ifndef PREFS_SCHEMA_H
#define PREFS_SCHEMA_H

#include "prefs/prefs.h"

enum {
    SCHEMA_APPLICATION = 0x64727066, /* "drpf": what the file says it is */
    SCHEMA_VERSION = 1,
};

/* Makes the tables in an empty file, within the transaction that is open. */
enum err schema_make(struct prefs *prefs) MUST_CHECK;

/* The file holds these tables, word for word, and nothing else: no trigger, no view, nothing
 * that would run when it is read. Then its pages, indices, types and rules. Errors: ERR_PARSE. */
enum err schema_check(struct prefs *prefs) MUST_CHECK;

#endif

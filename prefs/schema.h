/* schema: the tables of a store, and whether a file has them. */

#ifndef PREFS_SCHEMA_H
#define PREFS_SCHEMA_H

#include "prefs/prefs.h"

enum {
    SCHEMA_APPLICATION = 0x64727066, /* "drpf": what the file says it is */
    SCHEMA_FIRST = 1,                /* before a store knew fleets */
    SCHEMA_VERSION = 2,
};

/* Makes the tables in an empty file, within the transaction that is open. */
enum err schema_make(struct prefs *prefs) MUST_CHECK;
/* Adds what a store of an older version lacks, likewise. */
enum err schema_renew(struct prefs *prefs) MUST_CHECK;

/* The file holds the tables of its version, word for word, and nothing else: no trigger, no view, nothing
 * that would run when it is read. Then its pages, indices, types and rules. Fills prefs->version: an
 * older one is whole, and has fewer tables. Errors: ERR_PARSE. */
enum err schema_check(struct prefs *prefs) MUST_CHECK;
/* What a PRAGMA that looks at pages says: "ok", or ERR_PARSE with its first fault. */
enum err schema_pages(struct prefs *prefs, const char *pragma) MUST_CHECK;

#endif

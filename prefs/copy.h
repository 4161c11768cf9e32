/* copy: a store as one file that can be carried away, and back. */

#ifndef PREFS_COPY_H
#define PREFS_COPY_H

#include "prefs/prefs.h"

/* The durable state as a file of its own, whole or not there, while the writer goes on (its
 * open group is not in it). An older snapshot at `path` is replaced. Errors: ERR_IO;
 * ERR_STATE: another file is there, or it is the store. */
enum err prefs_snapshot(struct prefs *prefs, const char *path) MUST_CHECK;

/* The same for who sends it away at once and keeps none: not synced, which a power cut may tear. */
enum err prefs_snapshot_sent(struct prefs *prefs, const char *path) MUST_CHECK;

/* Makes the store `path` of a snapshot, checked first. Errors: ERR_STATE where a store is
 * (force: unless nobody has it open), ERR_PARSE. */
enum err prefs_restore(const char *path, const char *snapshot, bool force) MUST_CHECK;

/* Everything that must hold: SQLite's own check of pages and indices, checksums of all rows,
 * counts against rows. Errors: ERR_PARSE, whose words name the first fault. */
enum err prefs_check(struct prefs *prefs) MUST_CHECK;

#endif

/* prefs_stats: how far a store's judging has come, and who did it, for the terminal. */

#ifndef CLI_PREFS_STATS_H
#define CLI_PREFS_STATS_H

#include "base/err.h"

struct prefs;

/* A table on standard output. Errors: the store's. */
enum err prefs_stats(struct prefs *prefs) MUST_CHECK;

#endif

/* prefs_stats: how far a store's judging has come, and who did it, for the terminal. */

#ifndef CLI_PREFS_STATS_H
#define CLI_PREFS_STATS_H

#include "cli/json_out.h"

struct prefs;

/* A table, and by `json` (cli/json_out.h; NULL: none) an object. Errors: the store's, json_out's. */
enum err prefs_stats(struct prefs *prefs, const char *json) MUST_CHECK;

#endif

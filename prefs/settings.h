/* settings: reading and writing them, for the files of this room. */

#ifndef PREFS_SETTINGS_H
#define PREFS_SETTINGS_H

#include "prefs/prefs.h"

/* Errors: ERR_RANGE names the value. */
enum err settings_check(const struct prefs_settings *settings) MUST_CHECK;
/* From the store into prefs->settings, and back. Errors: those of the store. */
enum err settings_read(struct prefs *prefs) MUST_CHECK;
enum err settings_write(struct prefs *prefs, const struct prefs_settings *settings) MUST_CHECK;

#endif

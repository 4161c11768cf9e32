/* power: a disk under SQLite that remembers what was written and what was synced, so that what a power cut
 * leaves can be made: unsynced writes dropped, reordered, torn. */

#ifndef TESTS_PREFS_POWER_H
#define TESTS_PREFS_POWER_H

#include <stddef.h>
#include <stdint.h>

/* Registers it as SQLite's usual file system; from then on it passes everything through. */
void power_install(void);

/* Remember from here on, with nothing but what was remembered before; or no more. Syncs are then not passed on. */
void power_record(int on);
/* Something was acknowledged: `n` in all so far. */
void power_note(uint32_t n);

size_t power_events(void);
/* What was acknowledged before event `at`. */
uint32_t power_noted(size_t at);

/* The files at `path` and beside it (-wal, -journal), as a power cut after `at` events may leave them; `seed` says which
 * way. */
void power_cut(const char *path, size_t at, uint64_t seed);

/* Bytes that may still be written before the disk is full; < 0: no bound. */
void power_room(int64_t bytes);

/* Forgets all. */
void power_forget(void);

#endif

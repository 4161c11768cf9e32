/* study: a store for tests: pairs, people, a secret that is always the same. */

#ifndef TESTS_PREFS_STUDY_H
#define TESTS_PREFS_STUDY_H

#include "prefs/assign.h"
#include "prefs/item.h"
#include "prefs/judge.h"
#include "prefs/people.h"

enum { STUDY_START = 1000000 };

/* Makes the store `path` with items p1.. of two candidates "a" and "b", gold questions g1..
 * (candidate 0 is right), people named person1.., closes it. */
void study_make(const char *path, const struct prefs_settings *settings, int items, int gold,
                int people);
/* prefs_settings_usual without gold and repeats, k as said. */
struct prefs_settings study_settings(int overlap, int overlap_max);

struct prefs *study_open(const char *path);

/* Judges with an id made of a number; fails the test on an error. */
void study_choose(struct prefs *prefs, const struct prefs_assignment *it, int choice,
                  unsigned id, int64_t now);
/* The next item of a person, which must be one. */
struct prefs_assignment study_next(struct prefs *prefs, int64_t person, int64_t now);
enum prefs_offer study_offer(struct prefs *prefs, int64_t person, int64_t now);
/* Rows of the history. */
int study_rows(struct prefs *prefs, bool standing);

#endif

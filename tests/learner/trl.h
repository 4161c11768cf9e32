/* trl: a run of ours held against what TRL logged of the same one (tests/golden). */

#ifndef TESTS_LEARNER_TRL_H
#define TESTS_LEARNER_TRL_H

#include <jansson.h>

/* Before a group: enters the folder `golden`, whose `file` has TRL's numbers; 0 if it does. The group
 * runs between scratch_open and trl_close, which gives up both. */
int trl_golden(const char *golden, const char *file);
int trl_close(void **state);

/* What TRL has of a run ("steps", "eval"); NULL: nothing. */
const json_t *trl_of(const char *run, const char *part);

/* The lines of metrics.jsonl in `dir` that hold `key`; the caller's. */
json_t *trl_lines(const char *dir, const char *key);

/* Makes `dir` a data set whose train.jsonl and test.jsonl both are the file `records`. */
void trl_splits(const char *dir, const char *records);

/* Fails unless |got - want| is within `absolute` or `relative` of want. */
void trl_near(const char *what, double got, double want, double relative, double absolute);

/* Fails unless every figure of `want`, a step's or an evaluation's, is in `got`, within the
 * tolerance of its kind. */
void trl_figures(const char *name, const json_t *want, const json_t *got);

#endif

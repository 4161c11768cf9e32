/* rundir: a run's output folder: one writer, run.json, metrics.jsonl, checkpoints/.
 *
 * Nothing is made in it before a run is known to be able to start. */

#ifndef LEARNER_RUN_RUNDIR_H
#define LEARNER_RUN_RUNDIR_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct rundir;

/* Whether `path` could be a run's folder: absent, or a folder that is no model's own, whose
 * config.json would hide the run's model/. Makes nothing. Errors: ERR_IO, ERR_STATE. */
enum err rundir_check(const char *path) MUST_CHECK;

/* Whether a run in `path` leaves what it reads as it is: `input`, the value of `key`, is
 * neither the folder nor in anything that a run makes or clears. Errors: ERR_STATE. */
enum err rundir_apart(const char *path, const char *key, const char *input) MUST_CHECK;

/* Whether the folder's run.json, if there is one, is of this method. Errors: ERR_STATE names
 * both. */
enum err rundir_method(const char *path, const char *method) MUST_CHECK;

/* Makes the folder and its checkpoints/, and locks it until the process ends. A journal that
 * lies there without a lock may have a writer that stands still: it becomes a new file, so that
 * the other one's writes go nowhere. Errors: ERR_IO, ERR_STATE (words name the process that
 * holds it). */
enum err rundir_open(struct rundir **out, const char *path) MUST_CHECK;
void rundir_close(struct rundir *dir); /* NULL is fine */
const char *rundir_path(const struct rundir *dir);

/* Whether the folder's .lock is still the one that was locked: to be asked before anything
 * durable is written, from any thread. A process that was stopped while its folder was given to
 * another one finds out here. Errors: ERR_STATE. */
enum err rundir_owned(const struct rundir *dir) MUST_CHECK;

/* run.json: a whole new one, in place of the old. Errors: ERR_IO. */
enum err rundir_run(struct rundir *dir, const json_t *run) MUST_CHECK;

/* Removes all that an earlier run made, but the lock. Errors: ERR_IO. */
enum err rundir_clear(struct rundir *dir) MUST_CHECK;

/* Of a run that could not begin: takes away all that was made, the folder too if nothing else
 * is in it, and closes. A folder that held something of a run before is left as it is. NULL is
 * fine. */
void rundir_abandon(struct rundir *dir);

/* metrics.jsonl keeps its lines with "step" at most `step`: a resumed run writes the rest anew.
 * Errors: ERR_IO. */
enum err rundir_metrics_cut(struct rundir *dir, int64_t step) MUST_CHECK;
/* One line, written at once. Errors: ERR_IO (a full disk). */
enum err rundir_metrics(struct rundir *dir, const json_t *line) MUST_CHECK;

#endif

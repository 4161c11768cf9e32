/* run_folder: whose a run's folder is while a fleet works in it. */

#ifndef DEPLOY_RUN_FOLDER_H
#define DEPLOY_RUN_FOLDER_H

#include "base/err.h"

#include <stdbool.h>

/* Takes the run folder for this supervisor: *fd holds it until it is closed. Errors: ERR_STATE
 * if another one has it, with its process; ERR_IO. */
enum err run_folder_lock(int *fd, const char *run) MUST_CHECK;

/* The process that holds it, 0 without. */
long run_folder_holder(const char *run);

/* Takes away what endpoint_make (with own_keys: its keys folder too), run_folder_lock and the
 * workers' logs left in a folder where no run has begun (it has no run.json); the folder too, if
 * nothing else is in it. */
void run_folder_clean(const char *run, bool own_keys);

#endif

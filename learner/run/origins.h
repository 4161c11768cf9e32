/* origins: which commits of a hub's repositories a run is made of, kept in run.json ("hub"). */

#ifndef LEARNER_RUN_ORIGINS_H
#define LEARNER_RUN_ORIGINS_H

#include "learner/run/keys.h"

/* A run that goes on reads what it began with: the commits in output_dir's run.json are opened,
 * whatever their branches say today. Nothing for a folder that is about to be overwritten. Before
 * model and data are opened. */
void origins_keep(const struct keys *keys);

#endif

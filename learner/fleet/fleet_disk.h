/* fleet_disk: how the run's disk keeps up: what it has been given and has not taken, in words. Time is
 * that of the last tick, in ms. */

#ifndef LEARNER_FLEET_FLEET_DISK_H
#define LEARNER_FLEET_FLEET_DISK_H

#include "base/err.h"

#include <stdint.h>

/* A group of the journal is made durable in some ms, a checkpoint in seconds: what takes so much
 * longer is worth a word. */
enum { FLEET_DISK_JOURNAL_MS = 2000, FLEET_DISK_SAVE_MS = 20000, FLEET_DISK_WORDS = 256 };

enum fleet_disk_work { FLEET_DISK_JOURNAL, FLEET_DISK_SAVE, FLEET_DISK_WORKS };

struct fleet_disk {                             /* zeros: nothing is under way */
    int64_t now_ms, since_ms[FLEET_DISK_WORKS]; /* since_ms: 0: it is not being written */
    enum err failed;              /* it took something not at all: the run ends with that */
    char words[FLEET_DISK_WORDS]; /* what is in the way; "" */
};

void fleet_disk_tick(struct fleet_disk *disk, int64_t now_ms);
void fleet_disk_begin(struct fleet_disk *disk, enum fleet_disk_work work);
void fleet_disk_end(struct fleet_disk *disk, enum fleet_disk_work work);
/* For good: nothing changes its words any more. */
void fleet_disk_fail(struct fleet_disk *disk, enum err err, const char *words);

#endif

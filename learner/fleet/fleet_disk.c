/* Both writes run on other threads, so that heartbeats go on while a disk stands; these say it to
 * whoever watches (HB, trouble). A disk that is full ends the run: then the words are the last
 * that are said of it. */

#include "learner/fleet/fleet_disk.h"

#include <stdio.h>

void fleet_disk_begin(struct fleet_disk *disk, enum fleet_disk_work work)
{
    disk->since_ms[work] = disk->now_ms ? disk->now_ms : 1;
}

void fleet_disk_end(struct fleet_disk *disk, enum fleet_disk_work work)
{
    disk->since_ms[work] = 0;
    fleet_disk_tick(disk, disk->now_ms);
}

void fleet_disk_tick(struct fleet_disk *disk, int64_t now_ms)
{
    static const struct {
        int64_t patience_ms;
        const char *what;
    } of[FLEET_DISK_WORKS] = {
        [FLEET_DISK_JOURNAL] = {FLEET_DISK_JOURNAL_MS, "the journal"},
        [FLEET_DISK_SAVE] = {FLEET_DISK_SAVE_MS, "a checkpoint"},
    };

    disk->now_ms = now_ms;
    if (disk->failed)
        return;
    disk->words[0] = 0;
    for (int i = 0; i < FLEET_DISK_WORKS && !*disk->words; i++)
        if (disk->since_ms[i] && now_ms - disk->since_ms[i] >= of[i].patience_ms)
            snprintf(disk->words, sizeof disk->words, "its disk has not taken %s for %lld s",
                     of[i].what, (long long)(now_ms - disk->since_ms[i]) / 1000);
}

void fleet_disk_fail(struct fleet_disk *disk, enum err err, const char *words)
{
    disk->failed = err;
    snprintf(disk->words, sizeof disk->words, "%s", words);
}

/* machine: what a supervisor says of its machine, for people, and what its kernel says of deaths. */

#ifndef DEPLOY_MACHINE_H
#define DEPLOY_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct machine {
    long cores;                   /* that this process may use */
    double load;                  /* of the last minute */
    uint64_t memory, memory_free; /* bytes: memory_limit */
    uint64_t rx, tx;              /* bytes in and out over all links but the loopback */
    uint64_t disk_free;           /* bytes, where the logs are */
    uint64_t oom_kills;           /* processes that the kernel ended for lack of memory */
};

/* All of it as it is now; what cannot be read stays 0. `folder`: where the logs are. */
void machine_look(struct machine *out, const char *folder);

/* Bytes received and sent over all links but `lo`, from the text of /proc/net/dev. */
void machine_links(const char *text, uint64_t *rx, uint64_t *tx);

enum { MACHINE_DISK_LOW = 64 << 20, MACHINE_WORDS = 160 };
/* What of it stands in the way now, in words; "" if nothing does. */
void machine_trouble(char out[MACHINE_WORDS], const struct machine *machine);

/* As HB.metrics has it (docs/PROTOCOL.md), without `children`. */
json_t *machine_json(const struct machine *machine);

#endif

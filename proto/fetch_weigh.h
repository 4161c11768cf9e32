/* fetch_weigh: what is sooner, an image or what makes it of another one; from what was measured. */

#ifndef PROTO_FETCH_WEIGH_H
#define PROTO_FETCH_WEIGH_H

#include "proto/noun.h"

#include <stdbool.h>

struct fetch_weigh {
    double coding[ARTIFACT_KINDS]; /* bytes of an image a second; by kind of the way */
    double answer_ms;              /* from the question to the answer; 0: there was none yet */
    double share;                  /* of a way in its image */
};

void fetch_weigh_new(struct fetch_weigh *weigh);
/* Measured: an image was made; a question was answered by a way of so much of its image. */
void fetch_weigh_coded(struct fetch_weigh *weigh, uint32_t kind, uint64_t bytes, int64_t ms);
void fetch_weigh_answered(struct fetch_weigh *weigh, int64_t ms, double share);

/* How long a pull that takes `pull_ms` (0: unknown) and has not begun should wait for an answer. */
int64_t fetch_weigh_patience(const struct fetch_weigh *weigh, double pull_ms);
/* Seconds until an image is here by a way, `base_left` bytes of whose base are still to come, at
 * `rate` bytes a second; negative: it leads nowhere. */
double fetch_weigh_way(const struct fetch_weigh *weigh, const struct artifact *of,
                       const struct artifact *way, double base_left, double rate);
/* Is that soon enough, beside the image itself? */
bool fetch_weigh_sooner(const struct artifact *way, bool base_here, double by_way,
                        double by_image);

#endif

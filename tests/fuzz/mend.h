/* mend: a header that fits frames which were changed behind it. */

#ifndef TESTS_FUZZ_MEND_H
#define TESTS_FUZZ_MEND_H

#include "proto/codec.h"

/* Replaces frame 0: type, run, epoch, task and sample of `head`, length and checksum of the
 * frames that follow. */
void mend_head(struct frames *frames, const struct codec_head *head);

#endif

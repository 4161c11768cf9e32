/* advice: what a person is told whose run asks for too much memory, or for too little change.
 */

#ifndef LEARNER_RUN_ADVICE_H
#define LEARNER_RUN_ADVICE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADVICE_SIZE = 32 };

/* "1.25 GB". */
const char *advice_size(char out[ADVICE_SIZE], size_t bytes);

struct advice_memory {
    size_t needs, has;      /* bytes; of the plan, and of `whose` */
    size_t floor;           /* of the same with one token a micro-batch */
    size_t recomputed;      /* of the plan with gradient_checkpointing; 0: it has that */
    size_t lora_floor;      /* of that with an adapter; 0: it has one */
    const char *whose;      /* "max_memory" or "this machine" */
    int batch;              /* sequences a micro-batch */
    size_t tokens;          /* the most that a micro-batch has */
    const char *length_key; /* which bounds them */
};

/* OK when it fits. Errors: ERR_RANGE; the words name what would help, and nothing that would
 * not. */
enum err advice_memory(const struct advice_memory *memory) MUST_CHECK;

enum { ADVICE_WORDS = 256 };

/* An adapter at a rate that is meant for whole models: *out is a sentence, or "". */
void advice_rate(char out[ADVICE_WORDS], double learning_rate, bool lora);
/* A loss that went from `first` to `last`, the means of the first and the last window of the
 * log: a sentence when that is no move, or "". */
void advice_still(char out[ADVICE_WORDS], double first, double last, double learning_rate,
                  bool lora);

#endif

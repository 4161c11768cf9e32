/* subject: the model that is measured: one of files, or a shape that people know with random weights, whose
 * values do not matter to the time. */

#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "lm/model/masters.h"
#include "lm/model/model.h"

struct subject {
    struct params *params;
    struct packed_layout *layout;
    struct model *model;
    float *image;
    struct masters *masters; /* in bfloat16, once it learns */
};

/* `model`: a folder or a .gguf file, or a name of subject_shape. `layers`: of a named shape, so many
 * instead; 0: its own. Errors: ERR_RANGE, ERR_NOMEM, those of model_files_open. */
enum err subject_open(struct subject *out, const char *model, int layers,
                      enum precision compute) MUST_CHECK;
/* Its weights are those of a model in training from now on. Errors: ERR_NOMEM. */
enum err subject_learns(struct subject *subject) MUST_CHECK;
void subject_close(struct subject *subject);

/* The shape of that name: smollm2-135m, qwen2.5-0.5b, qwen2.5-1.5b; NULL: none has it. */
const struct shape *subject_shape(const char *name);

#endif

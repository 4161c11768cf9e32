/* grouped: rows that Hugging Face's file has in another order: NeoX's and Falcon's q, k and v, which
 * lie kv head by kv head there (part_grouped in lm/model/part.h). */

#ifndef LM_FILE_GROUPED_H
#define LM_FILE_GROUPED_H

#include "lm/file/safetensors.h"
#include "lm/model/params.h"

/* A whole tensor of such rows, or a vector of such values, in our order: to [rows, cols] out.
 * Errors: ERR_IO. */
enum err grouped_read(struct safetensors *file, const struct safetensors_tensor *from,
                      const struct tensor *tensor, const struct shape *shape,
                      float *to) MUST_CHECK;

/* What safetensors_put takes as `order` for them; freed with free(). */
int *grouped_order(const struct shape *shape);

/* What was read in the file's order, an adapter's tensor whose rows are such: data in/out. */
void grouped_apart(const struct shape *shape, const struct tensor *tensor, float *data);

#endif

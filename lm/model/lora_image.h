/* lora_image: a learner's adapter as it travels, and the image that it makes of the base's image.
 *
 *   8 bytes "drvadapt", u32 rank, u32 weights of the model, f64 alpha, u32 rslora, u32 0,
 *   a byte each weight (0 frozen, 1 a low-rank pair, 2 whole), zeros up to a multiple of 64;
 *   then f32 of what learns, in the order of the weights: of a pair A [r, in], B [out, r]
 *
 * little-endian. The image is that which lora_pack leaves in a learner that holds base and adapter:
 * the same function makes it (lora_rows), so its hash is the version's. */

#ifndef LM_MODEL_LORA_IMAGE_H
#define LM_MODEL_LORA_IMAGE_H

#include "lm/model/lora.h"

/* Bytes of it; writes that many. */
size_t lora_image_size(const struct lora *lora);
void lora_image_write(const struct lora *lora, void *out);

/* image [packed_size(shape)] out: base_image with the adapter merged. Both aligned to 64, as is
 * `adapter`, whose n bytes may be anybody's. Errors: ERR_PARSE (it is no adapter of such a model, or not
 * all of one), ERR_RANGE (lora_outline's), ERR_NOMEM. */
enum err lora_image_merge(float *image, const float *base_image, const struct shape *shape,
                          const void *adapter, size_t n) MUST_CHECK;

#endif

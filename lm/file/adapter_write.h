/* adapter_write: a LoRA adapter as a PEFT folder. */

#ifndef LM_FILE_ADAPTER_WRITE_H
#define LM_FILE_ADAPTER_WRITE_H

#include "lm/model/lora.h"

/* Both files into `folder`; `base`: base_model_name_or_path; dtype "float32" or "bfloat16".
 * Errors: ERR_IO. */
enum err adapter_write(const char *folder, const struct lora *lora, const char *base,
                       const char *dtype) MUST_CHECK;

#endif

/* adapter: a PEFT folder: adapter_config.json and adapter_model.safetensors.
 *
 * Read: LoRA on linear layers, as peft writes it, with modules_to_save. What would change the
 * result and is not done here (DoRA, biases, patterns of rank or alpha, ...) is refused by
 * name. Written: the same, so that peft opens it. The base's hash (lora_base) stands in the
 * safetensors header as "drover_base": an adapter of ours says when it meets other weights. */

#ifndef LM_FILE_ADAPTER_H
#define LM_FILE_ADAPTER_H

#include "lm/model/lora.h"

#include <jansson.h>

struct adapter;

/* Under this name the base's hash stands in the header. */
#define ADAPTER_BASE_NOTE "drover_base"
/* Whether the rows of an adapter's tensor follow those of a weight that files group (part.h): the
 * second half of a pair, or the weight itself. */
bool adapter_grouped(const struct lora *lora, const struct tensor *tensor);

/* PEFT's task_type of a head. */
const char *adapter_task(enum head head);

/* Whether the folder holds an adapter. */
bool adapter_is(const char *folder);

/* Errors: ERR_IO, ERR_PARSE, ERR_RANGE naming file and key. */
enum err adapter_open(struct adapter **out, const char *folder) MUST_CHECK;
void adapter_close(struct adapter *adapter);

/* Rank, alpha, dropout; no words. */
const struct lora_conf *adapter_conf(const struct adapter *adapter);
/* The head of the model that it makes, by task_type. */
enum head adapter_head(const struct adapter *adapter);
const struct safetensors *adapter_tensors(const struct adapter *adapter);

/* Path of the base: base_model_name_or_path as it stands, or below the folder. *out is freed
 * with free(). Errors: ERR_IO if neither is there. */
enum err adapter_base(char **out, const struct adapter *adapter) MUST_CHECK;
/* base_model_name_or_path as written; "" if there is none. */
const char *adapter_base_name(const struct adapter *adapter);

/* The adapter on these weights (borrowed). Errors: ERR_RANGE: a tensor that does not fit them,
 * is missing or has no place, or (unless any_base) another base than the one that it was
 * trained on; ERR_PARSE, ERR_IO, ERR_NOMEM. */
enum err adapter_load(struct lora **out, struct adapter *adapter, const struct params *base,
                      bool any_base) MUST_CHECK;

#endif

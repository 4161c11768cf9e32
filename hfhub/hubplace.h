/* hubplace: where the hub is and where its cache lies, by the variables of huggingface_hub. */

#ifndef HFHUB_HUBPLACE_H
#define HFHUB_HUBPLACE_H

#include "base/err.h"

#include <stdbool.h>

struct hubplace {
    char *endpoint; /* HF_ENDPOINT, without a last slash; else https://huggingface.co */
    char *cache;  /* HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, ~/.cache/… */
    char *token;  /* HF_TOKEN, or the text of HF_TOKEN_PATH or HF_HOME/token; NULL: none */
    bool offline; /* HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE or HF_DATASETS_OFFLINE */
    bool quiet;   /* HF_HUB_DISABLE_PROGRESS_BARS */
};

/* Errors: ERR_RANGE names the variable whose value cannot be meant. */
enum err hubplace_read(struct hubplace *out) MUST_CHECK;
void hubplace_free(struct hubplace *place);

/* "1", "on", "yes" or "true", any case. */
bool hubplace_is_set(const char *variable);

#endif

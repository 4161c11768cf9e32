/* loaded: a model from disk, ready to run, for the commands that use one. */

#ifndef LM_FILE_OPEN_MODEL_H
#define LM_FILE_OPEN_MODEL_H

#include "lm/file/model_files.h"
#include "lm/model/forward.h"
#include "lm/text/encode.h"

struct open_model {
    struct model_files *files; /* its weights packed */
    struct model *model;
    struct encode encode;
    char *eos;      /* the end token's text, or NULL */
    json_t *kwargs; /* today's date, for templates that say it; else NULL */
};

/* `path` as model_files_open takes it, `compute` as precision_named does. Errors: ERR_RANGE if the
 * model has another head than `head`; HEAD_STEP takes a scalar head, too. */
#define OPEN_MODEL_COMPUTE(s, f) \
    CONF_TEXT( \
        s, f, "float32", \
        "what products are computed in: float32, bfloat16 (half the memory; weights that " \
        "are none are rounded), or int8 (a quarter; of those, whole numbers)")
enum err open_model_all(struct open_model *out, const char *path, enum head head,
                        const char *compute) MUST_CHECK;
/* Of files without weights, which it takes: text and shape alone; `model` stays NULL. Errors:
 * ERR_RANGE: no language model. */
enum err open_model_card(struct open_model *out, struct model_files *files) MUST_CHECK;
void open_model_close(struct open_model *loaded);

/* For sequences of so many tokens (model_files_reach); 0: the original context. Errors: ERR_PARSE,
 * ERR_NOMEM. */
#define OPEN_MODEL_REACH(s, f) \
    CONF_INT(s, f, "0", 0, 1 << 20, \
             "longest sequence of this run, where rotation depends on it (longrope); 0: the " \
             "model's original context")
enum err open_model_reach(struct open_model *loaded, int longest) MUST_CHECK;

/* Tokenizer and template only. */
enum err open_model_text(struct open_model *out, const char *path) MUST_CHECK;

/* Another template than the model's: chat_choice's `path`; NULL or "" changes nothing. */
#define OPEN_MODEL_CHAT(s, f) \
    CONF_TEXT(s, f, "", "another template: a Jinja file, a folder that has one, or a name")
enum err open_model_chat(struct open_model *loaded, const char *path) MUST_CHECK;

#endif

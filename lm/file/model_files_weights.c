/* What model_files does last. A run opens its model twice: first for tokenizer, template and shape
 * (MODEL_FILES_META), by which it reads its data and plans, and when nothing has been refused for the weights
 * (model_files_weights), which are read by the shape that is known, and nothing else is. Between the two files
 * may change: weights that have another shape are refused by their walk, as in any folder. What an adapter makes
 * of its base is a whole model's matter: it is opened as one. */

#include "lm/file/model_files.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "lm/file/adapter.h"
#include "lm/file/gguf.h"
#include "lm/file/ggufmodel.h"
#include "lm/file/weights.h"

#include <stdlib.h>

enum err model_files_weights_open(struct weights **out, struct model_files *files,
                                  struct shape *shape, const char *folder,
                                  enum model_files_want want)
{
    const bool tied = shape->tied, all = want != MODEL_FILES_META;
    enum err err = weights_open(out, folder);

    if (!all && err) /* a card without weights has none to look at */
        return OK;
    if (!err)
        err = weights_untie(shape, *out);
    files->untied = files->untied || (tied && !shape->tied);
    if (!err && files->untied && all)
        log_warn("untied",
                 "model=%s its own lm_head.weight is used, whatever "
                 "tie_word_embeddings says",
                 folder);
    return err;
}

enum err model_files_weights_folder(struct model_files *files, struct weights *weights,
                                    enum model_files_want want)
{
    const enum err err = weights_store(&files->store, weights, &files->shape);

    if (err || want == MODEL_FILES_META)
        return err;
    if (want == MODEL_FILES_ALL)
        return weights_read(&files->params, weights, &files->shape);
    return weights_pack(&files->image, &files->layout, weights, &files->shape,
                        want == MODEL_FILES_RUN);
}

enum err model_files_weights_gguf(struct model_files *files, struct gguf *file,
                                  enum model_files_want want)
{
    if (want == MODEL_FILES_META)
        return OK;
    if (want == MODEL_FILES_ALL)
        return ggufmodel_weights(&files->params, file, &files->shape);
    return ggufmodel_pack(&files->image, &files->layout, file, &files->shape,
                          want == MODEL_FILES_RUN);
}

static enum err of_folder(struct model_files *files, const char *path,
                          enum model_files_want want)
{
    struct weights *weights = NULL;
    enum err err = model_files_weights_open(&weights, files, &files->shape, path, want);

    if (!err)
        err = model_files_weights_folder(files, weights, want);
    weights_close(weights);
    return err;
}

static enum err of_file(struct model_files *files, const char *path, enum model_files_want want)
{
    struct gguf *file = NULL;
    enum err err = gguf_open(&file, path);

    if (!err)
        err = model_files_weights_gguf(files, file, want);
    gguf_close(file);
    return err;
}

enum err model_files_weights(struct model_files **out, const struct model_files *card,
                             const char *path, enum model_files_want want)
{
    struct model_files *files;
    char *found;
    enum err err = model_files_find(&found, path);

    *out = NULL;
    if (err)
        return err;
    if (fs_is_dir(found) && adapter_is(found)) {
        free(found);
        return model_files_open_as(out, path, want, card->shape.compute);
    }
    files = mem_new(1, sizeof *files);
    files->shape = card->shape;
    files->untied = card->untied;
    err = fs_is_dir(found) ? of_folder(files, found, want) : of_file(files, found, want);
    free(found);
    if (err)
        model_files_free(files);
    else
        *out = files;
    return err;
}

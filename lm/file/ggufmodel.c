/* Two halves of a GGUF file beside its numbers (ggufshape): tensors, read row by row under the
 * names of their rows (lm/model/part.h) and put back into Hugging Face's order, and the
 * tokenizer's lists, borrowed by tokenizer_gguf while it builds.
 *
 * llama.cpp's converter changes two things in some families, and both are undone here, so that
 * a model has one hash whichever file it came from: Llama's query and key rows are reordered
 * (read_rows), Gemma's norms are stored as 1 + w (walk_rows). model_files calls _weights to run
 * or train a model, inspect calls _hash to name one. */

#include "lm/file/ggufmodel.h"

#include "base/log.h"
#include "base/mem.h"
#include "lm/file/gguf.h"
#include "lm/file/ggufkeys.h"
#include "lm/file/ggufshape.h"
#include "lm/file/meta.h"
#include "lm/file/tensor_walk.h"
#include "lm/text/pretoken_names.h"
#include "lm/text/tokenizer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file's tensor for a weight of ours, and its name there; NULL: not there. */
static const struct gguf_tensor *tensor_of(struct gguf *file, const struct tensor *tensor,
                                           char name[96])
{
    if (!tensor->row->gguf) /* llama.cpp has no reward models */
        return NULL;
    part_name(name, 96, tensor->row->gguf, tensor->layer);
    return gguf_find(file, name);
}

/* Rows [row, row + n) as Hugging Face has them. Row j of a head's rows in a permuted file is
 * row (j % 2) * half + j / 2 there; row and n are of whole heads then. */
static enum err read_rows(struct gguf *file, const struct gguf_tensor *from, int head_dim,
                          int row, int n, int cols, float *to)
{
    enum err err = OK;

    if (!head_dim)
        return gguf_read(file, from, (size_t)row, (size_t)n, to);
    for (int r = 0; r < n && !err; r++) {
        const int j = r % head_dim;
        const int at = r - j + (j % 2) * (head_dim / 2) + j / 2;
        err = gguf_read(file, from, (size_t)(row + r), 1, to + (size_t)at * (size_t)cols);
    }
    return err;
}

/* What one walk over a file needs. */
struct gguf_walk {
    struct gguf *file;
    const struct shape *shape;
    const struct ggufkeys_arch *arch;
};

/* Where a tensor of the model lies. */
static enum err locate(const struct gguf_walk *w, const struct tensor *tensor,
                       const struct gguf_tensor **out)
{
    char name[96];
    const struct gguf_tensor *from = tensor_of(w->file, tensor, name);
    size_t rows;

    if (!from)
        return err_set(ERR_RANGE, "%s: tensor %s is missing", gguf_name(w->file), name);
    /* a vector is one row; with values, further dimensions must be 1 */
    rows = from->dims > 1 ? from->dim[1] : 1;
    if (from->dim[0] != (size_t)tensor->cols || rows != (size_t)tensor->rows ||
        from->values != from->dim[0] * rows)
        return err_set(
            ERR_RANGE, "%s: byte %zu: tensor %s is [%zu, %zu], the metadata makes it [%d, %d]",
            gguf_name(w->file), from->at, name, rows, from->dim[0], tensor->rows, tensor->cols);
    *out = from;
    return OK;
}

static bool interleaved(const struct gguf_walk *w, const struct tensor *tensor)
{
    return w->arch->interleaved && tensor->row->interleaved;
}

/* Whole heads where their rows are reordered. */
static int step_of(void *self, const struct tensor *tensor)
{
    const struct gguf_walk *w = self;

    return interleaved(w, tensor) ? w->shape->head_dim : 1;
}

/* A bias of rows that are reordered: its values are, as rows of one value. */
static enum err read_bias(struct gguf *file, const struct gguf_tensor *from, int head_dim,
                          int n, float *to)
{
    float *read = mem_new((size_t)n, sizeof *read);
    const enum err err = gguf_read(file, from, 0, 1, read);

    for (int r = 0; r < n && !err; r++) {
        const int j = r % head_dim;

        to[r - j + (j % 2) * (head_dim / 2) + j / 2] = read[r];
    }
    free(read);
    return err;
}

static enum err walk_rows(void *self, const struct tensor *tensor, int row, int n, float *to)
{
    const struct gguf_walk *w = self;
    const struct gguf_tensor *from = NULL;
    enum err err = locate(w, tensor, &from);

    if (!err && interleaved(w, tensor) && part_is_vector(tensor->row))
        return read_bias(w->file, from, w->shape->head_dim, tensor->cols, to);
    if (!err)
        err = read_rows(w->file, from, interleaved(w, tensor) ? w->shape->head_dim : 0, row, n,
                        tensor->cols, to);
    if (!err && w->arch->norms_plus && tensor->row->kind == KIND_NORM_PLUS)
        for (int i = 0; i < tensor->cols; i++) /* exact between 1/2 and 2 */
            to[i] -= 1.0f;
    return err;
}

static bool is_half(void *self, const struct tensor *tensor)
{
    const struct gguf_walk *w = self;
    char name[96];
    const struct gguf_tensor *from = tensor_of(w->file, tensor, name);

    return from && !strcmp(from->kind->name, "BF16");
}

/* Every tensor of the file is one of the model's, or rope factors that the shape holds. */
static enum err refuse_others(void *self, const struct params *outline)
{
    const struct gguf_walk *w = self;
    char name[96];

    for (size_t i = 0; i < gguf_count(w->file); i++) {
        const struct gguf_tensor *tensor = gguf_at(w->file, i);
        bool ours = ggufshape_is_factors(tensor->name);

        for (int p = 0; p < outline->n && !ours; p++)
            ours = tensor_of(w->file, &outline->tensor[p], name) == tensor;
        if (!ours)
            return err_set(ERR_RANGE, "%s: byte %zu: tensor '%s' has no place in this model",
                           gguf_name(w->file), tensor->at, tensor->name);
    }
    return OK;
}

/* values: so that a shape that the file cannot fill is refused before memory is taken. */
static struct tensor_walk walk_of(struct gguf_walk *w)
{
    struct tensor_walk walk = {.self = w,
                               .name = gguf_name(w->file),
                               .rows = walk_rows,
                               .step = step_of,
                               .half = is_half,
                               .others = refuse_others};

    for (size_t i = 0; i < gguf_count(w->file); i++)
        walk.values += (double)gguf_at(w->file, i)->values;
    return walk;
}

enum err ggufmodel_hash(struct hash *out, struct gguf *file, const struct shape *shape)
{
    struct gguf_walk w = {file, shape, &ggufkeys_arch[shape->family]};
    const struct tensor_walk walk = walk_of(&w);

    return tensor_walk_hash(out, &walk, shape);
}

enum err ggufmodel_weights(struct params **out, struct gguf *file, const struct shape *shape)
{
    struct gguf_walk w = {file, shape, &ggufkeys_arch[shape->family]};
    const struct tensor_walk walk = walk_of(&w);

    return tensor_walk_read(out, &walk, shape);
}

enum err ggufmodel_pack(float **image, struct packed_layout **layout, struct gguf *file,
                        const struct shape *shape, bool run)
{
    struct gguf_walk w = {file, shape, &ggufkeys_arch[shape->family]};
    const struct tensor_walk walk = walk_of(&w);

    return tensor_walk_pack(image, layout, &walk, shape, run);
}

/* llama.cpp's rule where the file does not say: SentencePiece's BPE has one, and the
 * pre-tokenizers of Llama 3 and Tekken bring one. */
static bool default_bos(const char *model, const char *pre)
{
    return model &&
           (!strcmp(model, "llama") || (!strcmp(model, "gpt2") && pretoken_names_bos(pre)));
}

/* What tokenizer_gguf borrows; all of it may be NULL. */
struct lists {
    char *model, *pre, **token, **merge;
    int32_t *type;
    size_t tokens, merges, types;
    float *score; /* of SentencePiece's kinds, with what follows */
    size_t scores, charsmap_bytes;
    char *charsmap;
    int64_t bos;
    bool add_bos, spaced, squeezed;
};

/* The keys of SentencePiece's kinds; a file of another kind has none of them. */
static enum err read_pieces(struct lists *lists, const struct meta *meta)
{
    enum err err = meta_floats(meta, "tokenizer.ggml.scores", &lists->score, &lists->scores);

    if (!err)
        err = meta_bytes(meta, "tokenizer.ggml.precompiled_charsmap", &lists->charsmap,
                         &lists->charsmap_bytes);
    if (!err)
        err = meta_bool(meta, "tokenizer.ggml.add_space_prefix", &lists->spaced);
    if (!err)
        err = meta_bool(meta, "tokenizer.ggml.remove_extra_whitespaces", &lists->squeezed);
    return err;
}

/* The file's own add_bos_token wins over the rule for its pre-tokenizer. */
static enum err read_lists(struct lists *lists, const struct meta *meta)
{
    enum err err = meta_text(meta, "tokenizer.ggml.model", &lists->model);

    if (!err)
        err = meta_text(meta, "tokenizer.ggml.pre", &lists->pre);
    lists->add_bos = default_bos(lists->model, lists->pre);
    lists->spaced = true;
    if (!err)
        err = meta_bool(meta, "tokenizer.ggml.add_bos_token", &lists->add_bos);
    /* llama.cpp does not listen to files of this kind that say no. */
    lists->add_bos |= lists->model && !strcmp(lists->model, "gemma4");
    if (!err)
        err = meta_int(meta, "tokenizer.ggml.bos_token_id", &lists->bos);
    if (!err)
        err = meta_texts(meta, "tokenizer.ggml.tokens", &lists->token, &lists->tokens);
    if (!err)
        err = meta_texts(meta, "tokenizer.ggml.merges", &lists->merge, &lists->merges);
    if (!err)
        err = meta_ints(meta, "tokenizer.ggml.token_type", &lists->type, &lists->types);
    return err ? err : read_pieces(lists, meta);
}

static void lists_fini(struct lists *lists)
{
    free(lists->model);
    free(lists->pre);
    free(lists->token);
    free(lists->merge);
    free(lists->type);
    free(lists->score);
    free(lists->charsmap);
}

/* tokenizer_gguf goes through the lists with one index. */
static enum err same_length(const struct lists *lists, const char *name)
{
    if (!lists->tokens || lists->types != lists->tokens ||
        (lists->scores && lists->scores != lists->tokens) ||
        lists->bos >= (int64_t)lists->tokens)
        return err_set(ERR_PARSE, "%s: %zu tokens, %zu token types, %zu scores, bos %" PRId64,
                       name, lists->tokens, lists->types, lists->scores, lists->bos);
    if (lists->model && !strcmp(lists->model, "gpt2") && (!lists->pre || !*lists->pre))
        log_warn("no_pre",
                 "file=%s: no tokenizer.ggml.pre: text is cut as GPT-2 cuts it, which is wrong "
                 "if the model was not trained so",
                 name);
    return OK;
}

enum err ggufmodel_tokenizer(struct tokenizer **out, struct gguf *file)
{
    struct lists lists = {.bos = -1};
    enum err err = read_lists(&lists, gguf_meta(file));

    *out = NULL;
    if (!err)
        err = same_length(&lists, gguf_name(file));
    if (!err) {
        const struct tokenizer_gguf parts = {
            .model = lists.model ? lists.model : "",
            .pre = lists.pre ? lists.pre : "",
            .tokens = lists.tokens,
            .merges = lists.merges,
            .token = (const char *const *)lists.token,
            .type = lists.type,
            .merge = (const char *const *)lists.merge,
            .add_bos = lists.add_bos && lists.bos >= 0,
            .bos = lists.bos < 0 ? -1 : (int)lists.bos,
            .score = lists.score,
            .charsmap = lists.charsmap,
            .charsmap_bytes = lists.charsmap_bytes,
            .spaced = lists.spaced,
            .squeezed = lists.squeezed,
        };
        err = tokenizer_gguf(out, &parts, gguf_name(file));
    }
    lists_fini(&lists);
    return err;
}

enum err ggufmodel_template(char **out, struct gguf *file)
{
    *out = NULL;
    return meta_text(gguf_meta(file), "tokenizer.chat_template", out);
}

#include "cli/loaded.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/say.h"
#include "lm/file/chat_choice.h"
#include "lm/text/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ready(struct loaded *out)
{
    const struct shape *shape = &out->bundle->shape;

    out->encode.tokenizer = out->bundle->tokenizer;
    out->encode.date = NULL;
    out->encode.chat = out->bundle->chat;
    out->encode.chat_error = out->bundle->chat_error;
    free(out->eos);
    out->eos = reading_end(out->bundle->tokenizer, shape->eos_count ? shape->eos[0] : -1);
    if (!chat_dated(out->encode.chat))
        return;
    out->encode.date = chat_date(out->day, clock_wall_ms());
    say(stderr, "the chat template says today's date: %s\n", out->day);
}

static enum err open_bundle(struct loaded *out, const char *path, enum bundle_want want)
{
    memset(out, 0, sizeof *out);
    if (!path || !*path)
        return err_set(ERR_RANGE, "which model? say --model M: a Hugging Face folder, a .gguf "
                                  "file or a run folder");
    return bundle_open(&out->bundle, path, want);
}

enum err loaded_card(struct loaded *out, const char *path)
{
    enum err err = open_bundle(out, path, BUNDLE_CARD);

    if (!err)
        ready(out);
    return err;
}

enum err loaded_chat(struct loaded *loaded, const char *path)
{
    enum err err = OK;

    if (!path || !*path)
        return OK;
    err = chat_choice(loaded->bundle, path);
    if (!err)
        ready(loaded);
    return err;
}

static enum err pack(struct loaded *out, const char *path, enum head head)
{
    const struct shape *shape = &out->bundle->shape;
    enum err err;

    if (shape->head != head && !(head == HEAD_STEP && shape->head == HEAD_SCALAR))
        return err_set(ERR_RANGE, "%s: %s", path,
                       head == HEAD_LM ? "a reward model; this command takes a language model"
                                       : "a language model; this command takes a reward model "
                                         "(`drover reward` trains one)");
    err = image_layout_new(&out->layout, shape);
    if (!err)
        err = mem_big(&out->image, image_size(shape), 1, "weights");
    if (err)
        return err;
    image_pack(out->image, out->layout, out->bundle->params);
    params_free(out->bundle->params);
    out->bundle->params = NULL;
    ready(out);
    return model_new(&out->model, shape, out->image, image_size(shape));
}

enum err loaded_open(struct loaded *out, const char *path, enum head head)
{
    enum err err = open_bundle(out, path, BUNDLE_ALL);

    if (!err)
        err = pack(out, path, head);
    if (err)
        loaded_close(out);
    return err;
}

void loaded_close(struct loaded *loaded)
{
    model_free(loaded->model);
    free(loaded->image);
    free(loaded->eos);
    image_layout_free(loaded->layout);
    bundle_free(loaded->bundle);
    memset(loaded, 0, sizeof *loaded);
}

/* golden_copy: golden models in the scratch folder, to be spoilt. */

#ifndef TESTS_LM_GOLDEN_COPY_H
#define TESTS_LM_GOLDEN_COPY_H

#include "base/fs.h"
#include "base/mem.h"
#include "tests/lm/edit.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *golden_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, GOLDEN "/model/%s", name);
    return path;
}

static void copy(const char *model, const char *file, const char *to)
{
    char from[600], path[400], *bytes;
    size_t n;

    snprintf(from, sizeof from, "%s/%s", golden_path(model), file);
    snprintf(path, sizeof path, "%s/%s", scratch_at(to), file);
    if (!fs_exists(from))
        return;
    assert_ok(fs_mkdir(scratch_at(to)));
    assert_ok(fs_read(&bytes, &n, from, 1 << 20));
    assert_ok(fs_write(path, bytes, n));
    free(bytes);
}

/* A golden model in the scratch folder, to be spoilt. */
static const char *copied(const char *model, const char *to)
{
    static const char *const files[] = {
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "model.safetensors",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        copy(model, files[i], to);
    return scratch_at(to);
}

#endif

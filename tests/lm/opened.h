/* opened: a model's folder as model_files_open takes it, and as it refuses it. */

#ifndef TESTS_LM_OPENED_H
#define TESTS_LM_OPENED_H

#include "lm/file/model_files.h"
#include "tests/support/test.h"

#include <string.h>

static struct model_files *opened(const char *path)
{
    struct model_files *files;

    assert_ok(model_files_open(&files, path, MODEL_FILES_ALL));
    return files;
}

/* In one line that says `why`. */
static void refused(const char *path, const char *why)
{
    struct model_files *files;
    const enum err err = model_files_open(&files, path, MODEL_FILES_ALL);

    if (!err || files || !strstr(err_text(), why) || strchr(err_text(), '\n'))
        fail_msg("wanted '%s', got: %d %s", why, err, err ? err_text() : "opened");
}

#endif

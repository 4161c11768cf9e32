/* opened: a model's folder as bundle_open takes it, and as it refuses it. */

#ifndef TESTS_LM_OPENED_H
#define TESTS_LM_OPENED_H

#include "lm/file/bundle.h"
#include "tests/support/test.h"

#include <string.h>

static struct bundle *opened(const char *path)
{
    struct bundle *bundle;

    assert_ok(bundle_open(&bundle, path, BUNDLE_ALL));
    return bundle;
}

/* In one line that says `why`. */
static void refused(const char *path, const char *why)
{
    struct bundle *bundle;
    const enum err err = bundle_open(&bundle, path, BUNDLE_ALL);

    if (!err || bundle || !strstr(err_text(), why) || strchr(err_text(), '\n'))
        fail_msg("wanted '%s', got: %d %s", why, err, err ? err_text() : "opened");
}

#endif

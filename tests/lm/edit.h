/* edit: a text within a file of the scratch folder, changed. */

#ifndef TESTS_LM_EDIT_H
#define TESTS_LM_EDIT_H

#include "base/fs.h"
#include "base/mem.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

/* In a file of the scratch folder: the first `old` becomes `new`. */
static void edit(const char *file, const char *old, const char *new)
{
    char *text, *found, *whole;
    size_t n;

    assert_ok(fs_read(&text, &n, scratch_at(file), 1 << 20));
    found = strstr(text, old);
    assert_non_null(found);
    whole = mem_print("%.*s%s%s", (int)(found - text), text, new, found + strlen(old));
    assert_ok(fs_write(scratch_at(file), whole, strlen(whole)));
    free(whole);
    free(text);
}

#endif

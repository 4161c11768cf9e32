/* ids: what a text becomes by a tokenizer.json given as text. */

#ifndef TESTS_LM_IDS_H
#define TESTS_LM_IDS_H

#include "lm/text/tokenizer.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void assert_ids(const char *file, const char *text, const int *want, size_t n)
{
    struct tokenizer *tokenizer;
    size_t count;
    int *ids;

    assert_ok(tokenizer_json(&tokenizer, file, strlen(file), "x"));
    assert_ok(tokenizer_encode(tokenizer, text, strlen(text), true, &ids, &count));
    assert_int_equal(count, n);
    assert_memory_equal(ids, want, n * sizeof *ids);
    free(ids);
    tokenizer_free(tokenizer);
}

#endif

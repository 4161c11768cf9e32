/* record: a record of a set, for tests that look into one. */

#ifndef TESTS_DATA_RECORD_H
#define TESTS_DATA_RECORD_H

#include "data/dataset.h"
#include "tests/support/test.h"

/* To be released. */
static inline json_t *record(const struct dataset *set, size_t row)
{
    json_t *object;

    assert_ok(dataset_record(&object, set, row));
    return object;
}

/* A whole number of one. */
static inline long record_int(const struct dataset *set, size_t row, const char *key)
{
    json_t *object = record(set, row);
    const long value = (long)json_integer_value(json_object_get(object, key));

    json_decref(object);
    return value;
}

#endif

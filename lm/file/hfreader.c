/* Each function answers something usable even where the key is wrong, and leaves the words in
 * the reader: hfconfig, hfrope and hfwindow ask for everything in turn and look at reader->err
 * at the end. Numbers are bounded here so that products of two of them still fit before
 * shape_check has seen them. */

#include "lm/file/hfreader.h"

#include <math.h>

/* transformers writes null for a key that it knows and that says nothing. */
bool hfreader_given(const json_t *value)
{
    return value && !json_is_null(value);
}

/* Only the first: what is wrong after it may be its consequence. */
void hfreader_wrong(struct hfreader *reader, const char *key, const char *why)
{
    if (!reader->err)
        reader->err = err_set(ERR_RANGE, "%s: %s: %s", reader->name, key, why);
}

int hfreader_int(struct hfreader *reader, const char *key, int otherwise)
{
    const json_t *value = json_object_get(reader->config, key);
    json_int_t n;

    if (!hfreader_given(value)) {
        if (otherwise < 0)
            hfreader_wrong(reader, key, "is missing");
        return otherwise;
    }
    /* 1e3 is no whole number in JSON, and transformers would not take it either */
    n = json_is_integer(value) ? json_integer_value(value) : -1;
    if (n < 0 || n > 1 << 30)
        hfreader_wrong(reader, key, "is not a whole number up to 2^30");
    return (int)(n < 0 || n > 1 << 30 ? 0 : n);
}

double hfreader_real(struct hfreader *reader, const json_t *from, const char *key,
                     double otherwise)
{
    const json_t *value = json_object_get(from, key);

    if (!hfreader_given(value)) {
        if (isnan(otherwise))
            hfreader_wrong(reader, key, "is missing");
        return otherwise;
    }
    if (!json_is_number(value) || !isfinite(json_number_value(value)))
        hfreader_wrong(reader, key, "is not a number");
    return json_number_value(value);
}

bool hfreader_bool(struct hfreader *reader, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(reader->config, key);

    if (!hfreader_given(value))
        return otherwise;
    if (!json_is_boolean(value))
        hfreader_wrong(reader, key, "is not true or false");
    return json_is_true(value);
}

const char *hfreader_text(struct hfreader *reader, const json_t *from, const char *key)
{
    const json_t *value = json_object_get(from, key);

    if (hfreader_given(value) && !json_is_string(value))
        hfreader_wrong(reader, key, "is not a text");
    return json_string_value(value);
}

/* -1 is how some files say null; both mean that there is no such token. */
int hfreader_id(struct hfreader *reader, const char *key)
{
    const json_t *value = json_object_get(reader->config, key);

    if (hfreader_given(value) && !json_is_integer(value))
        hfreader_wrong(reader, key, "is not a token id");
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return -1;
    return hfreader_int(reader, key, 0);
}

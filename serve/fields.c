/* Types are strict: "5" is no number, 1.5 no whole one, since a client that sends them means
 * something else than it would get. Whole numbers may be written as 1.0, as some languages print
 * them. Names of fields are literals of this server's and live as long as it; a client's own go
 * into `strange` first, printable and cut. */

#include "serve/fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const json_t *fields_get(const struct fields *fields, const char *name)
{
    const json_t *value = json_object_get(fields->object, name);

    return json_is_null(value) ? NULL : value;
}

enum err fields_fault(struct fields *fields, const char *name, enum err code, const char *fmt,
                      ...)
{
    char words[ERR_WORDS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    fields->wrong = name;
    return err_set(code, "%s: %s", name, words);
}

enum err fields_int(struct fields *fields, const char *name, int64_t low, int64_t high,
                    int64_t *out)
{
    const json_t *value = fields_get(fields, name);
    double real;
    int64_t whole;

    if (!value)
        return OK;
    real = json_number_value(value);
    if (!json_is_number(value) || real != floor(real))
        return fields_fault(fields, name, ERR_PARSE, "expected a whole number");
    /* Compared as a real first: beyond 2^63 the conversion is undefined. */
    if (json_is_real(value) && !(fabs(real) <= 0x1p53))
        return fields_fault(fields, name, ERR_RANGE, "%g: not in %lld..%lld", real,
                            (long long)low, (long long)high);
    whole = json_is_integer(value) ? json_integer_value(value) : (int64_t)real;
    if (whole < low || whole > high)
        return fields_fault(fields, name, ERR_RANGE, "%lld: not in %lld..%lld",
                            (long long)whole, (long long)low, (long long)high);
    *out = whole;
    return OK;
}

enum err fields_real(struct fields *fields, const char *name, double low, double high,
                     float *out)
{
    const json_t *value = fields_get(fields, name);
    double real;

    if (!value)
        return OK;
    if (!json_is_number(value))
        return fields_fault(fields, name, ERR_PARSE, "expected a number");
    real = json_number_value(value);
    if (!(real >= low && real <= high))
        return fields_fault(fields, name, ERR_RANGE, "%g: not in %g..%g", real, low, high);
    *out = (float)real;
    return OK;
}

enum err fields_bool(struct fields *fields, const char *name, bool *out)
{
    const json_t *value = fields_get(fields, name);

    if (!value)
        return OK;
    if (!json_is_boolean(value))
        return fields_fault(fields, name, ERR_PARSE, "expected true or false");
    *out = json_is_true(value);
    return OK;
}

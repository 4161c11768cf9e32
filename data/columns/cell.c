/* How it works: each value takes some of what its record may hold, so that a few bytes that say
 * "a billion nulls" end as an error and not as memory. A value that JSON cannot say is a flaw of
 * its record: the record is read to its end, since only that keeps the columns in step, and then
 * refused with the first flaw's words. */
#include "data/columns/cell.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VALUE = 16 }; /* bytes that a value counts beside its text */

void cell_begin(struct cell_row *row)
{
    *row = (struct cell_row){.left = CELL_ROW_MAX, .at = ""};
}

/* Size before flaw: a record that was not read to its end has no flaw worth telling. */
enum err cell_end(const struct cell_row *row)
{
    if (row->broken)
        return err_set(row->broken, "a record of more than %d bytes", CELL_ROW_MAX);
    return row->flaw[0] ? err_set(ERR_PARSE, "%s", row->flaw) : OK;
}

/* A flaw is of one record: ERR_PARSE, and the next one may be read. */
enum err cell_give(const struct cell_row *row, enum err err, json_t *record, json_t **out,
                   enum err *over)
{
    if (!err && record)
        err = cell_end(row);
    if (err && err != ERR_PARSE)
        *over = err;
    if (err)
        json_decref(record);
    else
        *out = record;
    return err;
}

bool cell_take(struct cell_row *row, size_t bytes)
{
    if (row->broken || bytes > row->left || row->left - bytes < VALUE) {
        row->broken = ERR_RANGE;
        return false;
    }
    row->left -= bytes + VALUE;
    return true;
}

/* null stands in for the value, so that the record can be read on. */
static json_t *flaw(struct cell_row *row, const char *words)
{
    if (!row->flaw[0])
        snprintf(row->flaw, sizeof(row->flaw), "column '%.64s': %s", row->at, words);
    return json_null();
}

json_t *cell_null(struct cell_row *row)
{
    (void)cell_take(row, 0);
    return json_null();
}

/* A day's date in the Gregorian calendar (H. Hinnant's algorithm: years begin in
 * March, eras are 400 years). */
static void civil(int64_t days, int64_t *year, int *month, int *day)
{
    const int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

/* Seconds of a day and what is below them. Six digits, or nine where six do not say it. */
static void clock_text(char *to, size_t room, int64_t second, int64_t below, int digits)
{
    const int n = snprintf(to, room, "%02d:%02d:%02d", (int)(second / 3600),
                           (int)(second / 60 % 60), (int)(second % 60));

    for (int i = digits; i < 9; i++)
        below *= 10;
    if (below % 1000)
        snprintf(to + n, room - (size_t)n, ".%09d", (int)below);
    else if (below)
        snprintf(to + n, room - (size_t)n, ".%06d", (int)(below / 1000));
}

static int64_t power(int digits)
{
    int64_t p = 1;

    while (digits-- > 0)
        p *= 10;
    return p;
}

static json_t *time_of_day(struct cell_row *row, const struct cell_type *type, int64_t value)
{
    const int64_t unit = power(type->digits);
    char text[32];

    if (value < 0 || value / unit >= 86400)
        return flaw(row, "a time that is in no day");
    clock_text(text, sizeof(text), value / unit, value % unit, type->digits);
    return json_string(text);
}

/* Floored, so that a time before 1970 has its own day. */
static json_t *date(struct cell_row *row, const struct cell_type *type, int64_t value)
{
    const int64_t unit = type->kind == CELL_DATE ? 1 : 86400 * power(type->digits);
    const int64_t days = value / unit - (value % unit < 0), within = value - days * unit;
    int64_t year;
    int month, day, n;
    char text[64];

    if (days < -719162 || days > 2932896)
        return flaw(row, "a date outside of the years 1 to 9999");
    civil(days, &year, &month, &day);
    n = snprintf(text, sizeof(text), "%04d-%02d-%02d", (int)year, month, day);
    if (type->kind == CELL_STAMP) {
        const int64_t second = power(type->digits);
        text[n++] = 'T';
        clock_text(text + n, sizeof(text) - (size_t)n, within / second, within % second,
                   type->digits);
        if (type->utc)
            strncat(text, "+00:00", sizeof(text) - strlen(text) - 1);
    }
    return json_string(text);
}

/* Truth values, times and whole numbers all arrive as one. */
json_t *cell_int(struct cell_row *row, const struct cell_type *type, int64_t value)
{
    if (!cell_take(row, 0))
        return json_null();
    switch (type->kind) {
    case CELL_BOOL:
        return json_boolean(value);
    case CELL_UINT:
        if (value < 0)
            return flaw(row, "a number that 64 bits with a sign do not hold");
        return json_integer(value);
    case CELL_DATE:
    case CELL_STAMP:
        return date(row, type, value);
    case CELL_TIME:
        return time_of_day(row, type, value);
    case CELL_NULL:
        return flaw(row, "a value in a column of nulls");
    default:
        return json_integer(value);
    }
}

/* Infinities are values that were computed, and JSON has none: they are not called missing. */
json_t *cell_real(struct cell_row *row, double value)
{
    if (!cell_take(row, 0) || isnan(value))
        return json_null();
    return isinf(value) ? flaw(row, "an infinite number") : json_real(value);
}

/* Five bits of exponent (bias 15), ten of fraction; exponent 0 is subnormal, 31 no finite
 * number. */
static double half(unsigned bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = !exponent        ? ldexp(fraction, -24)
                        : exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                         : ldexp(1024 + fraction, exponent - 25);

    return bits >> 15 ? -size : size;
}

/* jansson checks UTF-8; U+0000 it would take, and every text here ends at one. */
static json_t *text(struct cell_row *row, const struct cell_type *type, const uint8_t *bytes,
                    size_t n)
{
    json_t *made;

    if (!cell_take(row, n))
        return json_null();
    if (n && memchr(bytes, 0, n))
        return flaw(row, "holds the character U+0000, which no text here can: take it out");
    made = json_stringn(n ? (const char *)bytes : "", n);
    if (made)
        return made;
    return flaw(row, type->kind == CELL_BYTES ? "bytes that are no text (an image, a sound?)"
                                              : "a text that is not UTF-8");
}

static json_t *uuid(struct cell_row *row, const uint8_t *b)
{
    char words[37];
    int at = 0;

    if (!cell_take(row, 36))
        return json_null();
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            words[at++] = '-';
        at += snprintf(words + at, sizeof(words) - (size_t)at, "%02x", b[i]);
    }
    return json_stringn(words, (size_t)at);
}

json_t *cell_bytes(struct cell_row *row, const struct cell_type *type, const uint8_t *bytes,
                   size_t n)
{
    float single;
    double twice;

    switch (type->kind) {
    case CELL_HALF:
        return cell_real(row, half((unsigned)bytes[0] | (unsigned)bytes[1] << 8));
    case CELL_SINGLE:
        memcpy(&single, bytes, sizeof(single));
        return cell_real(row, (double)single);
    case CELL_DOUBLE:
        memcpy(&twice, bytes, sizeof(twice));
        return cell_real(row, twice);
    case CELL_UUID:
        return uuid(row, bytes);
    default:
        return text(row, type, bytes, n);
    }
}

/* Pairs of a map may come twice from a careless writer; which of them counts nobody could
 * say. */
void cell_pair(struct cell_row *row, json_t *object, json_t *key, json_t *value)
{
    const char *name = json_string_value(key);

    if (!name)
        flaw(row, "a map whose keys are no texts");
    else if (json_object_get(object, name))
        flaw(row, "a map that has a key twice");
    else
        json_object_set(object, name, value);
    json_decref(key);
    json_decref(value);
}

enum err cell_name(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t width = utf8_width(bytes + i, n - i);
        if (!width)
            return err_set(ERR_PARSE, "the name of a column is not text");
        i += width;
    }
    return OK;
}

/* How it works: a table begins with the distance back to its vtable, which holds for each field
 * the distance from the table, 0 for one that is not there; texts, vectors and tables are
 * reached by a distance forward. Each step is held against the buffer's length, so that a wrong
 * distance leads to "not there" and never outside. Tables may be reached twice, as in a cycle:
 * who walks them counts how deep and how many. */
#include "data/columns/flat.h"

#include <string.h>

/* `width` bytes at a place, little-endian; 0 outside. */
static uint64_t load(const struct flat *f, size_t at, size_t width)
{
    uint64_t value = 0;

    if (at > f->n || width > f->n - at)
        return 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)f->at[at + i] << 8 * i;
    return value;
}

/* A distance forward; 0 when it leads outside. */
static size_t follow(const struct flat *f, size_t at)
{
    const uint64_t distance = load(f, at, 4);

    return distance && distance < f->n - at ? at + (size_t)distance : 0;
}

size_t flat_root(const struct flat *f)
{
    return f->n < 8 ? 0 : follow(f, 0);
}

/* Where a table's field stands; 0: nowhere. */
static size_t field(const struct flat *f, size_t table, int id)
{
    const int64_t back = (int32_t)load(f, table, 4);
    const int64_t vtable = (int64_t)table - back;
    uint64_t size, place;

    if (!table || vtable < 0 || (uint64_t)vtable >= f->n)
        return 0;
    size = load(f, (size_t)vtable, 2);
    if ((uint64_t)(4 + 2 * id + 2) > size)
        return 0;
    place = load(f, (size_t)vtable + 4 + 2 * (size_t)id, 2);
    return place && place < f->n - table ? table + (size_t)place : 0;
}

/* A field with its default value is left out by writers: `missing` is that default. */
int64_t flat_int(const struct flat *f, size_t table, int id, size_t width, int64_t missing)
{
    const size_t at = field(f, table, id);
    uint64_t value;

    if (!at || width > f->n - at)
        return missing;
    value = load(f, at, width);
    if (width < 8 && value >> (8 * width - 1)) /* the sign, upwards */
        value |= ~0ull << 8 * width;
    return (int64_t)value;
}

size_t flat_table(const struct flat *f, size_t table, int id)
{
    const size_t at = field(f, table, id);

    return at ? follow(f, at) : 0;
}

/* A count in front of the elements, never believed beyond the buffer's end. */
size_t flat_vector(const struct flat *f, size_t table, int id, size_t size, size_t *count)
{
    const size_t at = flat_table(f, table, id);
    const uint64_t n = at ? load(f, at, 4) : 0;

    *count = 0;
    if (!at || f->n - at < 4 || n > (f->n - at - 4) / size)
        return 0;
    *count = (size_t)n;
    return at + 4;
}

const uint8_t *flat_text(const struct flat *f, size_t table, int id, size_t *n)
{
    const size_t at = flat_vector(f, table, id, 1, n);

    return at ? f->at + at : NULL;
}

/* Elements that are tables are distances, too. */
size_t flat_element(const struct flat *f, size_t first, size_t i)
{
    const size_t at = first + 4 * i;

    return at < f->n ? follow(f, at) : 0;
}

int64_t flat_word(const struct flat *f, size_t at)
{
    return (int64_t)load(f, at, 8);
}

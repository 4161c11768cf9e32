/* What reading and writing have in common: how many columns a table fills, and that the
 * numbers in a column are within their limits. */

#include "proto/fields.h"

#include <string.h>

int fields_columns(const struct field_table *table)
{
    int n = 0;

    for (int i = 0; i < table->n; i++) {
        const struct field *const f = &table->field[i];
        if (f->kind == FIELD_COLUMN || f->kind == FIELD_BESIDE)
            n++;
        else if (f->of)
            n += fields_columns(f->of);
    }
    return n;
}

size_t fields_cell(enum cell cell)
{
    static const size_t bytes[] = {1, 4, 4, 8, 32, 16};

    return bytes[cell];
}

size_t fields_row(const struct field_row *row)
{
    size_t bytes = 0;

    for (int i = 0; i < row->cells; i++)
        bytes += fields_cell(row->cell[i].cell);
    return bytes;
}

enum err fields_check(const void *element, uint32_t n, const struct field *field)
{
    const struct field_row *const row = field->row;
    const uint8_t *at = element;

    for (int k = 0; k < row->cells; k++) {
        const uint64_t max = row->cell[k].max;
        for (uint32_t i = 0; max && i < n; i++) {
            const uint8_t *from = at + i * row->memory + row->cell[k].offset;
            uint64_t wide;
            uint32_t narrow;
            memcpy(&narrow, from, sizeof narrow);
            wide = narrow;
            if (row->cell[k].cell == CELL_64)
                memcpy(&wide, from, sizeof wide);
            if (wide > max)
                return err_set(ERR_RANGE, "%s: element %u: %llu, at most %llu", field->key, i,
                               (unsigned long long)wide, (unsigned long long)max);
        }
    }
    return OK;
}

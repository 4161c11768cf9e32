#include "proto/fields.h"

int fields_columns(const struct table *table)
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
    static const size_t bytes[] = {1, 4, 4, 8, 32};

    return bytes[cell];
}

size_t fields_row(const struct row *row)
{
    size_t bytes = 0;

    for (int i = 0; i < row->cells; i++)
        bytes += fields_cell(row->cell[i].cell);
    return bytes;
}

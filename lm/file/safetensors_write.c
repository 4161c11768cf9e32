/* The header first, then the arrays in name order, so that equal weights give equal bytes; values are
 * narrowed on the way, in pieces. weights_write and adapter_write make files so. */

#include "lm/file/safetensors.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/half.h"
#include "lm/kernel/master.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 18 }; /* values */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct safetensors_put *const *)a)->name,
                  (*(const struct safetensors_put *const *)b)->name);
}

static size_t put_values(const struct safetensors_put *put)
{
    return (put->rows ? put->rows : 1) * put->cols;
}

/* The header's text, padded with spaces to a multiple of 8 as the format's own writer does. */
static char *make_header(const struct safetensors_put *const *put, size_t n,
                         const struct safetensors_note *note, size_t *bytes)
{
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    char *text, *padded;
    size_t at = 0, length;

    for (; note && note->key; note++)
        json_object_set_new(json_object_get(header, "__metadata__"), note->key,
                            json_string(note->text));
    for (size_t i = 0; i < n; i++) {
        const bool bf16 = put[i]->bf16;
        const size_t end = at + put_values(put[i]) * (bf16 ? 2 : 4);
        const json_int_t rows = (json_int_t)put[i]->rows, cols = (json_int_t)put[i]->cols;
        json_t *shape = !rows            ? json_pack("[I]", cols)
                        : put[i]->turned ? json_pack("[I,I]", cols, rows)
                                         : json_pack("[I,I]", rows, cols);
        json_object_set_new(header, put[i]->name,
                            json_pack("{s:s,s:o,s:[I,I]}", "dtype", bf16 ? "BF16" : "F32",
                                      "shape", shape, "data_offsets", (json_int_t)at,
                                      (json_int_t)end));
        at = end;
    }
    text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    length = strlen(text);
    *bytes = (length + 7) / 8 * 8;
    padded = mem_print("%-*s", (int)*bytes, text);
    free(text);
    return padded;
}

static enum err put_values_at(struct fs_file *to, const float *from, size_t n, bool bf16)
{
    uint16_t *half;
    enum err err = OK;

    if (!bf16)
        return fs_put(to, from, n * sizeof *from);
    half = mem_new(n < PIECE ? n : PIECE, sizeof *half);
    for (size_t done = 0; !err && done < n;) {
        const size_t take = n - done < PIECE ? n - done : PIECE;
        half_to_bf16_all(half, from + done, take);
        err = fs_put(to, half, take * sizeof *half);
        done += take;
    }
    free(half);
    return err;
}

/* Rows of an array: where they lie, or made into room. */
static const float *put_rows(const struct safetensors_put *put, size_t row, size_t n,
                             float *room)
{
    if (put->data)
        return put->data + row * put->cols;
    put->take(put->self, row, n, room);
    return room;
}

/* A file that has the columns first reads all rows for each: they must be there. */
static enum err put_turned(struct fs_file *to, const struct safetensors_put *put)
{
    float *const column = mem_new(put->rows, sizeof *column);
    float *room = NULL;
    const float *data;
    enum err err = OK;

    if (!put->data)
        err = mem_big(&room, put->rows * put->cols, sizeof *room, put->name);
    data = err ? NULL : put_rows(put, 0, put->rows, room);
    for (size_t c = 0; !err && c < put->cols; c++) {
        for (size_t r = 0; r < put->rows; r++)
            column[r] = data[r * put->cols + c];
        err = put_values_at(to, column, put->rows, put->bf16);
    }
    free(room);
    free(column);
    return err;
}

/* Some rows at a time; with an order one by one. A vector's values in an order are few. */
static enum err put_data(struct fs_file *to, const struct safetensors_put *put)
{
    const size_t rows = put->rows ? put->rows : 1;
    const size_t some = put->order || put->cols > PIECE ? 1 : PIECE / put->cols;
    float *room;
    enum err err = OK;

    if (put->turned)
        return put_turned(to, put);
    room = put->data ? NULL : mem_new(some * put->cols, sizeof *room);
    if (put->order && !put->rows) {
        const float *values = put_rows(put, 0, 1, room);

        for (size_t c = 0; !err && c < put->cols; c++)
            err = put_values_at(to, values + put->order[c], 1, put->bf16);
    } else {
        for (size_t r = 0; !err && r < rows; r += some) {
            const size_t n = rows - r < some ? rows - r : some;
            const float *data = put_rows(put, put->order ? (size_t)put->order[r] : r, n, room);

            err = put_values_at(to, data, n * put->cols, put->bf16);
        }
    }
    free(room);
    return err;
}

enum err safetensors_write(const char *path, const struct safetensors_put *put, size_t n,
                           const struct safetensors_note *note)
{
    const struct safetensors_put **order = mem_new(n, sizeof *order);
    struct fs_file *to = NULL;
    uint8_t length[8];
    size_t bytes;
    char *header;
    enum err err;

    for (size_t i = 0; i < n; i++)
        order[i] = &put[i];
    qsort(order, n, sizeof *order, by_name);
    header = make_header(order, n, note, &bytes);
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bytes >> (8 * i));
    err = fs_begin(&to, path);
    if (!err)
        err = fs_put(to, length, sizeof length);
    if (!err)
        err = fs_put(to, header, bytes);
    for (size_t i = 0; i < n && !err; i++)
        err = put_data(to, order[i]);
    if (err)
        fs_abort(to);
    else
        err = fs_commit(to);
    free(header);
    free(order);
    return err;
}

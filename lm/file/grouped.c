/* A permutation of whole heads, the same for a matrix's rows, a bias and the second half of an
 * adapter's pair. It is done where files are read and written, so that every pass, hash and slope
 * sees q of all heads, then k, then v, as in all other families. */

#include "lm/file/grouped.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Head by head: a head's rows, or a vector's values, stay together. */
enum err grouped_read(struct safetensors *file, const struct safetensors_tensor *from,
                      const struct tensor *tensor, const struct shape *shape, float *to)
{
    const bool vector = part_is_vector(tensor->row);
    const int rows = vector ? tensor->cols : tensor->rows;
    const size_t width = vector ? 1 : (size_t)tensor->cols, dim = (size_t)shape->head_dim;
    enum err err = OK;

    for (int r = 0; !err && r < rows; r += shape->head_dim)
        err = safetensors_read_part(file, from, (size_t)part_grouped(shape, r) * width,
                                    dim * width, to + (size_t)r * width);
    return err;
}

int *grouped_order(const struct shape *shape)
{
    const int rows = part_dim(shape, DIM_QKV);
    int *order = mem_new((size_t)rows, sizeof *order);

    for (int r = 0; r < rows; r++)
        order[part_grouped(shape, r)] = r;
    return order;
}

/* Through a copy: it is small beside the model, an adapter's. */
void grouped_apart(const struct shape *shape, const struct tensor *t, float *data)
{
    const size_t rows = (size_t)part_dim(shape, DIM_QKV);
    const size_t width = (size_t)t->rows * (size_t)t->cols / rows;
    float *read = mem_new(rows * width, sizeof *read);

    memcpy(read, data, rows * width * sizeof *read);
    for (size_t r = 0; r < rows; r++)
        memcpy(data + r * width, read + (size_t)part_grouped(shape, (int)r) * width,
               width * sizeof *read);
    free(read);
}

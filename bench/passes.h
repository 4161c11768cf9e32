/* passes: the matrix products of a pass alone, layer after layer, on the model's own weights. */

#ifndef BENCH_PASSES_H
#define BENCH_PASSES_H

#include "bench/subject.h"

/* Of a forward pass of `rows` tokens, of which head_rows get logits: multiplications and additions, and bytes of
 * weights. */
struct passes {
    double work, bytes;
};
struct passes passes_of(const struct model *model, int rows, int head_rows);

/* Multiplications and additions of attention where the mean row sees so many tokens. */
double passes_attention(const struct model *model, int rows, double seen);

/* Operands of passes of up to `rows` rows. Errors: ERR_NOMEM. */
struct passes_room;
enum err passes_room_new(struct passes_room **out, const struct subject *subject,
                         int rows) MUST_CHECK;
void passes_room_free(struct passes_room *room);

/* Seconds of one pass; of backward dX and dW of each. */
double passes_forward(struct passes_room *room, const struct subject *subject, int rows,
                      int head_rows);
double passes_backward(struct passes_room *room, const struct subject *subject, int rows,
                       int head_rows);

#endif

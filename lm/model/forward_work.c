#include "lm/model/forward_work.h"

#include "base/mem.h"
#include "lm/kernel/attention.h"
#include "lm/model/model.h"

#include <omp.h>
#include <stdlib.h>

enum {
    HEAD_ROWS = 96,     /* rows of logits that exist at once */
    LONG_ENOUGH = 4096, /* keys over which a full set of query rows still fits its scratch */
};

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static size_t scratch_size(const struct shape *s)
{
    const int group = s->heads / s->kv_heads;
    const int length = s->context < LONG_ENOUGH ? s->context : LONG_ENOUGH;
    const size_t many = attention_scratch(attention_rows(group), group, s->head_dim, length);
    const size_t one = attention_scratch(1, group, s->head_dim, s->context);

    return ((many > one ? many : one) + 15) / 16 * 16;
}

static enum err reserve(struct forward_work *w, const struct shape *s)
{
    const size_t rows = (size_t)w->rows, half = (size_t)s->head_dim / 2;
    const size_t narrow = (size_t)larger(s->width, larger(s->heads * s->head_dim, s->ffn));
    const size_t wide = (size_t)larger(model_qkv(s), larger(2 * s->ffn, s->width));
    const size_t logits = s->head == HEAD_LM ? ((size_t)s->vocab + 15) / 16 * 16 : 0;
    const struct {
        void *out;
        size_t count, size;
    } blocks[] = {
        {&w->x, rows * (size_t)s->width, sizeof(float)},
        {&w->y, rows * narrow, sizeof(float)},
        {&w->z, rows * wide, sizeof(float)},
        {&w->cos, rows * half, sizeof(float)},
        {&w->sin, rows * half, sizeof(float)},
        {&w->logits, (size_t)w->head_rows * logits, sizeof(float)},
        {&w->scratch, (size_t)w->threads * w->scratch_each, sizeof(float)},
        {&w->token, rows, sizeof(int)},
        {&w->pos, rows, sizeof(int)},
        {&w->run, rows, sizeof(struct forward_work_run)},
    };

    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (mem_big(blocks[i].out, blocks[i].count, blocks[i].size, "forward scratch"))
            return ERR_NOMEM;
    return OK;
}

enum err forward_work_new(struct forward_work **out, const struct shape *shape, int rows)
{
    struct forward_work *w;

    *out = NULL;
    if (rows < 1 || rows > 1 << 20)
        return err_set(ERR_RANGE, "forward scratch: %d rows: not in 1..%d", rows, 1 << 20);
    if (shape_check(shape))
        return ERR_RANGE;
    w = mem_new(1, sizeof *w);
    w->rows = rows;
    w->head_rows = rows < HEAD_ROWS ? rows : HEAD_ROWS;
    w->threads = omp_get_max_threads();
    w->scratch_each = scratch_size(shape);
    if (reserve(w, shape)) {
        forward_work_free(w);
        return ERR_NOMEM;
    }
    *out = w;
    return OK;
}

void forward_work_free(struct forward_work *work)
{
    if (!work)
        return;
    free(work->x);
    free(work->y);
    free(work->z);
    free(work->cos);
    free(work->sin);
    free(work->logits);
    free(work->scratch);
    free(work->token);
    free(work->pos);
    free(work->run);
    free(work);
}

/* Whether row i goes on where the run that ends before it stopped, and both still fit. */
static int extends(const struct forward_work *w, const struct shape *s, const struct row *rows,
                   const struct forward_work_run *run, int i)
{
    const int group = s->heads / s->kv_heads;

    return run->n < attention_rows(group) && rows[i].cache == rows[i - 1].cache &&
           rows[i].pos == rows[i - 1].pos + 1 &&
           attention_scratch(run->n + 1, group, s->head_dim, rows[i].pos + 1) <=
               w->scratch_each;
}

int forward_work_runs(struct forward_work *work, const struct shape *shape,
                      const struct row *rows, int n)
{
    int count = 0;

    for (int i = 0; i < n; i++) {
        if (count && extends(work, shape, rows, &work->run[count - 1], i))
            work->run[count - 1].n++;
        else
            work->run[count++] = (struct forward_work_run){i, 1};
    }
    return count;
}

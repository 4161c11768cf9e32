/* y = x W^T on weights that were packed once. A product is cut into blocks of rows times panels; a thread
 * copies a block's rows of A once, so that the copy stays in cache while panels stream by, and cuts k only
 * where a copy would not fit: a chain goes on from what C holds, so the cut changes no bit. Decoding in
 * floats (a few rows) skips the copy. Each thread has panels of its own that lie one after the other, and
 * asks for the next while it multiplies by one (isa_fetch.h).
 * Every forward product of lm/model comes here (block_forward.c, model.c), and lora.c's B A. */

#include "lm/kernel/gemm.h"

#include "lm/kernel/int8.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"

#include <omp.h>
#include <stdatomic.h>
#include <string.h>

/* Blocks of A and slices of k that stay in the second-level cache (measured by bench_gemm: long
 * slices keep the stream of a panel whole). With few rows a copy is worth nothing, unless they
 * lie so that they fall on the same cache sets. */
enum {
    BLOCK_ROWS = 96,
    BLOCK_K = 640,
    FEW_ROWS = 24,
    BAD_ROWS = 4,
    BAD_STRIDE = 1024,
    STRIDE = BLOCK_K + 16,
    OPERAND_GAP = 64, /* bytes between rows: not all on the same cache sets */
};
_Static_assert((int)BLOCK_K % (int)INT8_GROUP == 0 && (int)INT8_GROUP == (int)PAIRS_DEPTH,
               "slices begin where groups, and blocks of pairs, do");

size_t gemm_packed_size(int n, int k)
{
    return (size_t)((n + GEMM_PANEL - 1) / GEMM_PANEL) * (size_t)k * GEMM_PANEL;
}

static size_t place(int column, int k)
{
    return (size_t)(column / GEMM_PANEL) * (size_t)k * GEMM_PANEL +
           (size_t)(column % GEMM_PANEL);
}

void gemm_pack(float *panels, int at, const float *w, size_t ldw, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j++) {
        const float *from = w + (size_t)j * ldw;
        float *to = panels + place(at + j, k);

        for (int i = 0; i < k; i++)
            to[(size_t)i * GEMM_PANEL] = from[i];
    }
}

void gemm_unpack_row(float *w, const float *panels, int at, int k)
{
    const float *from = panels + place(at, k);

    for (int i = 0; i < k; i++)
        w[i] = from[(size_t)i * GEMM_PANEL];
}

void gemm_unpack(float *w, size_t ldw, const float *panels, int at, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j++)
        gemm_unpack_row(w + (size_t)j * ldw, panels, at + j, k);
}

void gemm_pack_plain(float *panels, const float *b, size_t ldb, int n, int k)
{
#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)k))
    for (int j = 0; j < n; j += GEMM_PANEL) {
        float *to = panels + place(j, k);
        const int columns = n - j < GEMM_PANEL ? n - j : GEMM_PANEL;

        for (int i = 0; i < k; i++, to += GEMM_PANEL) {
            memcpy(to, b + (size_t)i * ldb + j, (size_t)columns * sizeof *to);
            memset(to + columns, 0, (size_t)(GEMM_PANEL - columns) * sizeof *to);
        }
    }
}

_Static_assert((int)PAIRS_PANEL == (int)GEMM_PANEL && (int)INT8_PANEL == (int)GEMM_PANEL,
               "one panel's columns, however it is stored");

/* What the panels hold, and A is made of it: an operand is what the kernel reads, rounded (R10) or
 * quantised (R11) from a copy's worth of A. */
enum gemm_kind { FLOATS, PAIRS, ROUNDED, WHOLE };

struct gemm_job {
    enum gemm_kind kind;
    float *c;
    size_t ldc;
    const float *a;
    size_t lda;
    const void *panels;
    int m, n, k;
    bool add;
};

/* A slice of the depth: from k0 on, k of it; A's rows there, `lda` floats apart, or as operands. */
struct gemm_slice {
    int k0, k;
    const float *a;
    size_t lda;
    bool add;
};

static size_t pairs_at(const struct gemm_job *job, int p, int k0)
{
    return pairs_size(p * GEMM_PANEL, job->k) + (size_t)k0 * GEMM_PANEL;
}

static size_t operand_bytes(const struct isa *isa, enum gemm_kind kind, int k)
{
    return (kind == WHOLE ? isa->int8_bytes : isa->bf16_bytes) *
           ((size_t)(k + INT8_GROUP - 1) / INT8_GROUP);
}

/* One panel's product over a slice, with the kernel for what the panels hold; rows from `row` on. `more`:
 * another panel follows, and is asked for. */
static void panel_at(const struct isa *isa, const struct gemm_job *job, int p, bool more,
                     const struct gemm_slice *s, int row, float *c, size_t ldc, int m, int n)
{
    const float *a = s->a + (size_t)row * s->lda;
    const uint16_t *pairs = job->panels;
    const uint8_t *whole = job->panels;

    switch (job->kind) {
    case FLOATS:
        isa->panel(c, ldc, a, s->lda,
                   (const float *)job->panels +
                       ((size_t)p * (size_t)job->k + (size_t)s->k0) * GEMM_PANEL,
                   GEMM_PANEL, m, n, s->k, s->add);
        break;
    case PAIRS:
        isa->pairs(c, ldc, a, s->lda, pairs + pairs_at(job, p, s->k0), m, n, s->k, s->add);
        break;
    case ROUNDED:
        isa->bf16(c, ldc, a, s->lda * sizeof *a, pairs + pairs_at(job, p, s->k0), m, n, s->k,
                  s->add ? ISA_ON : ISA_SET, more ? pairs + pairs_at(job, p + 1, s->k0) : NULL);
        break;
    case WHOLE:
        whole += int8_panel(p, job->k);
        isa->int8(c, ldc, a, s->lda * sizeof *a, whole + int8_depth(s->k0), m, s->k, s->add,
                  more ? whole + int8_panel(1, job->k) + int8_depth(s->k0) : NULL);
        break;
    }
}

/* Fewer columns than a vector pair: the tile goes through a small square, so that nothing
 * beyond column n of C is touched. */
static void narrow_panel(const struct isa *isa, const struct gemm_job *job, int p,
                         const struct gemm_slice *s, float *c, int m)
{
    const int columns = job->n - p * GEMM_PANEL;
    const size_t ldc = job->ldc;
    float square[FEW_ROWS][GEMM_PANEL] = {{0}};

    for (int i = 0; i < m; i += FEW_ROWS) {
        const int rows = m - i < FEW_ROWS ? m - i : FEW_ROWS;

        for (int r = 0; s->add && r < rows; r++)
            memcpy(square[r], c + (size_t)(i + r) * ldc, (size_t)columns * sizeof *c);
        panel_at(isa, job, p, false, s, i, square[0], GEMM_PANEL, rows, columns > 16 ? 32 : 16);
        for (int r = 0; r < rows; r++)
            memcpy(c + (size_t)(i + r) * ldc, square[r], (size_t)columns * sizeof *c);
    }
}

/* Rows m0.. of C in the panels from..to-1, over a slice. */
static void slice(const struct isa *isa, const struct gemm_job *job, const struct gemm_slice *s,
                  int m0, int m, int from, int to)
{
    for (int p = from; p < to; p++) {
        float *c = job->c + (size_t)m0 * job->ldc + (size_t)p * GEMM_PANEL;

        /* Only the last panel of a matrix is narrower, as the vocabulary's often is. */
        if (job->n - p * GEMM_PANEL >= GEMM_PANEL)
            panel_at(isa, job, p, (p + 1) * GEMM_PANEL < job->n, s, 0, c, job->ldc, m,
                     GEMM_PANEL);
        else
            narrow_panel(isa, job, p, s, c, m);
    }
}

/* Row i of the slice that starts at k0, as the kernel reads it. */
static void copy_row(const struct isa *isa, const struct gemm_job *job, void *to, int i, int k0,
                     int k)
{
    const float *from = job->a + (size_t)i * job->lda + k0;

    if (job->kind == ROUNDED)
        isa->bf16_row(to, from, k);
    else if (job->kind == WHOLE)
        isa->int8_row(to, from, k);
    else
        memcpy(to, from, (size_t)k * sizeof *from);
}

/* What a thread keeps from one task to the next: a block's rows as the kernel reads them, once they are
 * there for the whole depth. */
struct gemm_copy {
    float at[BLOCK_ROWS * STRIDE];
    int rows; /* the block's first; -1: of none */
};

static bool operands(const struct gemm_job *job)
{
    return job->kind == ROUNDED || job->kind == WHOLE;
}

/* With few rows, floats are multiplied where they are. */
static bool copied(const struct gemm_job *job, int m)
{
    return job->k > 0 &&
           (operands(job) || m > (job->lda % BAD_STRIDE ? (int)FEW_ROWS : (int)BAD_ROWS));
}

/* How deep the slices are that a copy of m rows has room for: a few rows read each panel in one go. */
static int deepest(const struct isa *isa, const struct gemm_job *job, int m)
{
    if (!operands(job))
        return BLOCK_K;
    return (int)((sizeof((struct gemm_copy *)0)->at / (size_t)m - OPERAND_GAP) /
                 operand_bytes(isa, job->kind, INT8_GROUP)) *
           INT8_GROUP;
}

static void block(const struct isa *isa, const struct gemm_job *job, struct gemm_copy *copy,
                  int m0, int m, int from, int to)
{
    const int deep = deepest(isa, job, m), slices = (job->k + deep - 1) / deep;

    if (!copied(job, m)) {
        slice(
            isa, job,
            &(struct gemm_slice){0, job->k, job->a + (size_t)m0 * job->lda, job->lda, job->add},
            m0, m, from, to);
        return;
    }
    for (int k0 = 0, k = 0, i = 0; k0 < job->k; k0 += k, i++) {
        struct gemm_slice s = {k0, 0, copy->at, STRIDE, job->add || k0 > 0};

        /* Pairs and operands are cut where a block, or a group, of the depth begins. */
        k = job->kind == FLOATS  ? job->k / slices + (i < job->k % slices)
            : job->k - k0 < deep ? job->k - k0
                                 : deep;
        s.k = k;
        if (operands(job))
            s.lda = (operand_bytes(isa, job->kind, k) + OPERAND_GAP) / sizeof *copy->at;
        for (int r = 0; r < m && copy->rows != m0; r++)
            copy_row(isa, job, copy->at + (size_t)r * s.lda, m0 + r, k0, k);
        copy->rows = slices == 1 ? m0 : -1;
        slice(isa, job, &s, m0, m, from, to);
    }
}

/* Tasks that one thread begins with, in order, so that it reads on where it was; who is done goes on with
 * those of others. A task is some panels of a block of rows: one, or where a block's copy is made in slices
 * about a fourth of a thread's, as they make it anew. */
struct gemm_queue {
    _Alignas(64) atomic_int next;
    int end;
};

enum { QUEUES = 64 };

struct gemm_tasks {
    int blocks, groups, queues; /* groups of panels a block */
    struct gemm_queue queue[QUEUES];
};

static int take(struct gemm_tasks *tasks, int own)
{
    for (int i = 0; i < tasks->queues; i++) {
        struct gemm_queue *q = &tasks->queue[(own + i) % tasks->queues];

        if (atomic_load_explicit(&q->next, memory_order_relaxed) < q->end) {
            const int task = atomic_fetch_add_explicit(&q->next, 1, memory_order_relaxed);

            if (task < q->end)
                return task;
        }
    }
    return -1;
}

static void work(const struct isa *isa, const struct gemm_job *job, struct gemm_tasks *tasks)
{
    const int columns = (job->n + GEMM_PANEL - 1) / GEMM_PANEL;
    struct gemm_copy copy;

    copy.rows = -1;
    for (int task; (task = take(tasks, omp_get_thread_num())) >= 0;) {
        const int b = task / tasks->groups, g = task % tasks->groups;
        const int m0 = (int)((long)job->m * b / tasks->blocks);
        const int m1 = (int)((long)job->m * (b + 1) / tasks->blocks);

        block(isa, job, &copy, m0, m1 - m0, (int)((long)columns * g / tasks->groups),
              (int)((long)columns * (g + 1) / tasks->groups));
    }
}

static void run(const struct gemm_job *job)
{
    const struct isa *isa = isa_current();
    const int m = job->m, columns = (job->n + GEMM_PANEL - 1) / GEMM_PANEL;
    const bool worth = share_worth((size_t)m * (size_t)job->n * (size_t)job->k);
    const int threads = worth ? omp_get_max_threads() : 1;
    struct gemm_tasks tasks;
    int rows, some;
    long all;

    if (m <= 0)
        return;
    tasks.blocks = (m + BLOCK_ROWS - 1) / BLOCK_ROWS;
    tasks.groups = columns;
    tasks.queues = threads < QUEUES ? threads : QUEUES;
    rows = (m + tasks.blocks - 1) / tasks.blocks;
    some = 4 * threads / tasks.blocks;
    if (copied(job, rows) && job->k > deepest(isa, job, rows) && some < columns)
        tasks.groups = some ? some : 1;
    all = (long)tasks.blocks * tasks.groups;
    for (int q = 0; q < tasks.queues; q++) {
        atomic_init(&tasks.queue[q].next, (int)(all * q / tasks.queues));
        tasks.queue[q].end = (int)(all * (q + 1) / tasks.queues);
    }
#pragma omp parallel if (worth)
    work(isa, job, &tasks);
}

void gemm_packed(float *c, size_t ldc, const float *a, size_t lda, const float *panels, int m,
                 int n, int k, bool add)
{
    run(&(struct gemm_job){FLOATS, c, ldc, a, lda, panels, m, n, k, add});
}

void gemm_pairs(float *c, size_t ldc, const float *a, size_t lda, const uint16_t *pairs, int m,
                int n, int k, bool add)
{
    run(&(struct gemm_job){PAIRS, c, ldc, a, lda, pairs, m, n, k, add});
}

void gemm_bf16(float *c, size_t ldc, const float *a, size_t lda, const uint16_t *pairs, int m,
               int n, int k, bool add)
{
    run(&(struct gemm_job){ROUNDED, c, ldc, a, lda, pairs, m, n, k, add});
}

void gemm_int8(float *c, size_t ldc, const float *a, size_t lda, const uint8_t *panels, int m,
               int n, int k)
{
    run(&(struct gemm_job){WHOLE, c, ldc, a, lda, panels, m, n, k, false});
}

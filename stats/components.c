/* How: Tarjan's algorithm (1972, SIAM J. Computing 1:146) with a stack of its own instead of
 * recursion. It closes a component when all that it reaches is closed, so losers come first: the
 * numbers are turned around at the end. Weak components are the strong ones of the graph in which
 * every edge goes both ways. */

#include "stats/components.h"

#include "base/mem.h"

#include <stdlib.h>

struct components_walk {
    const bool *won;
    int n, *of, found;
    int *index, *low, seen;  /* index: 0 before the first visit */
    int *open, opened;       /* visited, not yet in a component */
    int *path, *next, depth; /* the way down, and whom each looks at next */
};

static void enter(struct components_walk *w, int v)
{
    w->index[v] = w->low[v] = ++w->seen;
    w->open[w->opened++] = v;
    w->next[v] = 0;
    w->path[w->depth++] = v;
}

/* All that v reaches has been looked at: it may close a component. */
static void leave(struct components_walk *w, int v)
{
    w->depth--;
    if (w->depth) {
        const int up = w->path[w->depth - 1];
        w->low[up] = w->low[v] < w->low[up] ? w->low[v] : w->low[up];
    }
    if (w->low[v] != w->index[v])
        return;
    for (int u = -1; u != v;) {
        u = w->open[--w->opened];
        w->of[u] = w->found;
    }
    w->found++;
}

static void search(struct components_walk *w, int root)
{
    enter(w, root);
    while (w->depth) {
        const int v = w->path[w->depth - 1], to = w->next[v]++;
        if (to == w->n)
            leave(w, v);
        else if (to == v || !w->won[v * w->n + to])
            continue;
        else if (!w->index[to])
            enter(w, to);
        else if (w->of[to] < 0 && w->index[to] < w->low[v])
            w->low[v] = w->index[to];
    }
}

int components_strong(int *of, const bool *won, int n)
{
    int *room = mem_new(5 * (size_t)n + 1, sizeof *room);
    struct components_walk w = {.won = won,
                                .n = n,
                                .of = of,
                                .index = room,
                                .low = room + n,
                                .open = room + 2 * n,
                                .path = room + 3 * n,
                                .next = room + 4 * n};

    for (int i = 0; i < n; i++)
        of[i] = -1;
    for (int i = 0; i < n; i++)
        if (!w.index[i])
            search(&w, i);
    for (int i = 0; i < n; i++)
        of[i] = w.found - 1 - of[i];
    free(room);
    return w.found;
}

int components_weak(int *of, const bool *won, int n)
{
    bool *both = mem_new((size_t)n * (size_t)n + 1, sizeof *both);
    int found;

    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            both[i * n + j] = won[i * n + j] || won[j * n + i];
    found = components_strong(of, both, n);
    free(both);
    return found;
}

/* components: which items hang together, so that comparing them has an answer.
 *
 * Ford 1957, American Mathematical Monthly 64:28: strengths of finite size exist exactly where, in
 * every division of the items into two groups, somebody of each has won against somebody of the
 * other: where the graph of wins is strongly connected. A tie is an edge both ways. */

#ifndef STATS_COMPONENTS_H
#define STATS_COMPONENTS_H

#include <stdbool.h>

/* won [n,n]: has i won against j (or tied)? of [n] out: the number of i's component, in an order
 * in which nobody has won against one of a smaller number. Returns how many there are. */
int components_strong(int *of, const bool *won, int n);
/* The same whoever won: groups that never met. */
int components_weak(int *of, const bool *won, int n);

#endif

/* elo: ratings that move with each game. Elo 1978, The Rating of Chessplayers, Past and Present.
 *
 *   expected = 1 / (1 + 10^((theirs - mine) / 400)),  mine += k (score - expected)
 *
 * The order of the games matters: the last ones count most. A ranking of what does not change with
 * time is Bradley and Terry's business (bradley.h). */

#ifndef STATS_ELO_H
#define STATS_ELO_H

/* The share of games that somebody `ahead` points better wins. */
double elo_expected(double ahead);

/* One game: score 1, 1/2 or 0 of a. */
void elo_game(double *a, double *b, double score, double k);

#endif

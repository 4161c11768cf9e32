/* How: as the formula says; what one wins the other loses. */

#include "stats/elo.h"

#include <math.h>

double elo_expected(double ahead)
{
    return 1 / (1 + pow(10, -ahead / 400));
}

void elo_game(double *a, double *b, double score, double k)
{
    const double moved = k * (score - elo_expected(*a - *b));

    *a += moved;
    *b -= moved;
}

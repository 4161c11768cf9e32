/* fuzz_votes: any lines as votes and rankings, and a leaderboard of what was read.
 *
 * A line that is refused is left out, so that the ones behind it are tried too. The board is made
 * with a penalty, without which most of such votes have none, and by a model that the first byte
 * chooses; what it says goes through JSON and the picture. */
#include "base/mem.h"
#include "ratings/leaderboard.h"
#include "ratings/votes_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { LINES = 40, MODELS = 12 };

static void board(const struct votes *votes, unsigned choice)
{
    const struct leaderboard_conf conf = {.model = choice % (FITTED_ELO + 1),
                                          .se = choice / 8 % 3,
                                          .level = 0.9,
                                          .penalty = 0.5,
                                          .k = 4,
                                          .draws = 20,
                                          .seed = 1};
    struct leaderboard b;
    json_t *all;

    if (votes->models > MODELS || leaderboard_run(&b, votes, &conf))
        return;
    all = leaderboard_json(&b);
    free(leaderboard_svg(&b));
    for (int i = 0; i < votes->models && !b.why; i++)
        if (!isfinite(b.row[i].strength))
            abort();
    json_decref(all);
    leaderboard_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct votes *votes = votes_new();
    struct votes_reading *reading =
        votes_read_open(votes, n && bytes[0] & 64 ? "position,length" : NULL);
    const char *at = (const char *)bytes + (n > 0), *end = (const char *)bytes + n;

    for (int i = 0; i < LINES && at < end; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        json_t *row = json_loadb(at, (size_t)((stop ? stop : end) - at), 0, NULL);
        if (json_is_object(row) && votes_read_row(reading, row) == ERR_STATE)
            abort();
        json_decref(row);
        at = stop ? stop + 1 : end;
    }
    votes_read_close(reading);
    if (!votes_end(votes))
        board(votes, n ? bytes[0] : 0);
    votes_free(votes);
    return 0;
}

/* Guesses of a step (draft.h): each open slot's are made first, as many as may be, one behind the other, with
 * the chance that all of a slot's up to there hold; then the likeliest of all slots are taken, one by one,
 * while a row more brings more than it costs. They stand in the slot's tokens, behind those that were drawn,
 * until the step's own draws take their places.
 *
 * After the draws a token counts if all guesses before it were drawn: then its row was computed on the very
 * tokens that the answer has, and it is the one that a step without guesses would have drawn. */

#include "lm/gen/generate.h"

#include "base/rng.h"
#include "lm/gen/generate_state.h"

static bool is_stop(const struct sampling *p, int token)
{
    for (int i = 0; i < p->n_stop; i++)
        if (token == p->stop[i])
            return true;
    return false;
}

/* None at the token that the answer ends with: nothing is drawn behind it. */
static int most_of(const struct generate *g, const struct generate_slot *s)
{
    const int answer = s->job.sampling.max_new - (s->n - s->job.n_prompt),
              room = g->length - s->n;
    const int left = (answer < room ? answer : room) - 1;

    return left < g->ahead ? left : g->ahead;
}

static void guess(const struct generate *g, struct generate_slot *s)
{
    const struct sampling *p = &s->job.sampling;
    const int most = most_of(g, s);
    float chance = 1;

    for (int k = 0; k < most; k++) {
        const int at = s->n + k;
        const struct draft_place place = {s->token, s->job.n_prompt, at,
                                          p->temperature > 0 ? generate_draw_number(s, at)
                                                             : -1};
        struct draft_guess *one = &s->guess[k];

        if (!draft_next(one, &s->record, &s->job.earlier, &place) || is_stop(p, one->token))
            return;
        chance *= one->chance;
        if (!draft_worth(g->shape.compute, chance, 1, 1)) /* if it were alone */
            return;
        s->token[at] = one->token;
        s->chance[k] = chance;
        s->made++;
    }
}

static bool takes_guesses(const struct generate *g, const struct generate_slot *s)
{
    return s->state == DECODE && generate_takes_part(g, s);
}

/* A prompt on its way makes a pass of many rows, where one more costs its whole time. */
static int open_slots(const struct generate *g)
{
    int open = 0;

    for (int i = 0; i < g->slots; i++) {
        const struct generate_slot *s = &g->slot[i];

        if (s->state == PREFILL && generate_takes_part(g, s))
            return 0;
        open += takes_guesses(g, s);
    }
    return open;
}

void generate_guess_all(struct generate *g)
{
    const int open = open_slots(g);
    double tokens = open;

    for (int i = 0; i < g->slots; i++) {
        struct generate_slot *s = &g->slot[i];

        s->made = s->taken = 0;
        /* with a sure one it is not worth it: with none */
        if (open && draft_worth(g->shape.compute, 1, open, open) && takes_guesses(g, s))
            guess(g, s);
    }
    for (int rows = open; open && rows < open + GENERATE_PREFILL; rows++) {
        struct generate_slot *best = NULL;

        for (int i = 0; i < g->slots; i++) {
            struct generate_slot *s = &g->slot[i];

            if (s->taken < s->made &&
                (!best || s->chance[s->taken] > best->chance[best->taken]))
                best = s;
        }
        if (!best || !draft_worth(g->shape.compute, best->chance[best->taken], rows, tokens))
            return;
        tokens += best->chance[best->taken++];
        g->drafts.drafted++;
    }
}

void generate_guess_check(struct generate *g)
{
    for (int i = 0; i < g->draws; i++) {
        struct generate_draw *d = &g->draw[i];
        struct generate_slot *s = &g->slot[d->slot];
        const int k = d->at - s->n;

        d->counts = k == 0 || (d[-1].counts && d[-1].token == s->guess[k - 1].token);
        if (!d->counts || s->state != DECODE || k >= s->taken)
            continue;
        draft_checked(&s->record, &s->guess[k], d->token == s->guess[k].token);
        g->drafts.accepted += d->token == s->guess[k].token;
    }
}

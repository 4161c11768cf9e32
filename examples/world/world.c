/* How it works: everything is an index and a table. A question's index is its topic, its
 * asking, its opening and its room, one after another; an answer is cut into clauses at " .",
 * and each clause is looked up among those there are. The hidden utility adds what each
 * clause is worth where it stands. What a model makes up that is no clause is nonsense, and
 * costs: there is no way to please but to answer.
 *
 * Draws are counter-based (base/rng.h) with the question as the counter, so any row can be
 * made again alone. libm is used (exp in world_prefers): what people would choose is no bit
 * that travels. */
#include "examples/world/world.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOPICS = 12, ASKS = 6, OPENINGS = 4, ROOMS = 8, VARIANTS = 3, CLAUSES_MAX = 16 };

static const char *const topics[TOPICS] = {"breakfast", "parking", "towels",   "laundry",
                                           "checkout",  "sauna",   "the pool", "the keys",
                                           "the taxi",  "dinner",  "luggage",  "the garden"};
static const char *const asks[ASKS] = {"tell me about %s",  "what about %s",
                                       "i need to know %s", "help me with %s",
                                       "my question is %s", "please explain %s"};
static const char *const openings[OPENINGS] = {"", "hello , ", "excuse me , ",
                                               "good evening , "};
static const char *const rooms[ROOMS] = {"one",  "two", "three", "four",
                                         "five", "six", "seven", "eight"};

static const char *const facts[TOPICS][VARIANTS] = {
    {"breakfast is served from seven in the hall", "breakfast ends at ten each morning",
     "breakfast is free for every guest"},
    {"parking is behind the house", "parking costs five coins a night",
     "parking is open day and night"},
    {"fresh towels are at the desk", "towels are changed each morning",
     "more towels are in the cupboard"},
    {"laundry is done before noon", "laundry bags hang behind the door",
     "laundry is back by evening"},
    {"checkout is at eleven", "late checkout costs ten coins", "checkout is at the front desk"},
    {"the sauna opens at four", "the sauna is on the lower floor",
     "the sauna is warm until ten"},
    {"the pool opens at six", "the pool is on the roof", "the pool closes at nine"},
    {"the keys are kept at the desk", "lost keys cost twenty coins",
     "the keys open the side door"},
    {"the taxi waits at the gate", "the taxi comes in ten minutes",
     "the taxi to town costs eight coins"},
    {"dinner is served from six", "dinner has soup and fish tonight",
     "dinner is in the blue room"},
    {"luggage can stay at the desk", "luggage goes up by the lift",
     "luggage is safe behind the desk"},
    {"the garden is open all day", "the garden has a tea house",
     "the garden path starts at the gate"},
};
static const char *const greetings[VARIANTS] = {
    "good day , dear guest", "welcome , it is a pleasure", "happy to help you"};
static const char *const idle[VARIANTS] = {"well , you know how it is",
                                           "as i said before , it depends",
                                           "anyway , that is what they say"};
static const char *const rude[VARIANTS] = {"read the sign yourself", "i am busy , go away",
                                           "that is not my problem"};
static const char *const farewells[VARIANTS] = {"enjoy your stay", "please ask me any time",
                                                "thank you for asking"};

static int topic_of(int index)
{
    return index % TOPICS;
}

void world_prompt(char out[WORLD_TEXT], int index)
{
    char ask[128];
    const int rest = index / TOPICS;

    snprintf(ask, sizeof ask, asks[rest % ASKS], topics[topic_of(index)]);
    snprintf(out, WORLD_TEXT, "room %s : %s%s ?\ninn :", rooms[rest / ASKS / OPENINGS % ROOMS],
             openings[rest / ASKS % OPENINGS], ask);
}

int world_find(const char *prompt)
{
    char text[WORLD_TEXT];

    for (int i = 0; i < WORLD_PROMPTS; i++) {
        world_prompt(text, i);
        if (!strcmp(text, prompt))
            return i;
    }
    return -1;
}

struct world_text {
    char *at;
    size_t left;
};

/* A clause that does not fit is left out whole: half of one would be nonsense. */
static void write_clause(struct world_text *buf, const char *clause)
{
    const int n = snprintf(buf->at, buf->left, " %s .", clause);

    if (n > 0 && (size_t)n < buf->left) {
        buf->at += n;
        buf->left -= (size_t)n;
    }
}

/* Draws of one demonstration: uniform numbers in order. */
struct dice {
    uint64_t seed, where;
    uint32_t draw, next;
};

/* The next draw of this demonstration: a pure function of (seed, question, draw, how many there
 * were before). */
static double roll(struct dice *d)
{
    return rng_uniform(d->seed, RNG_WORLD, d->where, d->draw, d->next++);
}

static const char *pick(struct dice *d, const char *const from[VARIANTS])
{
    return from[(int)(roll(d) * VARIANTS)];
}

/* Mediocre on purpose: two in five clauses are to the point, and one in seven is rude. */
static const char *body_clause(struct dice *d, int topic)
{
    const double what = roll(d);

    if (what < 0.40)
        return pick(d, facts[topic]);
    if (what < 0.60)
        return pick(d, facts[(topic + 1 + (int)(roll(d) * (TOPICS - 1))) % TOPICS]);
    return what < 0.85 ? pick(d, idle) : pick(d, rude);
}

void world_demonstration(char out[WORLD_TEXT], int index, uint64_t seed, uint32_t draw)
{
    struct dice d = {seed, (uint64_t)index, draw, 0};
    struct world_text buf = {out, WORLD_TEXT};

    out[0] = 0;
    if (roll(&d) < 0.35)
        write_clause(&buf, pick(&d, greetings));
    for (int n = 1 + (int)(roll(&d) * 3); n > 0; n--)
        write_clause(&buf, body_clause(&d, topic_of(index)));
    if (roll(&d) < 0.30)
        write_clause(&buf, pick(&d, farewells));
}

enum world_clause { GREETING, FACT, WRONG, IDLE, RUDE, FAREWELL, NONSENSE };

/* Word for word: a paraphrase is no clause of this world. */
static bool among(const char *clause, const char *const from[VARIANTS])
{
    for (int i = 0; i < VARIANTS; i++)
        if (!strcmp(clause, from[i]))
            return true;
    return false;
}

/* What a clause is, said in answer to a question about `topic`. */
static enum world_clause classify(const char *clause, int topic)
{
    if (among(clause, greetings))
        return GREETING;
    if (among(clause, idle))
        return IDLE;
    if (among(clause, rude))
        return RUDE;
    if (among(clause, farewells))
        return FAREWELL;
    for (int t = 0; t < TOPICS; t++)
        if (among(clause, facts[t]))
            return t == topic ? FACT : WRONG;
    return NONSENSE;
}

/* Cuts an answer into clauses at " ."; returns how many, the last without its end if
 * unfinished. */
static int clauses(char *text, char *out[CLAUSES_MAX])
{
    int n = 0;

    for (char *at = text; at && n < CLAUSES_MAX;) {
        char *end = strstr(at, " .");
        at += strspn(at, " \n");
        if (!*at)
            break;
        out[n++] = at;
        if (end)
            *end = 0;
        at = end ? end + 2 : NULL;
    }
    return n;
}

/* Runs of what is no blank; the full stops are words, too. */
static int words_of(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += *text != ' ' && (text[1] == ' ' || !text[1]);
    return n;
}

/* What clause i of n is worth where it stands. */
static double worth(enum world_clause kind, int i, int n, bool told)
{
    static const double anywhere[] = {
        [WRONG] = -0.8, [IDLE] = -0.5, [RUDE] = -1.5, [NONSENSE] = -1.0};

    if (kind == GREETING)
        return i == 0 ? 0.6 : 0.0;
    if (kind == FAREWELL)
        return i == n - 1 ? 0.6 : 0.0;
    if (kind == FACT)
        return told ? 0.0 : 1.5;
    return anywhere[kind];
}

/* Was it said before, word for word? */
static bool repeats(char *const *clause, int i)
{
    for (int j = 0; j < i; j++)
        if (!strcmp(clause[i], clause[j]))
            return true;
    return false;
}

double world_utility(int index, const char *answer, bool finished)
{
    char *text = mem_text(answer), *clause[CLAUSES_MAX];
    const int words = words_of(answer), n = clauses(text, clause);
    double u = finished && n ? 0.0 : -1.0;
    bool told = false;

    for (int i = 0; i < n; i++) {
        const enum world_clause kind = classify(clause[i], topic_of(index));
        u += worth(kind, i, n, told) - (repeats(clause, i) ? 0.4 : 0.0);
        told |= kind == FACT;
    }
    free(text);
    return u - 0.05 * (words > 24 ? words - 24 : 0);
}

bool world_prefers(int who, double a, double b, uint64_t seed, uint32_t pair)
{
    static const double sharpness[WORLD_ANNOTATORS] = {2.0, 1.5, 1.5, 1.0, 0.6};
    const double p = 1 / (1 + exp(-sharpness[who % WORLD_ANNOTATORS] * (a - b)));

    return rng_uniform(seed, RNG_WORLD, (uint64_t)1 << 32 | pair, (uint32_t)who, 0) < p;
}

/* Each word once. One letter needs no token of its own: bytes have theirs. */
static void add_words(char ***list, size_t *n, const char *text)
{
    char *copy = mem_text(text), *save = NULL;

    for (char *w = strtok_r(copy, " %\n", &save); w; w = strtok_r(NULL, " %\n", &save)) {
        bool known = strlen(w) < 2;
        for (size_t i = 0; i < *n && !known; i++)
            known = !strcmp((*list)[i], w);
        if (!known) {
            *list = mem_grow(*list, *n + 2, sizeof **list);
            (*list)[(*n)++] = mem_text(w);
            (*list)[*n] = NULL;
        }
    }
    free(copy);
}

const char *const *world_words(void)
{
    static char **list;
    size_t n = 0;
    char text[WORLD_TEXT];

    if (list)
        return (const char *const *)list;
    for (int i = 0; i < WORLD_PROMPTS; i++) {
        world_prompt(text, i);
        add_words(&list, &n, text);
    }
    for (int v = 0; v < VARIANTS; v++) {
        const char *const rest[] = {greetings[v], idle[v], rude[v], farewells[v]};
        for (int t = 0; t < TOPICS; t++)
            add_words(&list, &n, facts[t][v]);
        for (int k = 0; k < 4; k++)
            add_words(&list, &n, rest[k]);
    }
    return (const char *const *)list;
}

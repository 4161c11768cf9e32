/* How it works: the methods of learning come first, a row made for each of the learner's
 * table; then the rows that the files cmd_*.c end with. commands.h lists those by name once,
 * and the list is expanded here to their declarations and to the table: a name without a row
 * does not link, a row without a name is found by tests/lint/commands.sh. */
#include "cli/commands.h"

#include "base/mem.h"
#include "learner/methods/methods.h"

#include <stdlib.h>
#include <string.h>

#define DECLARE(row) extern const struct command row;
COMMANDS(DECLARE)
#define ADDRESS(row) &row,
static const struct command *const commands[] = {COMMANDS(ADDRESS)};

/* As many as the learner's table has. */
static int methods(void)
{
    int n = 0;

    while (methods_at((size_t)n))
        n++;
    return n;
}

int commands_count(void)
{
    return methods() + (int)(sizeof commands / sizeof *commands);
}

struct command commands_at(int i)
{
    return i < methods() ? cmd_train(methods_at((size_t)i)) : *commands[i - methods()];
}

int commands_find(const char *word)
{
    for (int i = 0; word && i < commands_count(); i++)
        if (!strcmp(commands_at(i).name, word))
            return i;
    return -1;
}

const char *commands_nearest(const char *word)
{
    struct conf_key *const all = mem_new((size_t)commands_count() + 1, sizeof *all);
    const struct conf_key *const tables[] = {all, NULL};
    const char *near;

    for (int i = 0; i < commands_count(); i++)
        all[i].name = commands_at(i).name;
    near = conf_nearest(word, tables);
    free(all);
    return near;
}

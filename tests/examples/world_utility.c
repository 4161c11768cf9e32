/* What scripted people feel of answers in the small world: lines {"prompt", "answer"} in, a number a line out, at once.
 *
 * On the page nobody sees how an answer came to its end: one that ends with a clause is finished. */
#include "examples/world/world.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static bool is_finished(const char *answer)
{
    size_t n = strlen(answer);

    while (n && (answer[n - 1] == ' ' || answer[n - 1] == '\n'))
        n--;
    return n && answer[n - 1] == '.';
}

int main(void)
{
    char line[1 << 16];

    while (fgets(line, sizeof line, stdin)) {
        json_t *asked = json_loads(line, 0, NULL);
        const char *prompt = json_string_value(json_object_get(asked, "prompt"));
        const char *answer = json_string_value(json_object_get(asked, "answer"));
        const int question = prompt ? world_find(prompt) : -1;

        if (question < 0 || !answer) {
            fprintf(stderr, "no question of the world: %s", line);
            return 1;
        }
        printf("%.17g\n", world_utility(question, answer, is_finished(answer)));
        fflush(stdout);
        json_decref(asked);
    }
    return 0;
}

#include "tests/support/proxied.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void proxied_open(struct proxied *proxied, const char *endpoint)
{
    int down[2], up[2];
    FILE *answer;

    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    proxied->pid = fork();
    assert_true(proxied->pid >= 0);
    if (!proxied->pid) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        close(down[1]);
        close(up[0]);
        execl(PROXY, PROXY, "0", strrchr(endpoint, ':') + 1, (char *)NULL);
        _exit(127);
    }
    close(down[0]);
    close(up[1]);
    proxied->commands = fdopen(down[1], "w");
    answer = fdopen(up[0], "r");
    assert_int_equal(fscanf(answer, "port %d", &proxied->port), 1);
    fclose(answer);
}

void proxied_say(struct proxied *proxied, const char *command)
{
    fprintf(proxied->commands, "%s\n", command);
    fflush(proxied->commands);
}

void proxied_close(struct proxied *proxied)
{
    fclose(proxied->commands); /* the end of its input ends it */
    waitpid(proxied->pid, NULL, 0);
}

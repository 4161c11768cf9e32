/* outlet: standard output and error, and what becomes of them when they cannot be written.
 *
 * A full disk behind standard output is a failure of the command; a reader that left (`| head`,
 * a closed terminal) ends a filter, as usual, but never a run. */

#ifndef BASE_OUTLET_H
#define BASE_OUTLET_H

/* First in main: `program` is who speaks in outlet_end. A descriptor 0, 1 or 2 that is closed
 * is taken, so that no file gets its number and what is said to it. */
void outlet_open(const char *program);

/* From here on nobody's leaving ends this process: writes fail instead (SIGPIPE is ignored). */
void outlet_outlive(void);

/* Where lines for standard error go once its reader has left: appended to the file `path`. */
void outlet_keep(const char *path);

/* Before a line to standard error: has its reader left? Then the file of outlet_keep takes its
 * place, and says so in its first line. */
void outlet_look(void);

/* Last in main: `status`, or 1 with one line when standard output could not be written. */
int outlet_end(int status);

#endif

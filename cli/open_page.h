/* open_page: a browser at an address that holds a secret. */

#ifndef CLI_OPEN_PAGE_H
#define CLI_OPEN_PAGE_H

struct open_page {
    char *file; /* that leads there; open_page_end removes it */
};

/* Where there is a display, and xdg-open; else, or when that fails, nothing: the address is on
 * the terminal anyway. */
void open_page(struct open_page *page, const char *address);
void open_page_end(struct open_page *page);

#endif

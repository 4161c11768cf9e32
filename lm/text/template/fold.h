/* fold: slices of a template that are undefined, and no error, where nothing can be sliced. */

#ifndef LM_TEXT_TEMPLATE_FOLD_H
#define LM_TEXT_TEMPLATE_FOLD_H

struct node;

/* Sets `op` of those below the statements of `body`. */
void fold_slices(struct node *body);

#endif

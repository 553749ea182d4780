#ifndef CLI_DOC_MAN_H
#define CLI_DOC_MAN_H

struct buf;
struct command;

/* The manual pages as roff, from the same tables as help. */

void man_cbuild(struct buf *out, const struct command *commands); /* cbuild(1) */
void man_services(struct buf *out);                               /* services.yaml(5) */

#endif

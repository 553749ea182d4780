#ifndef CLI_REPORT_GRAPH_TEXT_H
#define CLI_REPORT_GRAPH_TEXT_H

struct buf;
struct plan;

/* The plan as a picture; each function appends a whole document. */

void graph_text(struct plan *plan, struct buf *out); /* a tree for each node without dependents */
void graph_dot(struct plan *plan, struct buf *out);  /* for Graphviz */
void graph_mermaid(struct plan *plan, struct buf *out);
void graph_svg(struct plan *plan, struct buf *out); /* laid out here (layers.h), for light and dark */

#endif

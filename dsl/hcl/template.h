#ifndef DSL_HCL_TEMPLATE_H
#define DSL_HCL_TEMPLATE_H

struct hcl_cursor;
struct hcl_expr;

/* Templates: texts with ${ } and %{ } in them. NULL after a complaint. */

/* A text in quotes; the cursor is on the first one. */
const struct hcl_expr *hcl_parse_quoted(struct hcl_cursor *c);
/* "<<EOF" or "<<-EOF", up to the line that ends it. */
const struct hcl_expr *hcl_parse_heredoc(struct hcl_cursor *c);
/* The whole text is a template, without quotes and escapes. */
const struct hcl_expr *hcl_parse_template(struct hcl_cursor *c);

#endif
